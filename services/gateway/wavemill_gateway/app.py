"""Wire the gateway: stores, queue and feed in, routes and middlewares on top."""

import asyncio
import time
from collections.abc import AsyncIterator

from aiohttp import web

from wavemill_common.connections import connect
from wavemill_common.progress.coalesced import CoalescedReads
from wavemill_common.progress.feed import ProgressFeed
from wavemill_common.progress.reader import ProgressReader
from wavemill_common.progress.store import ProgressStore
from wavemill_common.queue.converters import ConverterRegistry
from wavemill_common.queue.jobs import JobQueue
from wavemill_common.settings import MAX_CHUNK_BYTES, MIN_CHUNK_BYTES, Settings
from wavemill_common.stores import open_job_store, open_object_store, read_secret, redis_url
from wavemill_gateway import (
    archive,
    direct,
    downloads,
    estimates,
    events,
    health,
    jobs,
    listing,
    metrics,
    offer,
    oneshot,
    page,
    peaks,
    polling,
    uploads,
)
from wavemill_gateway.access.caller import SECRET, identify
from wavemill_gateway.access.door import Door
from wavemill_gateway.access.gate import GATE, Gate
from wavemill_gateway.access.headers import secure_headers
from wavemill_gateway.access.keyring import KeyRing
from wavemill_gateway.access.limiting import RATES, count_failures, limited
from wavemill_gateway.access.origins import ALLOWED_ORIGINS, read_origins, same_site, share
from wavemill_gateway.access.ownership import OwnProgress
from wavemill_gateway.access.proxies import TRUSTED_PROXIES
from wavemill_gateway.access.quotas import QuotaLimits
from wavemill_gateway.access.rates import REDIS_PATIENCE, Rates
from wavemill_gateway.access.streams import STREAMS, Streams
from wavemill_gateway.access.tokens import TOKENS, Tokens
from wavemill_gateway.desk import JobDesk
from wavemill_gateway.finishing import UNFINISHED, Unfinished, finish_all, finishing
from wavemill_gateway.intake import Intake, UploadLimits
from wavemill_gateway.keys import (
    DESK,
    DOOR,
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
from wavemill_gateway.measuring import CONNECTIONS, STREAMS_OPEN, measured
from wavemill_gateway.openapi import routes as describing
from wavemill_gateway.problems import problems
from wavemill_gateway.traces import spans
from wavemill_gateway.tus import routes as tus

_MODULES = (
    *(
        uploads,
        direct,
        estimates,
        jobs,
        listing,
        oneshot,
        polling,
        events,
        downloads,
        archive,
        offer,
        health,
        metrics,
        peaks,
    ),
    *(page, describing),
)
REDIS_TIMEOUT = 1.0  # seconds; then the job record answers


def create_app(settings: Settings) -> web.Application:
    """Make the gateway's application; its parts live from start-up to clean-up."""
    app = web.Application(
        middlewares=[
            measured,
            *spans(),
            problems,
            same_site,
            count_failures,
            identify,
            limited,
            finishing,
        ]
    )
    app[SETTINGS] = settings
    app[STOPPING] = asyncio.Event()
    app[UNFINISHED] = Unfinished()
    _guard(app, settings)
    app.cleanup_ctx.append(_parts)
    app.on_shutdown.append(_end_streams)
    tus.install(app)
    app.on_shutdown.append(finish_all)
    for module in _MODULES:
        app.add_routes(module.routes)
    return app


def _guard(app: web.Application, settings: Settings) -> None:
    """What every request and answer passes."""
    app[TRUSTED_PROXIES] = settings.trusted_proxies
    app[ALLOWED_ORIGINS] = read_origins(settings.cors_origins)
    app[STREAMS] = Streams(settings.max_sse_per_client, settings.max_sse)
    from_all = settings.trusted_proxies > 0  # then every connection is a proxy's
    app[DOOR] = Door(
        settings.max_connections, 0 if from_all else settings.max_connections_per_client
    )
    STREAMS_OPEN.set_function(lambda: len(app[STREAMS]))
    CONNECTIONS.set_function(lambda: len(app[DOOR]))
    app.on_response_prepare.append(secure_headers)
    app.on_response_prepare.append(share)


async def _parts(app: web.Application) -> AsyncIterator[None]:
    settings = app[SETTINGS]
    async with (
        connect(redis_url(settings), reply_timeout=REDIS_TIMEOUT) as redis,
        connect(redis_url(settings)) as listening,
        connect(redis_url(settings), reply_timeout=REDIS_PATIENCE) as counting,
        open_job_store(settings) as records,
        open_object_store(settings) as objects,
        asyncio.TaskGroup() as tasks,
    ):
        app[SECRET] = read_secret(settings)
        app[RATES] = Rates(settings.rate_limit, counting.connection_pool)
        progress, quotas = ProgressStore(redis), _quotas(settings)
        app[OBJECTS] = objects
        app[RECORDS] = records
        app[QUEUE] = JobQueue(redis)
        app[REGISTRY] = ConverterRegistry(redis)
        reads = CoalescedReads(progress)
        reader = ProgressReader(reads, records)
        app[READER] = OwnProgress(reader, records)
        app[FEED] = ProgressFeed(listening, reader)
        app[TOKENS] = Tokens(app[SECRET], time.time)
        keys = KeyRing(records, time.time, time.monotonic)
        app[GATE] = Gate(keys, app[TOKENS], required=settings.api_keys_required)
        app[DESK] = JobDesk(
            records,
            app[OBJECTS],
            app[QUEUE],
            progress,
            secret=app[SECRET],
            job_ttl=settings.job_ttl,
            due_after=settings.timings.due_after,
            webhook_private=settings.webhook_private,
            now=time.time,
            quotas=quotas,
        )
        heard = app[DESK].followers
        app[INTAKE] = Intake(app[OBJECTS], records, _limits(settings), time.time, quotas, heard)
        running = [tasks.create_task(app[FEED].run()), tasks.create_task(reads.run())]
        yield
        for task in running:
            task.cancel()


def _limits(settings: Settings) -> UploadLimits:
    return UploadLimits(
        max_bytes=settings.max_upload_bytes,
        chunk_bytes=settings.chunk_bytes,
        min_chunk_bytes=MIN_CHUNK_BYTES,
        max_chunk_bytes=MAX_CHUNK_BYTES,
        ttl=settings.upload_ttl,
    )


def _quotas(settings: Settings) -> QuotaLimits:
    return QuotaLimits(
        open_uploads=settings.max_open_uploads,
        jobs=settings.max_jobs_per_owner,
        stored_bytes=settings.max_stored_bytes,
    )


async def _end_streams(app: web.Application) -> None:
    """Open event streams would hold the shutdown for minutes: let them end now."""
    app[STOPPING].set()
    app[FEED].wake_all()
