"""Report: compare what arrived with what was there and what was asked for. Pure."""

from collections.abc import Iterator, Sequence
from typing import Final

from msgspec import structs

from wavemill_common.formats import Format
from wavemill_common.media import Chapter, MediaInfo
from wavemill_common.options import ConvertOptions
from wavemill_common.remarks import no_chapters, no_cover, no_tags
from wavemill_common.report import Fate, PartFate, Report, TagFate
from wavemill_common.tag_names import canonical, wanted_tags
from wavemill_converter.ffmpeg.codecs import CODECS
from wavemill_converter.plan.tag_names import written
from wavemill_converter.plan.tagging import TOTALS, XIPH, wanted_chapters, with_totals

MAX_VALUE: Final = 1_000  # characters of a value in the record
MAX_TEXT: Final = 16_000  # characters of all tags of a file in the record
MAX_CHAPTERS: Final = 500
MAX_TITLE: Final = 100
_SLACK: Final = 0.05  # seconds by which a chapter may have moved
_AS_ASKED: Final = "as asked"
_FIXED_SETS: Final = {
    "wav": "WAV keeps only the tags of RIFF's INFO list",
    "m4a": "M4A keeps only the tags that Apple has named",
    "m4b": "M4B keeps only the tags that Apple has named",
    "alac": "M4A keeps only the tags that Apple has named",
}
_ONE_TAG: Final = frozenset({"comment", "description"})  # ffmpeg takes one for the other in Xiph
# Written as `tmpo`, which ffmpeg does not read, and as `ISFT`, which it takes for its own name.
_UNSEEN: Final = frozenset({("ipod", "bpm"), ("wav", "software")})


def compare(
    source: MediaInfo, result: MediaInfo, options: ConvertOptions, target: Format
) -> Report:
    """Tell for each tag, the cover and the chapters whether they arrived, and why not."""
    return Report(
        tags=tuple(_tags(source, result, options, target)),
        cover=_cover(source, result, options, target),
        chapters=_chapters(source, result, options, target),
    )


def _tags(
    source: MediaInfo, result: MediaInfo, options: ConvertOptions, target: Format
) -> Iterator[TagFate]:
    wanted, before = wanted_tags(source, options), source.tags or {}
    asked = {canonical(name).lower() for name in options.metadata}
    there = {name.lower(): value for name, value in (result.tags or {}).items()}
    for name in dict.fromkeys((*before, *wanted)):
        if name not in wanted:
            yield TagFate(name=name, fate=Fate.REMOVED, why=_AS_ASKED)
            continue
        after = there.get(name.lower())
        if after == wanted[name] or _is_elsewhere(name, wanted, there, target):
            is_set = name.lower() in asked and before.get(name) != wanted[name]
            yield TagFate(name=name, fate=Fate.SET if is_set else Fate.KEPT)
        elif after is None:
            yield TagFate(name=name, fate=Fate.DROPPED, why=_no_room(target))
        else:
            why = f"{target.name} has it in another form"
            yield TagFate(name=name, fate=Fate.CHANGED, after=after[:MAX_VALUE], why=why)


def _is_elsewhere(name: str, wanted: dict[str, str], there: dict[str, str], target: Format) -> bool:
    """Whether a value is there in a way that shows only on a second look."""
    muxer, low = CODECS[target.id].muxer, name.lower()
    if muxer in XIPH and low in _ONE_TAG:
        return wanted[name] in there.get("comment", "")
    joined = with_totals(wanted)
    if low in TOTALS and low in joined:
        return there.get(low) == joined[low]
    if there.get(written(name, muxer).lower()) == wanted[name]:
        return True
    for number, totals in TOTALS.items():
        if low in totals:
            return there.get(number, "").endswith(f"/{wanted[name]}")
    return (muxer, low) in _UNSEEN


def _no_room(target: Format) -> str:
    if not target.tags:
        return no_tags(target)
    return _FIXED_SETS.get(target.id, f"{target.name} did not take it")


def _cover(
    source: MediaInfo, result: MediaInfo, options: ConvertOptions, target: Format
) -> PartFate | None:
    before, after = int(source.cover is not None), int(result.cover is not None)
    if not (before or after or options.gives_cover):
        return None
    fate, why = _fate_of_cover(before, after, options, target)
    return PartFate(fate=fate, before=before, after=after, why=why)


def _fate_of_cover(
    before: int, after: int, options: ConvertOptions, target: Format
) -> tuple[Fate, str | None]:
    if options.cover == "remove":
        return (Fate.CHANGED, "it is still there") if after else (Fate.REMOVED, _AS_ASKED)
    if options.gives_cover and after:
        return Fate.SET, _AS_ASKED
    if after < before or options.gives_cover:
        return Fate.DROPPED, _no_cover(target)
    return Fate.KEPT, None


def _no_cover(target: Format) -> str:
    if not target.cover:
        return no_cover(target)
    return "the picture is no JPEG or PNG that can be read"


def _chapters(
    source: MediaInfo, result: MediaInfo, options: ConvertOptions, target: Format
) -> PartFate | None:
    before, after = source.chapters or (), result.chapters or ()
    wanted = wanted_chapters(source, options)
    if not (before or wanted or after):
        return None
    fate, why = _fate_of_chapters(before, wanted, after, options, target)
    return PartFate(fate=fate, before=len(before), after=len(after), why=why)


def _fate_of_chapters(
    before: Sequence[Chapter],
    wanted: Sequence[Chapter],
    after: Sequence[Chapter],
    options: ConvertOptions,
    target: Format,
) -> tuple[Fate, str | None]:
    if len(after) < len(wanted):
        none = no_chapters(target)
        return Fate.DROPPED, none if not target.chapters else f"{target.name} did not take them all"
    if options.chapters != "keep":
        return (Fate.SET, _AS_ASKED) if wanted else (Fate.REMOVED, _AS_ASKED)
    if not _alike(wanted, after):
        return Fate.CHANGED, f"{target.name} has them in another form"
    return (Fate.KEPT, None) if wanted == tuple(before) else (Fate.CHANGED, "trimmed as asked")


def _alike(wanted: Sequence[Chapter], after: Sequence[Chapter]) -> bool:
    return len(wanted) == len(after) and all(
        abs(one.start - other.start) <= _SLACK and one.title == other.title
        for one, other in zip(wanted, after, strict=True)
    )


def abridged(media: MediaInfo) -> MediaInfo:
    """Cut long values, so that a record stays small whatever a file holds."""
    tags, left = {}, MAX_TEXT
    for name, value in (media.tags or {}).items():
        tags[name] = value[: min(MAX_VALUE, left)]
        left -= len(name) + len(tags[name])
        if left <= 0:
            break
    chapters = tuple(
        structs.replace(one, title=one.title[:MAX_TITLE])
        for one in (media.chapters or ())[:MAX_CHAPTERS]
    )
    return structs.replace(
        media,
        tags=tags if media.tags is not None else None,
        chapters=chapters if media.chapters is not None else None,
    )


def shortened(report: Report) -> Report:
    """Cut a report of very many tags: what went wrong first."""
    order = sorted(report.tags, key=lambda tag: tag.fate in (Fate.KEPT, Fate.SET))
    kept, left = [], MAX_TEXT
    for tag in order:
        left -= len(tag.name) + len(tag.after or "") + len(tag.why or "")
        if left <= 0:
            break
        kept.append(tag)
    return structs.replace(report, tags=tuple(kept) if len(kept) < len(order) else report.tags)
