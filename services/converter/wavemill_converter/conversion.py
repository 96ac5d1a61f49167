"""Conversion: the decisions that every path of a conversion shares, and the choice of the path.

    streaming_convert_audio   object store → ffmpeg → object store, nothing whole in between
    fallback_file_conversion  by way of scratch files: for what cannot stream, and when that trips

Object store, ffmpeg and progress come in as arguments; nothing here knows the queue or the job
store.
"""

from collections.abc import Callable
from pathlib import PurePath

from msgspec import Struct

from wavemill_common.catalogue import find_format
from wavemill_common.errors import InputMissing, ObjectNotFound
from wavemill_common.formats import Format
from wavemill_common.jobs import Job, Output, Remark
from wavemill_common.media import MediaInfo
from wavemill_common.objects import ObjectInfo, ObjectStore
from wavemill_common.progress.snapshot import Stage, format_time
from wavemill_converter.ffmpeg import Ffmpeg
from wavemill_converter.limits import Limits, check_output, check_source
from wavemill_converter.plan import ConversionPlan, plan_conversion
from wavemill_converter.publish import output_key
from wavemill_converter.source import Probed
from wavemill_converter.streaming.proxy import RangeProxy
from wavemill_converter.transcode import OnProgress, Timeouts, TranscodeProgress

Report = Callable[..., None]


class Tools(Struct, frozen=True):
    """What a conversion works with. `decodes`: results are decoded before they are committed."""

    objects: ObjectStore
    ffmpeg: Ffmpeg
    proxy: RangeProxy
    limits: Limits
    timeouts: Timeouts
    decodes: bool = True


class Converted(Struct, frozen=True):
    """What came out: the published results, what the source was, what the owner should know."""

    outputs: tuple[Output, ...]
    media: MediaInfo
    remarks: tuple[Remark, ...]


async def find_input(objects: ObjectStore, job: Job) -> ObjectInfo:
    """Look the uploaded file up.

    Raises:
        InputMissing: it is no longer there.
    """
    try:
        return await objects.stat(job.input_key)
    except ObjectNotFound:
        raise InputMissing("the uploaded file is no longer there; upload it again") from None


def plan_job(job: Job, probed: Probed, limits: Limits) -> ConversionPlan:
    """Decide how a job's source is converted.

    Raises:
        LimitExceeded: the source, or the result that it would become, is too large.
    """
    check_source(probed.media, limits)
    target = find_format(job.format)
    plan = plan_conversion(target, target.encoding(job.quality), job.options, probed)
    check_output(plan.expected_size, limits)
    return plan


def progress_reporter(report: Report, plan: ConversionPlan) -> OnProgress:
    """Say that the conversion begins; return what tells its steps."""
    shown = None if plan.duration is None else format_time(plan.duration)
    report(Stage.CONVERTING, total_duration=shown)

    def on_progress(step: TranscodeProgress) -> None:
        report(
            Stage.CONVERTING,
            progress=step.percent,
            current_time=format_time(step.out_time),
            estimated_time_remaining=step.eta,
            speed=step.speed,
        )

    return on_progress


def key_for(job: Job) -> str:
    """Where this attempt's result goes."""
    extension = find_format(job.format).extension
    return output_key(job.job_id, job.attempt, 0, job.claim_id or "", extension)


def describe_output(job: Job, stored: ObjectInfo, sha256: str) -> Output:
    """Tell what was published."""
    target = find_format(job.format)
    return Output(
        key=stored.key,
        format=target.id,
        file_name=result_name(job.file_name, target),
        mime=target.mime,
        size=stored.size,
        sha256=sha256,
    )


def result_name(file_name: str, target: Format) -> str:
    """Name a result after its source: `talk.wav` as mp3 is `talk.mp3`."""
    stem = PurePath(file_name).stem or "audio"
    return f"{stem}.{target.extension}"
