"""streaming_convert_audio: the path without whole files. Same decisions, command, and bytes."""

import structlog

from wavemill_common.jobs import Job
from wavemill_common.progress.snapshot import Stage
from wavemill_converter.artwork import with_picture
from wavemill_converter.check import check_report
from wavemill_converter.command import fd_destination, http_input
from wavemill_converter.conversion import (
    Converted,
    Report,
    Tools,
    describe_output,
    find_input,
    key_for,
    plan_job,
    progress_reporter,
)
from wavemill_converter.memory import MemoryFile, is_supported
from wavemill_converter.plan import ConversionPlan
from wavemill_converter.probe import PROBE_TIME, probe_input
from wavemill_converter.published import check_published
from wavemill_converter.readback import read_result
from wavemill_converter.source import Probed
from wavemill_converter.streaming.blocks import BlockReader
from wavemill_converter.streaming.follower import OutputFollower
from wavemill_converter.streaming.layout import plan_layout
from wavemill_converter.transcode import Transcoded, transcode_between

log = structlog.get_logger(__name__)


def validate_streaming_support() -> str | None:
    """Say why nothing can be streamed on this machine; None where it can."""
    if not is_supported():
        return "this system has no memory files (Linux has): conversions go by way of files"
    return None


async def streaming_convert_audio(job: Job, tools: Tools, report: Report) -> Converted:
    """Convert a job's input without ever having it, or the result, as a whole.

    Raises:
        StreamTripped: this output cannot be streamed; nothing of it is left.
        ConversionError: the input cannot be converted, or ffmpeg failed.
        Unavailable: a store failed; another attempt may succeed.
    """
    report(Stage.PROBING)
    reader = BlockReader(tools.objects, await find_input(tools.objects, job))
    with tools.proxy.published(reader) as url, MemoryFile(job.job_id) as memory:
        try:
            probed = await probe_input(tools.ffmpeg, http_input(url), reader.size, PROBE_TIME)
            plan = plan_job(job, probed, tools.limits)
            plan = await with_picture(tools.ffmpeg, tools.objects, http_input(url), plan)
            layout = plan_layout(plan, tag_bytes(probed, plan), tools.limits.max_output_bytes)
            follower = OutputFollower(tools.objects, key_for(job), memory, layout)
            return await _convert(job, tools, report, reader, url, probed, plan, follower)
        except Exception:
            _raise_source_failure(reader)  # whatever else went wrong followed from it
            raise


async def _convert(
    job: Job,
    tools: Tools,
    report: Report,
    reader: BlockReader,
    url: str,
    probed: Probed,
    plan: ConversionPlan,
    follower: OutputFollower,
) -> Converted:
    try:
        transcoded = await transcode_between(
            tools.ffmpeg,
            http_input(url),
            fd_destination(follower.fd, by_number=tools.ffmpeg.writes_fd),
            plan,
            timeouts=tools.timeouts,
            on_progress=progress_reporter(report, plan),
            max_bytes=tools.limits.max_output_bytes,
            companion=follower.follow,
            bytes_read=lambda: reader.position,
        )
        _raise_source_failure(reader)
        remarks = check_report(transcoded, probed, follower.size)
        report(Stage.UPLOADING, estimated_time_remaining=0)
        stored = await follower.finish(index_in_front=plan.codec.faststart)
    except BaseException:
        await follower.abort()
        raise
    report(Stage.VERIFYING)
    _log(transcoded, follower, reader)
    sha256 = await check_published(tools, stored, follower.part_digests(), plan, transcoded)
    output = describe_output(job, stored, sha256)
    return await read_result(tools, job, stored, output, probed, (*plan.remarks, *remarks))


def tag_bytes(probed: Probed, plan: ConversionPlan) -> int:
    """How many bytes the tags may take at the beginning of a result, rather too many."""
    tags = probed.tags_as_read if plan.tagging is None else plan.tagging.tags
    text = sum(len(key) + 4 * len(value) for key, value in tags.items())
    return text + len(plan.picture or b"")


def _raise_source_failure(reader: BlockReader) -> None:
    """What was made of a source that could not be read to its end is worthless."""
    if reader.failure is not None:
        raise reader.failure


def _log(transcoded: Transcoded, follower: OutputFollower, reader: BlockReader) -> None:
    log.info(
        "streamed",
        bytes=transcoded.total_size,
        early_parts=follower.early,
        memory_peak=follower.peak,
        source_requests=reader.requests,
    )
