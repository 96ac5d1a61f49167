"""convert_in_segments: one result by several ffmpegs at once, or not at all.

They run on the job's own slot and on those that are lent, each within the sandbox and the limits
that one alone would have. Anything unexpected ends all of them, and leaves the work to the path
that has no segments: so nothing here has to know better than that one what is wrong with a file.
"""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from contextlib import ExitStack
from typing import Final, TypeVar

import structlog
from msgspec import structs

from wavemill_common.errors import ConversionError
from wavemill_common.jobs import Output
from wavemill_common.objects import ObjectInfo
from wavemill_common.settings import MIB
from wavemill_converter.convert.conversion import Report, progress_reporter
from wavemill_converter.convert.peaks import PeaksOfJob
from wavemill_converter.convert.segments.digest import Digest, digest_source
from wavemill_converter.convert.segments.head import Whole, completed
from wavemill_converter.convert.segments.progress import JointProgress
from wavemill_converter.convert.segments.rules import BLOCK, MOST, Cut, can_segment, cuts_of
from wavemill_converter.convert.segments.source import opened_source
from wavemill_converter.convert.segments.tail import Tail
from wavemill_converter.convert.segments.upload import JoinedUpload, SegmentsTripped
from wavemill_converter.convert.streaming.layout import part_bytes
from wavemill_converter.convert.streaming.pace import LEAST
from wavemill_converter.convert.streaming.pressure import Gauge, Pressure
from wavemill_converter.ffmpeg.failures import grown_beyond
from wavemill_converter.ffmpeg.memory import MemoryFile
from wavemill_converter.lending import Crew
from wavemill_converter.plan.packets import packet_options
from wavemill_converter.plan.plan import ConversionPlan
from wavemill_converter.plan.results import Result
from wavemill_converter.probe.source import Probed
from wavemill_converter.sandbox.process import Child
from wavemill_converter.tools import Tools
from wavemill_converter.transcode.outcome import Transcoded
from wavemill_converter.transcode.peaks import Tap
from wavemill_converter.transcode.transcode import OnProgress, first_failure, transcode_between

log = structlog.get_logger(__name__)

T = TypeVar("T")
Publish = Callable[[Result, JoinedUpload, Transcoded], Awaitable[Output]]

CAP: Final = 4 * MIB  # bytes of one segment that may wait in memory before its ffmpeg is stopped


async def convert_in_segments(
    tools: Tools,
    info: ObjectInfo,
    probed: Probed,
    results: Sequence[Result],
    peaks: PeaksOfJob,
    report: Report,
    publish: Publish,
) -> Output | None:
    """Make the one result of an object in segments; None if that cannot be done, or not now.

    Nothing is left of it then.

    Raises:
        Unavailable: a store failed; another attempt may succeed.
    """
    if tools.lending is None or not tools.ffmpeg.knows_fd or len(results) != 1:
        return None
    (result,) = results
    plan = result.plan
    if not can_segment(plan, probed):
        return None
    with tools.lending.crew(MOST) as crew:
        cuts = cuts_of(plan.duration or 0.0, plan.sample_rate, crew.size)
        if len(cuts) < 2:  # noqa: PLR2004 - then there is nothing to do at the same time
            return None
        on_progress = progress_reporter(report, 0, 1, plan.duration)
        try:
            work = _Work(tools, info, probed, plan, cuts, crew, on_progress)
            upload = JoinedUpload(
                tools.objects, result.key, part_bytes(tools.limits.max_output_bytes), len(cuts)
            )
            return await _made(work, result, upload, peaks, publish)
        except ConversionError as error:
            log.warning("segments_failed", code=error.code, reason=error.message)
            return None


async def _made(
    work: "_Work", result: Result, upload: JoinedUpload, peaks: PeaksOfJob, publish: Publish
) -> Output:
    try:
        with peaks.source() as tap:
            transcoded = await work.encode(upload, tap)
        return await publish(result, upload, transcoded)
    except BaseException:
        await upload.abort()
        raise


class _Work:
    """The encoding of one source in segments."""

    def __init__(
        self,
        tools: Tools,
        info: ObjectInfo,
        probed: Probed,
        plan: ConversionPlan,
        cuts: Sequence[Cut],
        crew: Crew,
        on_progress: OnProgress,
    ) -> None:
        self._tools = tools
        self._info = info
        self._probed = probed
        self._plan = plan
        self._packets = packet_options(probed, [plan])
        self._cuts = cuts
        self._crew = crew
        self._progress = JointProgress(len(cuts), plan, on_progress)
        self._peaks_of_memory = [0] * len(cuts)

    async def encode(self, upload: JoinedUpload, tap: Tap | None) -> Transcoded:
        """Encode all segments into an upload, and complete its head.

        Raises:
            SegmentsTripped: they do not make a whole.
            ConversionError: ffmpeg failed.
            Unavailable: a store failed.
        """
        with ExitStack() as stack:
            tails = [
                Tail(
                    stack.enter_context(MemoryFile(f"segment-{number}")),
                    stack.enter_context(MemoryFile(f"sizes-{number}")),
                    cut.start // BLOCK,
                )
                for number, cut in enumerate(self._cuts)
            ]
            try:
                async with asyncio.TaskGroup() as group:
                    digesting = group.create_task(self._digest(tap))
                    running = [
                        group.create_task(self._segment(number, tail, upload))
                        for number, tail in enumerate(tails)
                    ]
            except BaseExceptionGroup as failures:
                raise first_failure(failures) from None
            done = [task.result() for task in running]
            whole = self._whole(done, digesting.result(), tails)
            upload.head = completed(tails[0].head(), whole)
        if upload.size > (limit := self._tools.limits.max_output_bytes):
            raise grown_beyond(limit, upload.size)
        log.info(
            "segmented",
            segments=len(tails),
            bytes=upload.size,
            early_parts=upload.early,
            memory_peak=sum(self._peaks_of_memory),
        )
        return self._transcoded(done, whole, upload.size)

    async def _digest(self, tap: Tap | None) -> Digest | None:
        tools, plan = self._tools, self._plan
        async with opened_source(tools, self._info, self._packets) as source:
            return await digest_source(
                tools.ffmpeg, source, plan, self._probed, tools.timeouts.total, tap
            )

    async def _segment(self, number: int, tail: Tail, upload: JoinedUpload) -> Transcoded:
        tools, cut = self._tools, self._cuts[number]

        async def follow(child: Child, alive: Callable[[], None]) -> None:
            await self._follow(number, tail, upload, child, alive)

        async with opened_source(tools, self._info, (*self._packets, *cut.options)) as source:
            (transcoded,) = await transcode_between(
                tools.ffmpeg,
                source,
                [(_plan_of(self._plan, number, cut), tail.destination)],
                timeouts=tools.timeouts,
                on_progress=self._progress.of(number),
                max_bytes=tools.limits.max_output_bytes,
                companion=follow,
            )
        self._crew.ended(number)
        while await _pump(number, tail, upload):
            pass
        _checked(tail.end)
        return transcoded

    async def _follow(
        self,
        number: int,
        tail: Tail,
        upload: JoinedUpload,
        child: Child,
        alive: Callable[[], None],
    ) -> None:
        """Upload what an ffmpeg has written until it has ended; have it pause as needed."""
        gauge = Gauge(tail.memory, CAP)

        def must_pause() -> bool:
            return self._crew.must_pause(number)

        with Pressure([gauge], child.process.pid, must_pause) as pressure:
            while child.process.returncode is None:
                moved = await _pump(number, tail, upload)
                if pressure.is_stopped and (moved or must_pause()):
                    alive()
                if not moved:
                    await asyncio.sleep(LEAST)
        self._peaks_of_memory[number] = pressure.peak

    def _whole(
        self, done: Sequence[Transcoded], digest: Digest | None, tails: Sequence[Tail]
    ) -> Whole:
        """Put together what only the whole knows.

        Raises:
            SegmentsTripped: the segments do not follow one another.
        """
        plan, cuts = self._plan, self._cuts
        encoded = [one.encoded or 0 for one in done]
        if any(
            cut.length not in (None, count) for cut, count in zip(cuts, encoded, strict=True)
        ) or not all(encoded):
            raise SegmentsTripped("a segment has not the length that it was cut to")
        samples = sum(encoded)
        bits = plan.depth.bits if plan.depth else 0
        if digest is None or digest.size != samples * plan.channels * bits // 8:
            raise SegmentsTripped("the segments do not hold what the source does")
        return Whole(
            samples,
            digest.md5,
            min(tail.smallest for tail in tails),
            max(tail.largest for tail in tails),
        )

    def _transcoded(self, done: Sequence[Transcoded], whole: Whole, size: int) -> Transcoded:
        alarms = dict.fromkeys(alarm for one in done for alarm in one.alarms)
        return Transcoded(
            out_time=whole.samples / self._plan.sample_rate,
            total_size=size,
            elapsed=max(one.elapsed for one in done),
            encoded=whole.samples,
            alarms=tuple(alarms),
            log=done[-1].log,
            pcm_md5=whole.md5,
        )


def _plan_of(plan: ConversionPlan, number: int, cut: Cut) -> ConversionPlan:
    """The plan of one segment: only the first has the covers, and none a digest of its own."""
    length = plan.duration or 0.0
    end = length if cut.length is None else (cut.start + cut.length) / cut.rate
    own = structs.replace(plan, keeps_samples=False, duration=end - cut.start / cut.rate)
    return own if number == 0 else structs.replace(own, covers=(), picture=None, tagging=None)


async def _pump(number: int, tail: Tail, upload: JoinedUpload) -> bool:
    """Move what is complete of a segment; tell whether there was anything."""
    pieces = await asyncio.to_thread(_checked, tail.take)
    await upload.add(number, pieces)
    return bool(pieces)


def _checked(step: Callable[[], T]) -> T:
    try:
        return step()
    except (ValueError, EOFError) as error:
        raise SegmentsTripped(str(error)) from None
