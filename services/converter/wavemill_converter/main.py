"""Wire a converter: stores, queue, ffmpeg, scratch, and the worker on top."""

import asyncio
import shutil
import time
from contextlib import AsyncExitStack, suppress

import structlog

from wavemill_common.connections import REDIS_ERRORS, connect, connect_blocking
from wavemill_common.errors import FfmpegMissing
from wavemill_common.progress.store import ProgressStore
from wavemill_common.queue.consumer import Consumer, own_name
from wavemill_common.queue.converters import ANNOUNCE_EVERY, ConverterRegistry, ConverterStatus
from wavemill_common.queue.jobs import JobQueue
from wavemill_common.queue.renewal import Renewal
from wavemill_common.service import repeat
from wavemill_common.settings import Settings
from wavemill_common.stores import open_job_store, open_object_store, redis_url
from wavemill_converter.attempt import Deps
from wavemill_converter.conversion import Tools
from wavemill_converter.ffmpeg import Ffmpeg, find_ffmpeg
from wavemill_converter.probe import Limits
from wavemill_converter.scratch import Scratch
from wavemill_converter.transcode import Timeouts
from wavemill_converter.worker import Worker

log = structlog.get_logger(__name__)

LOOK_FOR_FFMPEG_EVERY = 10.0  # seconds


async def main(settings: Settings, stopping: asyncio.Event) -> None:
    """Convert until told to stop. Without ffmpeg, say so and wait for it."""
    name = own_name()
    async with AsyncExitStack() as stack:
        shared = await stack.enter_async_context(connect(redis_url(settings)))
        reading = await stack.enter_async_context(connect(redis_url(settings)))
        registry = ConverterRegistry(shared)
        ffmpeg = await _wait_for_ffmpeg(settings, registry, name, stopping)
        if ffmpeg is None:
            return
        queue = JobQueue(shared)
        deps = Deps(
            jobs=await stack.enter_async_context(open_job_store(settings)),
            queue=queue,
            progress=ProgressStore(shared),
            tools=_tools(settings, ffmpeg),
            scratch=stack.enter_context(Scratch(settings.scratch_dir, name)),
            timings=settings.timings,
            job_ttl=settings.job_ttl,
            max_strikes=settings.max_strikes,
            drain_grace=settings.drain_grace,
            now=time.time,
        )
        consumer = Consumer(reading, queue, name)
        worker = Worker(deps, consumer, settings.converter_slots)
        renewal = Renewal(
            connect_blocking(redis_url(settings), reply_timeout=settings.timings.lease_ttl / 3),
            name,
            every=settings.timings.renew_every,
            loop_stall=settings.timings.loop_stall,
            on_lost=worker.lost,
        )

        async def announce() -> None:
            found = ffmpeg if shutil.which(ffmpeg.path) else None  # it may go, and come back
            await registry.announce(_status(settings, name, found, worker.running))

        async with asyncio.TaskGroup() as group:
            announcing = group.create_task(repeat("announce", ANNOUNCE_EVERY, announce))
            async with renewal:
                await worker.run(renewal, stopping)
            announcing.cancel()
        with suppress(*REDIS_ERRORS):
            await registry.withdraw(name)


def _tools(settings: Settings, ffmpeg: Ffmpeg) -> Tools:
    return Tools(
        objects=open_object_store(settings),
        ffmpeg=ffmpeg,
        limits=Limits(
            max_duration=settings.max_duration, max_output_bytes=settings.max_output_bytes
        ),
        timeouts=Timeouts(total=settings.job_timeout, stall=settings.stall_timeout),
    )


def _status(settings: Settings, name: str, ffmpeg: Ffmpeg | None, running: int) -> ConverterStatus:
    return ConverterStatus(
        name=name,
        ffmpeg_version=ffmpeg.version if ffmpeg else None,
        formats=ffmpeg.formats if ffmpeg else (),
        slots=settings.converter_slots,
        running=running,
    )


async def _wait_for_ffmpeg(
    settings: Settings, registry: ConverterRegistry, name: str, stopping: asyncio.Event
) -> Ffmpeg | None:
    """Find ffmpeg; while there is none, announce that, so that readiness can say why."""
    while not stopping.is_set():
        try:
            return await find_ffmpeg(settings.ffmpeg or None)
        except FfmpegMissing as error:
            log.error("ffmpeg_missing", reason=error.message)  # noqa: TRY400 - no traceback needed
            with suppress(*REDIS_ERRORS):
                await registry.announce(_status(settings, name, None, 0))
            try:
                async with asyncio.timeout(LOOK_FOR_FFMPEG_EVERY):
                    await stopping.wait()
            except TimeoutError:
                continue
    return None
