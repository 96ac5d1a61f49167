"""Conversion: what an attempt does between claim and commit: fetch, probe, transcode, publish.

This is the path by scratch files, right for every input and every format. Object store, ffmpeg
and progress come in as arguments; nothing here knows the queue or the job store.
"""

from collections.abc import Callable
from pathlib import Path, PurePath

import structlog
from msgspec import Struct

from wavemill_common.catalogue import find_format
from wavemill_common.errors import InputMissing, ObjectNotFound
from wavemill_common.formats import Format
from wavemill_common.jobs import Job, Output, Remark
from wavemill_common.media import MediaInfo
from wavemill_common.objects import ObjectStore
from wavemill_common.progress.snapshot import Stage, format_time
from wavemill_common.retry import retried
from wavemill_converter.check import check_result
from wavemill_converter.ffmpeg import Ffmpeg
from wavemill_converter.limits import Limits, check_output
from wavemill_converter.plan import plan_conversion
from wavemill_converter.probe import probe
from wavemill_converter.publish import fetch, output_key, publish
from wavemill_converter.transcode import Timeouts, TranscodeProgress, transcode

log = structlog.get_logger(__name__)

Report = Callable[..., None]


class Tools(Struct, frozen=True):
    """What a conversion works with."""

    objects: ObjectStore
    ffmpeg: Ffmpeg
    limits: Limits
    timeouts: Timeouts


class Converted(Struct, frozen=True):
    """What came out: the published results, what the source was, what the owner should know."""

    outputs: tuple[Output, ...]
    media: MediaInfo
    remarks: tuple[Remark, ...]


async def fallback_file_conversion(
    job: Job, tools: Tools, scratch: Path, report: Report
) -> Converted:
    """Convert a job's input by way of files in `scratch`.

    Raises:
        ConversionError: the input cannot be converted, or ffmpeg failed.
        Unavailable: a store failed; another attempt may succeed.
    """
    target = find_format(job.format)
    source, result = scratch / "source", scratch / f"result.{target.extension}"
    report(Stage.PROBING)
    await retried(_fetch_input, tools.objects, job, source)
    probed = await probe(tools.ffmpeg, source, tools.limits)
    encoding = target.encoding(job.quality)
    plan = plan_conversion(target, encoding, job.options, probed)
    check_output(plan.expected_size, tools.limits)
    total = probed.media.duration
    shown = None if total is None else format_time(total)
    report(Stage.CONVERTING, total_duration=shown)

    def on_progress(step: TranscodeProgress) -> None:
        report(
            Stage.CONVERTING,
            progress=step.percent,
            current_time=format_time(step.out_time),
            estimated_time_remaining=step.eta,
            speed=step.speed,
        )

    transcoded = await transcode(
        tools.ffmpeg,
        source,
        result,
        plan,
        tools.timeouts,
        on_progress,
        max_bytes=tools.limits.max_output_bytes,
    )
    report(Stage.VERIFYING)
    remarks = check_result(transcoded, probed, result)
    source.unlink()
    report(Stage.UPLOADING, estimated_time_remaining=0)
    key = output_key(job.job_id, job.attempt, 0, job.claim_id or "", target.extension)
    published = await retried(publish, tools.objects, key, result)
    output = Output(
        key=published.key,
        format=target.id,
        file_name=result_name(job.file_name, target),
        mime=target.mime,
        size=published.size,
        sha256=published.sha256,
    )
    return Converted((output,), probed.media, (*plan.remarks, *remarks))


def result_name(file_name: str, target: Format) -> str:
    """Name a result after its source: `talk.wav` as mp3 is `talk.mp3`."""
    stem = PurePath(file_name).stem or "audio"
    return f"{stem}.{target.extension}"


async def _fetch_input(objects: ObjectStore, job: Job, path: Path) -> None:
    try:
        await fetch(objects, job.input_key, path)
    except ObjectNotFound:
        raise InputMissing("the uploaded file is no longer there; upload it again") from None
