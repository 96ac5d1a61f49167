"""Wire the gateway: stores, queue and feed in, routes and middlewares on top."""

import asyncio
import time
from collections.abc import AsyncIterator

from aiohttp import web

from wavemill_common.connections import connect
from wavemill_common.progress.feed import ProgressFeed
from wavemill_common.progress.reader import ProgressReader
from wavemill_common.progress.store import ProgressStore
from wavemill_common.queue.converters import ConverterRegistry
from wavemill_common.queue.jobs import JobQueue
from wavemill_common.settings import MAX_CHUNK_BYTES, MIN_CHUNK_BYTES, Settings
from wavemill_common.stores import open_job_store, open_object_store, read_secret, redis_url
from wavemill_gateway import (
    direct,
    downloads,
    estimates,
    events,
    health,
    jobs,
    offer,
    oneshot,
    page,
    polling,
    uploads,
)
from wavemill_gateway.access.caller import identify
from wavemill_gateway.desk import JobDesk
from wavemill_gateway.finishing import UNFINISHED, Unfinished, finish_all, finishing
from wavemill_gateway.intake import Intake, UploadLimits
from wavemill_gateway.keys import (
    DESK,
    FEED,
    INTAKE,
    OBJECTS,
    QUEUE,
    READER,
    RECORDS,
    REGISTRY,
    SETTINGS,
    STOPPING,
)
from wavemill_gateway.problems import problems
from wavemill_gateway.tus import routes as tus

_MODULES = (
    *(uploads, direct, estimates, jobs, oneshot, polling, events, downloads, offer, health),
    page,
)
REDIS_TIMEOUT = 1.0  # seconds; then the job record answers


def create_app(settings: Settings) -> web.Application:
    """Make the gateway's application; its parts live from start-up to clean-up."""
    app = web.Application(middlewares=[problems, identify, finishing])
    app[SETTINGS] = settings
    app[STOPPING] = asyncio.Event()
    app[UNFINISHED] = Unfinished()
    app.cleanup_ctx.append(_parts)
    app.on_shutdown.append(_end_streams)
    tus.install(app)
    app.on_shutdown.append(finish_all)
    for module in _MODULES:
        app.add_routes(module.routes)
    return app


async def _parts(app: web.Application) -> AsyncIterator[None]:
    settings = app[SETTINGS]
    async with (
        connect(redis_url(settings), reply_timeout=REDIS_TIMEOUT) as redis,
        connect(redis_url(settings)) as listening,
        open_job_store(settings) as records,
        open_object_store(settings) as objects,
        asyncio.TaskGroup() as tasks,
    ):
        progress = ProgressStore(redis)
        app[OBJECTS] = objects
        app[RECORDS] = records
        app[QUEUE] = JobQueue(redis)
        app[REGISTRY] = ConverterRegistry(redis)
        app[READER] = ProgressReader(progress, records)
        app[FEED] = ProgressFeed(listening, app[READER])
        app[INTAKE] = Intake(app[OBJECTS], records, _limits(settings), time.time)
        app[DESK] = JobDesk(
            records,
            app[OBJECTS],
            app[QUEUE],
            progress,
            secret=read_secret(settings),
            job_ttl=settings.job_ttl,
            due_after=settings.timings.due_after,
            webhook_private=settings.webhook_private,
            now=time.time,
        )
        feeding = tasks.create_task(app[FEED].run())
        yield
        feeding.cancel()


def _limits(settings: Settings) -> UploadLimits:
    return UploadLimits(
        max_bytes=settings.max_upload_bytes,
        chunk_bytes=settings.chunk_bytes,
        min_chunk_bytes=MIN_CHUNK_BYTES,
        max_chunk_bytes=MAX_CHUNK_BYTES,
        ttl=settings.upload_ttl,
    )


async def _end_streams(app: web.Application) -> None:
    """Open event streams would hold the shutdown for minutes: let them end now."""
    app[STOPPING].set()
    app[FEED].wake_all()
