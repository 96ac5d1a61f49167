"""streaming_convert_audio: the path without whole files. Same decisions, command, and bytes."""

from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from functools import partial

import structlog
from msgspec import structs

from wavemill_common.jobs import Job, Output
from wavemill_common.objects import ObjectInfo
from wavemill_common.progress.snapshot import Stage
from wavemill_converter.check.check import check_report
from wavemill_converter.check.published import (
    check_published,
    measure_published,
    unless_all_is_well,
)
from wavemill_converter.check.readback import read_result
from wavemill_converter.convert.conversion import (
    Converted,
    Report,
    converted,
    find_input,
    longest,
    prepare,
    progress_reporter,
)
from wavemill_converter.convert.copying import copies_of, copying_first
from wavemill_converter.convert.peaks import PeaksOfJob
from wavemill_converter.convert.segments.conversion import convert_in_segments
from wavemill_converter.convert.segments.upload import JoinedUpload
from wavemill_converter.convert.streaming.follower import OutputFollower, follow_all
from wavemill_converter.convert.streaming.layout import plan_layout
from wavemill_converter.ffmpeg.memory import MemoryFile, is_supported
from wavemill_converter.ffmpeg.places import fd_destination
from wavemill_converter.opened import Opened, opened
from wavemill_converter.plan.packets import packet_options
from wavemill_converter.plan.plan import ConversionPlan
from wavemill_converter.plan.results import Result, clock_of, runs
from wavemill_converter.probe.probe import PROBE_TIME, probe_input
from wavemill_converter.probe.source import Probed
from wavemill_converter.sandbox.process import Child
from wavemill_converter.tools import Tools
from wavemill_converter.transcode.outcome import Transcoded
from wavemill_converter.transcode.peaks import Tap
from wavemill_converter.transcode.transcode import OnProgress, transcode_between

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
    return await copying_first(partial(_convert, job, tools, report))


async def _convert(job: Job, tools: Tools, report: Report, *, may_copy: bool) -> Converted:
    report(Stage.PROBING)
    found = await find_input(tools.sources, job)
    async with opened(tools, found, tools.sources) as source:
        try:
            probed = await probe_input(tools.ffmpeg, source.input, source.size, PROBE_TIME)
            results = await prepare(job, tools, source.input, probed, report, may_copy=may_copy)
            peaks = PeaksOfJob(job, probed, hears_results=tools.decodes)
            whole = tools.growing is None and not job.quarantined
            if whole and (done := await _in_segments(tools, report, found, probed, results, peaks)):
                return done
            return await _convert_all(tools, report, source, probed, results, peaks)
        except Exception:
            source.raise_failure()  # whatever else went wrong followed from it
            raise


async def _in_segments(
    tools: Tools,
    report: Report,
    found: ObjectInfo,
    probed: Probed,
    results: Sequence[Result],
    peaks: PeaksOfJob,
) -> Converted | None:
    """Convert with idle slots, too, where that can be done; None where it cannot."""

    async def publish(result: Result, upload: JoinedUpload, transcoded: Transcoded) -> Output:
        return await _publish(tools, result, upload, transcoded, report, peaks)

    outputs = list[Output]()
    async with unless_all_is_well(tools.objects, outputs):
        output = await convert_in_segments(tools, found, probed, results, peaks, report, publish)
        if output is None:
            return None
        outputs.append(output)
        return converted(outputs, probed, await peaks.store(tools.objects, len(outputs)))


async def _convert_all(
    tools: Tools,
    report: Report,
    source: Opened,
    probed: Probed,
    results: Sequence[Result],
    peaks: PeaksOfJob,
) -> Converted:
    batches, outputs = runs(results), list[Output]()
    async with copies_of(results), unless_all_is_well(tools.objects, outputs):
        for number, batch in enumerate(batches):
            on_progress = progress_reporter(report, number, len(batches), longest(batch))
            async with AsyncExitStack() as stack:
                followers = [
                    await stack.enter_async_context(_following(tools, probed, result, len(batch)))
                    for result in batch
                ]
                tap = stack.enter_context(peaks.source())
                packets = packet_options(probed, [result.plan for result in batch])
                read = structs.replace(source, input=source.input.with_options(*packets))
                done = await _transcode(tools, read, batch, followers, on_progress, tap)
                source.raise_failure()
                for result, follower, transcoded in zip(batch, followers, done, strict=True):
                    published = await _publish(tools, result, follower, transcoded, report, peaks)
                    outputs.append(published)
        return converted(outputs, probed, await peaks.store(tools.objects, len(outputs)))


@asynccontextmanager
async def _following(
    tools: Tools, probed: Probed, result: Result, beside: int
) -> AsyncIterator[OutputFollower]:
    """A memory file, and who follows it; nothing of either is left behind."""
    layout = plan_layout(
        result.plan, tag_bytes(probed, result.plan), tools.limits.max_output_bytes, beside
    )
    with MemoryFile(result.key) as memory:
        follower = OutputFollower(tools.objects, result.key, memory, layout)
        try:
            yield follower
        except BaseException:
            await follower.abort()
            raise


async def _transcode(
    tools: Tools,
    source: Opened,
    batch: Sequence[Result],
    followers: Sequence[OutputFollower],
    on_progress: OnProgress,
    tap: Tap | None,
) -> tuple[Transcoded, ...]:
    async def follow(child: Child, alive: Callable[[], None]) -> None:
        peak = await follow_all(followers, child, alive)
        log.info(
            "streamed",
            outputs=len(batch),
            bytes=sum(one.size for one in followers),
            early_parts=sum(one.early for one in followers),
            memory_peak=peak,
        )

    return await transcode_between(
        tools.ffmpeg,
        source.input,
        [
            (result.plan, fd_destination(follower.fd, by_number=tools.ffmpeg.knows_fd))
            for result, follower in zip(batch, followers, strict=True)
        ],
        timeouts=tools.timeouts,
        on_progress=on_progress,
        max_bytes=tools.limits.max_output_bytes,
        companion=follow,
        bytes_read=source.position,
        clock=clock_of(batch),
        tap=tap,
    )


async def _publish(
    tools: Tools,
    result: Result,
    follower: OutputFollower | JoinedUpload,
    transcoded: Transcoded,
    report: Report,
    peaks: PeaksOfJob,
) -> Output:
    remarks = check_report(transcoded, result.plan, follower.size)
    report(Stage.UPLOADING, estimated_time_remaining=0)
    stored = await follower.finish(index_in_front=result.plan.codec.faststart)
    report(Stage.VERIFYING)
    sent = follower.part_marks()
    with peaks.result(result, transcoded) as tap:
        sha256 = await check_published(tools, stored, sent, result.plan, transcoded, tap)
    measured = await measure_published(tools, stored, result)
    output = result.output(stored, sha256, remarks, measured)
    return await read_result(tools, stored, result, output)


def tag_bytes(probed: Probed, plan: ConversionPlan) -> int:
    """How many bytes tags and cover may take at the beginning of a result, rather too many."""
    tags = probed.tags_as_read if plan.tagging is None else plan.tagging.tags
    text = sum(len(key) + 4 * len(value) for key, value in tags.items())
    return text + len(plan.picture or b"")
