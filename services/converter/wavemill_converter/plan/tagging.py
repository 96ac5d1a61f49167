"""Tagging: which tags and chapters a result shall have, where ffmpeg's own way is not right. Pure.

ffmpeg copies a source's tags and chapters by itself. They are written by us where the caller
changes them, where the sound is trimmed, where a tag would arrive under another container's name,
and in the Xiph formats, whose chapters are tags: ffmpeg writes none in FLAC and Vorbis, and in
Opus those of the second half of a second one second late.
"""

from msgspec import Struct

from wavemill_common.formats import Format
from wavemill_common.media import Chapter, MediaInfo
from wavemill_common.options import ConvertOptions
from wavemill_common.tag_names import wanted_tags
from wavemill_converter.ffmpeg.codecs import CODECS
from wavemill_converter.plan.tag_names import all_written
from wavemill_converter.probe.source import Probed

XIPH = frozenset({"flac", "ogg", "opus"})
TOTALS = {"track": ("tracktotal", "totaltracks"), "disc": ("disctotal", "totaldiscs")}
_WITH_TOTAL = frozenset({"aiff", "asf", "ipod", "mp3", "tta", "wav", "wv"})  # "3/12" is one tag


class Tagging(Struct, frozen=True, kw_only=True):
    """What a result shall have, with names as its muxer takes them.

    `strips`: nothing that the source says elsewhere, on its streams, may come along.
    """

    tags: dict[str, str]
    chapters: tuple[Chapter, ...] = ()
    strips: bool = False


def plan_tags(probed: Probed, target: Format, options: ConvertOptions) -> Tagging | None:
    """Say what the result shall have; None where ffmpeg's own mapping does that."""
    if not target.tags:
        return None
    muxer = CODECS[target.id].muxer
    wanted = wanted_tags(probed.media, options)
    if muxer in _WITH_TOTAL:
        wanted = with_totals(wanted)
    tags = all_written(wanted, muxer)
    chapters = wanted_chapters(probed.media, options) if target.chapters else ()
    # The Xiph formats would take what stands beside the sound, such as MP4's handler, for tags.
    strips = options.strip_metadata or probed.tags_on_stream or muxer in XIPH
    if muxer in XIPH and chapters:
        return Tagging(tags=tags | chapter_tags(chapters), strips=strips)
    is_own = chapters == (probed.media.chapters or ()) or not target.chapters
    is_left = not (options.strip_metadata or _has_picture_tag(probed, target, options))
    is_clean = muxer not in XIPH or probed.tags_on_stream or not probed.stream_tags
    if is_own and is_left and is_clean and _same(tags, probed.tags_as_read, muxer):
        return None
    return Tagging(tags=tags, chapters=chapters, strips=strips)


def _same(tags: dict[str, str], others: dict[str, str], muxer: str) -> bool:
    """Whether these are the same tags; names mean the same in any case, but for RIFF's."""
    if muxer == "wav":
        return tags == others
    lowered = {name.lower(): value for name, value in others.items()}
    return {name.lower(): value for name, value in tags.items()} == lowered


def _has_picture_tag(probed: Probed, target: Format, options: ConvertOptions) -> bool:
    """Whether the result's cover has to be one of its tags."""
    has_cover = options.gives_cover or (probed.covers and options.cover == "keep")
    return bool(has_cover) and CODECS[target.id].pictures == "tag"


def with_totals(tags: dict[str, str]) -> dict[str, str]:
    """Put number and total together: "3/12" is one tag in most formats, two in the Xiph ones."""
    names = {name.lower(): name for name in tags}
    joined = dict(tags)
    for number, totals in TOTALS.items():
        total = next((names[one] for one in totals if one in names), None)
        if total and tags.get(number, "").isdigit():
            joined[number] = f"{tags[number]}/{joined.pop(total)}"
    return joined


def wanted_chapters(source: MediaInfo, options: ConvertOptions) -> tuple[Chapter, ...]:
    """The chapters that the result shall have, in seconds of the result."""
    asked = options.chapters
    if isinstance(asked, str):
        if asked == "remove":
            return ()
        return trimmed(source.chapters or (), options.trim_start, options.trim_end)
    length = result_length(source.duration, options)
    starts = [mark.start for mark in asked]
    ends = [*starts[1:], max(length or 0.0, starts[-1])] if starts else []
    return tuple(
        Chapter(mark.start, end if length is None else min(end, length), mark.title)
        for mark, end in zip(asked, ends, strict=True)
        if length is None or mark.start < length
    )


def result_length(duration: float | None, options: ConvertOptions) -> float | None:
    """How many seconds the result will last; None if that is not known."""
    start, end = options.trim_start or 0.0, options.trim_end
    if duration is None:
        return None if end is None else end - start
    return max(0.0, min(duration, duration if end is None else end) - start)


def trimmed(
    chapters: tuple[Chapter, ...], start: float | None, end: float | None
) -> tuple[Chapter, ...]:
    """Move chapters to where they are in a part of the source; those outside of it go."""
    if start is None and end is None:
        return chapters
    begin, stop = start or 0.0, float("inf") if end is None else end
    return tuple(
        Chapter(max(one.start, begin) - begin, min(one.end, stop) - begin, one.title)
        for one in chapters
        if one.end > begin and one.start < stop
    )


def chapter_tags(chapters: tuple[Chapter, ...]) -> dict[str, str]:
    """Chapters as the Xiph formats' players read them: CHAPTER000=00:00:00.000, and a name."""
    tags: dict[str, str] = {}
    for number, chapter in enumerate(chapters):
        tags[f"CHAPTER{number:03}"] = _clock(chapter.start)
        tags[f"CHAPTER{number:03}NAME"] = chapter.title
    return {name: value for name, value in tags.items() if value}


def _clock(seconds: float) -> str:
    whole, milliseconds = divmod(round(seconds * 1000), 1000)
    return f"{whole // 3600:02}:{whole // 60 % 60:02}:{whole % 60:02}.{milliseconds:03}"
