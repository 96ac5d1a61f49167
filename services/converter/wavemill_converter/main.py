"""Wire a converter: stores, queue, ffmpeg, scratch, and the worker on top."""

import asyncio
import shutil
import time
from contextlib import AsyncExitStack, suppress

import structlog
from msgspec import structs

from wavemill_common.connections import REDIS_ERRORS, connect, connect_blocking
from wavemill_common.errors import FfmpegMissing
from wavemill_common.objects import ObjectStore
from wavemill_common.progress.store import ProgressStore
from wavemill_common.queue.consumer import Consumer, own_name
from wavemill_common.queue.converters import ANNOUNCE_EVERY, ConverterRegistry, ConverterStatus
from wavemill_common.queue.jobs import JobQueue
from wavemill_common.queue.renewal import Renewal
from wavemill_common.service import repeat
from wavemill_common.settings import Settings, Verification
from wavemill_common.stores import open_job_store, open_object_store, redis_url
from wavemill_converter.convert.streaming.conversion import validate_streaming_support
from wavemill_converter.ffmpeg.installation import Ffmpeg, find_ffmpeg
from wavemill_converter.lending import Lending
from wavemill_converter.metrics import show_slots
from wavemill_converter.probe.probe import Limits
from wavemill_converter.sandbox import contain
from wavemill_converter.sandbox.launching import launching
from wavemill_converter.store.proxy import RangeProxy
from wavemill_converter.tools import Tools
from wavemill_converter.transcode.outcome import Timeouts
from wavemill_converter.work.deps import Deps
from wavemill_converter.work.scratch import Scratch
from wavemill_converter.work.worker import Worker

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
        sandbox = await contain(ffmpeg.path, settings.sandbox)
        launcher = await stack.enter_async_context(launching([ffmpeg.path, "-version"]))
        ffmpeg = structs.replace(ffmpeg, sandbox=sandbox, launcher=launcher)
        queue = JobQueue(shared)
        objects = await stack.enter_async_context(open_object_store(settings))
        proxy = await stack.enter_async_context(RangeProxy())
        deps = Deps(
            jobs=await stack.enter_async_context(open_job_store(settings)),
            queue=queue,
            progress=ProgressStore(shared),
            tools=_tools(settings, ffmpeg, objects, proxy),
            scratch=stack.enter_context(Scratch(settings.scratch_dir, name)),
            timings=settings.timings,
            job_ttl=settings.job_ttl,
            max_strikes=settings.max_strikes,
            drain_grace=settings.drain_grace,
            streaming=_can_stream(),
            now=time.time,
        )
        consumer = Consumer(reading, queue, name)
        worker = Worker(deps, consumer, settings.converter_slots)
        show_slots(settings.converter_slots, lambda: worker.running)
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


def _tools(settings: Settings, ffmpeg: Ffmpeg, objects: ObjectStore, proxy: RangeProxy) -> Tools:
    return Tools(
        objects=objects,
        ffmpeg=ffmpeg,
        proxy=proxy,
        limits=Limits(
            max_duration=settings.max_duration, max_output_bytes=settings.max_output_bytes
        ),
        decodes=settings.verify is Verification.DECODE,
        timeouts=Timeouts(total=settings.job_timeout, stall=settings.stall_timeout),
        lending=Lending(settings.converter_slots) if settings.segments else None,
    )


def _can_stream() -> bool:
    reason = validate_streaming_support()
    if reason is not None:
        log.warning("streaming_is_off", reason=reason)
    return reason is None


def _status(settings: Settings, name: str, ffmpeg: Ffmpeg | None, running: int) -> ConverterStatus:
    return ConverterStatus(
        name=name,
        ffmpeg_version=ffmpeg.version if ffmpeg else None,
        formats=ffmpeg.formats if ffmpeg else (),
        slots=settings.converter_slots,
        running=running,
        sandbox=ffmpeg.sandbox.names if ffmpeg and ffmpeg.sandbox else (),
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
