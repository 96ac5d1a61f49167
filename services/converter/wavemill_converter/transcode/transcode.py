"""Run ffmpeg on a plan: follow it, bound it in time and memory, name how it failed."""

import asyncio
from collections.abc import AsyncIterator, Callable, Coroutine, Sequence
from contextlib import ExitStack, asynccontextmanager
from pathlib import Path
from typing import Any

from msgspec import Struct, structs

from wavemill_common.errors import FfmpegTimeout
from wavemill_converter.ffmpeg.contained import local_destination, local_input, started_on
from wavemill_converter.ffmpeg.failures import PHRASES, detail_of, failure_of, grown_beyond
from wavemill_converter.ffmpeg.installation import Ffmpeg
from wavemill_converter.ffmpeg.levels import LevelledLog
from wavemill_converter.ffmpeg.lines import LineSplitter, Log
from wavemill_converter.ffmpeg.memory import MemoryFile
from wavemill_converter.ffmpeg.places import Destination, Input, fd_destination
from wavemill_converter.ffmpeg.progress import (
    BlockReader,
    FfmpegProgress,
    Follower,
    TranscodeProgress,
)
from wavemill_converter.plan.plan import ConversionPlan
from wavemill_converter.sandbox.outlet import Outlet
from wavemill_converter.sandbox.process import CHUNK, Child, kill_group
from wavemill_converter.transcode.command import Leg, counters, transcode_command
from wavemill_converter.transcode.digest import digest_file, read_digest
from wavemill_converter.transcode.extras import extra_files
from wavemill_converter.transcode.outcome import ALARMS, Timeouts, Transcoded
from wavemill_converter.transcode.peaks import Tap

OnProgress = Callable[[TranscodeProgress], None]
Companion = Callable[[Child, Callable[[], None]], Coroutine[Any, Any, None]]
"""Takes the child, and a function to be called while the child rightly makes no progress."""


async def transcode(
    ffmpeg: Ffmpeg,
    source: Path,
    target: Path,
    plan: ConversionPlan,
    timeouts: Timeouts,
    on_progress: OnProgress,
    *,
    max_bytes: int | None = None,
) -> Transcoded:
    """Convert a local file to a local file.

    Raises:
        NotAudio: nothing of the source could be decoded.
        FfmpegTimeout: it took too long, or nothing moved for too long.
        FfmpegKilled, FfmpegCrashed, FfmpegFailed: how ffmpeg ended; `detail` holds its last words.
        ScratchFull: no disk space was left.
        LimitExceeded: the result grew beyond `max_bytes`.
    """
    with local_input(ffmpeg, source) as opened, local_destination(ffmpeg, target) as destination:
        (transcoded,) = await transcode_between(
            ffmpeg,
            opened,
            [(plan, destination)],
            timeouts=timeouts,
            on_progress=on_progress,
            max_bytes=max_bytes,
        )
        return transcoded


async def transcode_between(
    ffmpeg: Ffmpeg,
    source: Input,
    results: Sequence[tuple[ConversionPlan, Destination]],
    *,
    timeouts: Timeouts,
    on_progress: OnProgress,
    max_bytes: int | None = None,
    companion: Companion | None = None,
    bytes_read: Callable[[], int] | None = None,
    clock: float | None = None,
    tap: Tap | None = None,
) -> tuple[Transcoded, ...]:
    """Convert as `transcode` does, from and to wherever ffmpeg can read and write.

    `companion` runs beside ffmpeg and has ended when this returns; if it fails, ffmpeg is killed
    and the failure raised. `bytes_read` tells how much of the source was read so far. `clock` is
    how far into the source, in seconds, the results reach, where their own times do not tell.
    `tap` hears all of the source, to the end of which the run lasts then.
    """
    with ExitStack() as stack:
        legs = [_leg(stack, ffmpeg, plan, destination) for plan, destination in results]
        listening: Sequence[str] = ()
        if tap:
            legs, apart = _heard(legs, tap)
            listening, clock = (tap.output, tap.duration) if apart else ((), clock)
        argv = transcode_command(ffmpeg.path, source, [leg for leg, _ in legs], clock, listening)
        run = _Run(legs, timeouts, on_progress, max_bytes, bytes_read, clock, tap)
        return await _transcode(ffmpeg, source, argv, run, companion)


class _Run(Struct, frozen=True):
    """What one run of ffmpeg is judged by."""

    legs: list[tuple[Leg, MemoryFile | None]]
    timeouts: Timeouts
    on_progress: OnProgress
    max_bytes: int | None
    bytes_read: Callable[[], int] | None
    clock: float | None
    tap: Tap | None

    @property
    def destinations(self) -> list[Destination]:
        """Where the run writes, the digests included; and what else it inherits."""
        places = [place for leg, _ in self.legs for place in (leg.destination, leg.digest)]
        lent = [Destination((), pass_fds=leg.extras.pass_fds) for leg, _ in self.legs]
        heard = [self.tap.destination] if self.tap else []
        return [*(place for place in places if place is not None), *lent, *heard]

    def follower(self) -> Follower:
        """What turns the reports of this run into progress."""
        plans = [leg.plan for leg, _ in self.legs]
        lengths = [plan.duration for plan in plans if plan.duration is not None]
        duration = max(lengths, default=None) if self.clock is None else self.clock
        first = plans[0]
        return Follower(duration, exact=first.duration_exact, source_size=first.source_size)


def _leg(
    stack: ExitStack, ffmpeg: Ffmpeg, plan: ConversionPlan, destination: Destination
) -> tuple[Leg, MemoryFile | None]:
    digest = stack.enter_context(digest_file(plan))
    beside = fd_destination(digest.fd, by_number=ffmpeg.knows_fd) if digest else None
    return Leg(plan, destination, beside, stack.enter_context(extra_files(ffmpeg, plan))), digest


def _heard(
    legs: list[tuple[Leg, MemoryFile | None]], tap: Tap
) -> tuple[list[tuple[Leg, MemoryFile | None]], bool]:
    """Hear the source in the chain of a result that encodes all of it; tell if there is none."""
    for number, (leg, digest) in enumerate(legs):
        if not (leg.plan.trim or leg.plan.copied):
            heard = structs.replace(leg, listening=tap.filters), digest
            return [*legs[:number], heard, *legs[number + 1 :]], False
    return legs, True


async def _transcode(
    ffmpeg: Ffmpeg, source: Input, argv: Sequence[str], run: _Run, companion: Companion | None
) -> tuple[Transcoded, ...]:
    log = Log((*PHRASES, *ALARMS))
    levelled = LevelledLog(log)
    follower, timeouts = run.follower(), run.timeouts
    loop = asyncio.get_running_loop()
    begun = loop.time()
    last = follower.progress(0.0, None)
    async with started_on(
        ffmpeg,
        argv,
        source,
        run.destinations,
        seconds=timeouts.total,
        file_bytes=run.max_bytes,
        results=len(run.legs) + (run.tap is not None),
    ) as child:
        logging = asyncio.create_task(_collect(child.stderr, levelled))
        ending = asyncio.create_task(child.wait())
        try:
            async with (
                asyncio.timeout(timeouts.total),
                asyncio.timeout(timeouts.stall) as stall,
                _beside(child, companion, lambda: _put_off(stall, timeouts)),
            ):
                async for report in _reports(child):
                    if follower.advance(report):
                        _put_off(stall, timeouts)
                    read = run.bytes_read() if run.bytes_read else None
                    last = follower.progress(loop.time() - begun, report.speed, read)
                    _refuse_excess(last.total_size, run.max_bytes)
                    run.on_progress(last)
                code = await ending
                await logging
        except TimeoutError:
            raise _timeout(timeouts, log, silent=stall.expired()) from None
        finally:
            logging.cancel()
            ending.cancel()
            await asyncio.gather(logging, ending, return_exceptions=True)
    if code:
        raise failure_of(code, log, last.total_size if last.out_time else 0, run.max_bytes)
    shared = len(run.legs) > 1 or run.clock is not None or run.tap is not None
    counted = [levelled.encoded.get(one) for one in counters([leg for leg, _ in run.legs])]
    return tuple(
        _transcoded(number, leg, digest, last, counted[number], log, shared=shared)
        for number, (leg, digest) in enumerate(run.legs)
    )


def _transcoded(
    number: int,
    leg: Leg,
    digest: MemoryFile | None,
    last: TranscodeProgress,
    encoded: int | None,
    log: Log,
    *,
    shared: bool,
) -> Transcoded:
    """Tell of one result. What ffmpeg reports of times and sizes is of all of them together."""
    out_time = last.out_time
    if (shared or leg.plan.copied) and encoded is not None:
        out_time = encoded / leg.plan.sample_rate
    return Transcoded(
        out_time=out_time,
        total_size=0 if number else last.total_size,
        encoded=encoded,
        elapsed=last.elapsed,
        alarms=tuple(alarm for alarm in ALARMS if alarm in log.seen),
        log=log.tail,
        pcm_md5=read_digest(digest) if digest else None,
    )


@asynccontextmanager
async def _beside(
    child: Child, companion: Companion | None, alive: Callable[[], None]
) -> AsyncIterator[None]:
    """Run a companion until it ends by itself; its failure ends the child, and is raised."""
    if companion is None:
        yield
        return
    task = asyncio.create_task(companion(child, alive))
    task.add_done_callback(lambda done: _end_if_failed(done, child))
    try:
        yield
        await task
    finally:
        task.cancel()
        await asyncio.wait([task])
        if not task.cancelled() and (failure := task.exception()):
            raise first_failure(failure)


def _end_if_failed(task: "asyncio.Task[None]", child: Child) -> None:
    if task.cancelled() or task.exception():
        kill_group(child.process.pid)


def first_failure(error: BaseException) -> BaseException:
    """The first of a group of failures is what went wrong; the others follow from it."""
    while isinstance(error, BaseExceptionGroup):
        error = error.exceptions[0]
    return error


def _put_off(stall: asyncio.Timeout, timeouts: Timeouts) -> None:
    if not stall.expired():
        stall.reschedule(asyncio.get_running_loop().time() + timeouts.stall)


async def _reports(child: Child) -> AsyncIterator[FfmpegProgress]:
    lines, blocks = LineSplitter(), BlockReader()
    while data := await child.stdout.read(CHUNK):
        for line in lines.feed(data):
            if report := blocks.feed(line):
                yield report


async def _collect(stderr: Outlet, log: LevelledLog) -> None:
    lines = LineSplitter()
    while data := await stderr.read(CHUNK):
        for line in lines.feed(data):
            log.add(line)
    for line in lines.end():
        log.add(line)


def _refuse_excess(size: int, limit: int | None) -> None:
    if limit is not None and size > limit:
        raise grown_beyond(limit, size)


def _timeout(timeouts: Timeouts, log: Log, *, silent: bool) -> FfmpegTimeout:
    detail = detail_of(log.tail)
    if silent:
        return FfmpegTimeout(
            f"ffmpeg made no progress for {timeouts.stall:.0f} seconds and was stopped",
            detail=detail,
        )
    return FfmpegTimeout(
        f"the conversion took longer than {timeouts.total:.0f} seconds and was stopped",
        detail=detail,
    )
