"""Results: which files a job is to become, each with its plan, its place and its name. Pure."""

import re
from collections.abc import Iterator, Sequence
from pathlib import PurePath

from msgspec import Struct, structs

from wavemill_common.catalogue import find_format
from wavemill_common.choices import trimmed_duration
from wavemill_common.errors import InvalidOption
from wavemill_common.formats import Format
from wavemill_common.jobs import Job, Output, Remark
from wavemill_common.media import Chapter, MediaInfo
from wavemill_common.objects import ObjectInfo
from wavemill_common.options import ConvertOptions, Wanted
from wavemill_converter.loudness.ebur128 import Measured
from wavemill_converter.loudness.fit import LoudnessPlan
from wavemill_converter.plan.edits import PRECISE, fade_filters, trim_filters
from wavemill_converter.plan.plan import ConversionPlan, plan_conversion
from wavemill_converter.probe.limits import Limits, check_output, check_source
from wavemill_converter.probe.source import Probed
from wavemill_converter.store.publish import output_key

AT_ONCE = 8  # results of one run of ffmpeg: each takes threads and memory
MAX_RESULTS = 200  # of one job, split by chapters
FAR = 60.0  # seconds; ffmpeg is silent about what it skips, which must not look like a stall
_UNFIT = re.compile(r'[\x00-\x1f\x7f/\\:*?"<>|]+')
_NAME_LENGTH = 120  # characters


class Result(Struct, frozen=True, kw_only=True):
    """One file to be made: its number in the job, how it is made, where it goes, what it is called.

    `source` is what it is made of.

    `whole` are the filters of all that it is a part of, where the file is split; else its own.
    """

    number: int
    target: Format
    options: ConvertOptions
    plan: ConversionPlan
    source: MediaInfo
    key: str
    file_name: str
    whole: tuple[str, ...] = ()
    loudness: LoudnessPlan | None = None

    @property
    def end(self) -> float | None:
        """How far into the source it reaches, in seconds; None if that is not known."""
        length = self.plan.duration
        return None if length is None else (self.options.trim_start or 0.0) + length

    def output(
        self,
        stored: ObjectInfo,
        sha256: str,
        remarks: tuple[Remark, ...],
        measured: Measured | None = None,
    ) -> Output:
        """Tell what was published, and how loud it is where that was asked for."""
        loudness = self.loudness
        return Output(
            key=stored.key,
            format=self.target.id,
            file_name=self.file_name,
            mime=self.target.mime,
            size=stored.size,
            sha256=sha256,
            copied=self.plan.copied,
            warnings=(
                *self.plan.remarks,
                *remarks,
                *(loudness.remarks(measured) if loudness else ()),
            ),
            loudness=loudness.report(measured) if loudness else None,
        )


def plan_results(
    job: Job, probed: Probed, limits: Limits, *, may_copy: bool = True
) -> tuple[Result, ...]:
    """Decide how a job's source is converted, once for each result.

    `may_copy` False has all of them encoded.

    Raises:
        LimitExceeded: the source, or a result that it would become, is too large.
        InvalidOption: an option does not go with this source.
    """
    check_source(probed.media, limits)
    names = set[str]()
    return tuple(
        _planned(number, job, probed, limits, part, names, may_copy=may_copy)
        for number, part in enumerate(_parts(job, probed))
    )


def runs(results: Sequence[Result]) -> list[tuple[Result, ...]]:
    """Share the results out over runs of ffmpeg; each run decodes the source once."""
    return [tuple(results[at : at + AT_ONCE]) for at in range(0, len(results), AT_ONCE)]


def clock_of(results: Sequence[Result]) -> float | None:
    """How far into the source the results of a run reach; None where their own times tell."""
    starts = {result.options.trim_start or 0.0 for result in results}
    ends = [result.end for result in results]
    known = [end for end in ends if end is not None]
    if (len(starts) == 1 and max(starts) < FAR) or len(known) < len(ends):
        return None
    return max(known)


class Part(Struct, frozen=True):
    """One result that is wanted; what it is a part of, and its title, where a file is split."""

    wanted: Wanted
    whole: ConvertOptions
    title: str | None = None


def _planned(
    number: int,
    job: Job,
    probed: Probed,
    limits: Limits,
    part: Part,
    names: set[str],
    *,
    may_copy: bool,
) -> Result:
    wanted = part.wanted
    target = find_format(wanted.format)
    encoding = target.encoding(wanted.quality)
    plan = plan_conversion(target, encoding, wanted.options, probed, may_copy=may_copy)
    check_output(plan.expected_size, limits)
    name = _unused(result_name(job.file_name, part.title, target), names)
    names.add(name)
    return Result(
        number=number,
        target=target,
        options=wanted.options,
        plan=plan,
        source=probed.media,
        key=output_key(job.job_id, job.attempt, number, job.claim_id or "", target.extension),
        file_name=name,
        whole=_edits(part.whole, probed),
    )


def _edits(options: ConvertOptions, probed: Probed) -> tuple[str, ...]:
    duration = trimmed_duration(options, probed.media.duration)
    return (*trim_filters(options), PRECISE, *fade_filters(options, duration))


def _parts(job: Job, probed: Probed) -> list[Part]:
    """What is wanted, split by chapters where that is asked for."""
    found: list[Part] = []
    for wanted in job.wanted:
        whole = wanted.options
        found += _split(wanted, probed) if whole.split else [Part(wanted, whole)]
    if len(found) > MAX_RESULTS:
        raise InvalidOption(f"there would be {len(found)} results; at most {MAX_RESULTS} are made")
    return found


def _split(wanted: Wanted, probed: Probed) -> Iterator[Part]:
    options = wanted.options
    start, end = options.trim_start or 0.0, options.trim_end
    chapters = [one for one in probed.media.chapters or () if _is_within(one, start, end)]
    if not chapters:
        raise InvalidOption("this file has no chapters to split it by")
    for number, chapter in enumerate(chapters, 1):
        title = chapter.title or f"Chapter {number}"
        part = structs.replace(
            options,
            split=None,
            chapters="remove",
            trim_start=max(start, chapter.start),
            trim_end=chapter.end if end is None else min(end, chapter.end),
            fade_in=options.fade_in if number == 1 else None,
            fade_out=options.fade_out if number == len(chapters) else None,
            metadata=_tags_of_part(wanted, title, f"{number}/{len(chapters)}"),
        )
        yield Part(structs.replace(wanted, options=part), options, f"{number:02d} {title}")


def _is_within(chapter: Chapter, start: float, end: float | None) -> bool:
    return chapter.end > max(start, chapter.start) and (end is None or chapter.start < end)


def _tags_of_part(wanted: Wanted, title: str, track: str) -> dict[str, str | None]:
    given = wanted.options.metadata
    return given | {"title": title, "track": track} if find_format(wanted.format).tags else given


def result_name(file_name: str, title: str | None, target: Format) -> str:
    """Name a result after its source: `talk.wav` as mp3 is `talk.mp3`; a part has its title."""
    stem = PurePath(file_name).stem or "audio"
    if title:
        words = _UNFIT.sub(" ", title).split()
        stem = f"{stem} - {' '.join(words)}"[:_NAME_LENGTH]
    return f"{stem}.{target.extension}"


def _unused(name: str, used: set[str]) -> str:
    stem, _, extension = name.rpartition(".")
    candidates = (f"{stem} ({number}).{extension}" for number in range(2, MAX_RESULTS + 2))
    return name if name not in used else next(one for one in candidates if one not in used)
