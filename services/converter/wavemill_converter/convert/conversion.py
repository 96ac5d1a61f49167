"""Conversion: the decisions that every path of a conversion shares, and the choice of the path.

    streaming_convert_audio   object store → ffmpeg → object store, nothing whole in between
    fallback_file_conversion  by way of scratch files: for what cannot stream, and when that trips

Object store, ffmpeg and progress come in as arguments; nothing here knows the queue or the job
store.
"""

from collections.abc import Callable, Sequence

from msgspec import Struct

from wavemill_common.errors import InputMissing, ObjectNotFound
from wavemill_common.jobs import Job, Output, Remark
from wavemill_common.media import MediaInfo
from wavemill_common.objects import ObjectInfo
from wavemill_common.progress.snapshot import Stage, format_time
from wavemill_converter.check.report import abridged
from wavemill_converter.convert.artwork import with_pictures
from wavemill_converter.convert.loudness import fit_results
from wavemill_converter.ffmpeg.memory import is_supported
from wavemill_converter.ffmpeg.places import Input
from wavemill_converter.ffmpeg.progress import TranscodeProgress
from wavemill_converter.plan.edits import needs_length
from wavemill_converter.plan.results import Result, plan_results
from wavemill_converter.probe.length import measure_length
from wavemill_converter.probe.source import Probed
from wavemill_converter.store.growing import Readable
from wavemill_converter.tools import Tools
from wavemill_converter.transcode.transcode import OnProgress

Report = Callable[..., None]


class Converted(Struct, frozen=True):
    """What came out: published results and peaks, what the source was, what to tell the owner."""

    outputs: tuple[Output, ...]
    media: MediaInfo
    remarks: tuple[Remark, ...]
    peaks_key: str | None = None


async def find_input(objects: Readable, job: Job) -> ObjectInfo:
    """Look the uploaded file up.

    Raises:
        InputMissing: it is no longer there.
    """
    try:
        return await objects.stat(job.input_key)
    except ObjectNotFound:
        raise InputMissing("the uploaded file is no longer there; upload it again") from None


def progress_reporter(report: Report, run: int, runs: int, length: float | None) -> OnProgress:
    """Say that run `run` of `runs` begins, of `length` seconds; return what tells its steps."""
    shown = None if length is None else format_time(length)
    report(Stage.CONVERTING, total_duration=shown)

    def on_progress(step: TranscodeProgress) -> None:
        left = step.eta if run == runs - 1 else None
        report(
            Stage.CONVERTING,
            progress=(100 * run + step.percent) // runs,
            current_time=format_time(step.out_time),
            estimated_time_remaining=left,
            speed=step.speed,
        )

    return on_progress


def longest(results: Sequence[Result]) -> float | None:
    """How long the longest of some results is, in seconds; None if that is not known."""
    lengths = [result.plan.duration for result in results]
    return max((one for one in lengths if one is not None), default=None)


async def prepare(
    job: Job,
    tools: Tools,
    source: Input,
    probed: Probed,
    report: Report,
    *,
    may_copy: bool = True,
) -> tuple[Result, ...]:
    """Plan all results of a source, and measure it where the plans depend on it.

    `may_copy` False has all of them encoded.

    Raises:
        LimitExceeded: the source, or a result that it would become, is too large.
        InvalidOption: an option does not go with this source.
        FfmpegFailed, FfmpegTimeout: the source could not be measured.
    """
    exact = probed.duration_exact
    length = probed.media.duration
    if any(needs_length(one.options, length, exact=exact) for one in job.wanted):
        probed = await measure_length(tools.ffmpeg, source, probed, tools.timeouts.total)
    results = plan_results(job, probed, tools.limits, may_copy=may_copy and is_supported())
    results = await with_pictures(tools.ffmpeg, tools.objects, source, results)

    def on_time(seconds: float) -> None:
        report(Stage.PROBING, current_time=format_time(seconds))

    return await fit_results(
        tools.ffmpeg, source, results, seconds=tools.timeouts.total, on_time=on_time
    )


def converted(results: Sequence[Output], probed: Probed, peaks_key: str | None) -> Converted:
    """Put together what came out; a warning that several results share is said once."""
    remarks = dict.fromkeys(remark for one in results for remark in one.warnings)
    return Converted(tuple(results), abridged(probed.media), tuple(remarks), peaks_key)
