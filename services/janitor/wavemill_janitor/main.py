"""Run the sweeps, each at its own pace, until told to stop; or each of them once."""

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

from wavemill_common.connections import connect
from wavemill_common.progress.store import ProgressStore
from wavemill_common.queue.jobs import JobQueue
from wavemill_common.service import repeat
from wavemill_common.settings import Settings, Timings
from wavemill_common.stores import open_job_store, open_object_store, read_secret, redis_url
from wavemill_janitor import sweeps
from wavemill_janitor.deps import Deps
from wavemill_janitor.metrics import observed
from wavemill_janitor.webhooks import call_webhooks

Sweep = Callable[[Deps], Awaitable[int]]


async def main(settings: Settings, stopping: asyncio.Event) -> None:
    """Sweep until told to stop."""
    async with open_deps(settings) as deps, asyncio.TaskGroup() as group:
        tasks = [
            group.create_task(repeat(sweep.__name__, every, _bind(sweep, deps)))
            for sweep, every in schedule(settings.timings).items()
        ]
        await stopping.wait()
        for task in tasks:
            task.cancel()


async def sweep_once(settings: Settings) -> dict[str, int]:
    """Do every sweep once; tell how much each did."""
    async with open_deps(settings) as deps:
        return {sweep.__name__: await sweep(deps) for sweep in schedule(settings.timings)}


def schedule(timings: Timings) -> dict[Sweep, float]:
    """Each sweep and the seconds between two of it."""
    return {
        sweeps.rebuild_queue: timings.epoch_every,
        _promote: timings.promote_every,
        sweeps.enqueue_due: timings.janitor_every,
        call_webhooks: timings.promote_every,
        sweeps.expire_jobs: timings.janitor_every,
        sweeps.expire_uploads: timings.janitor_every,
        sweeps.abort_stale_writes: timings.tidy_every,
        sweeps.delete_lost_results: timings.tidy_every,
        sweeps.drop_idle_consumers: timings.tidy_every,
    }


@asynccontextmanager
async def open_deps(settings: Settings) -> AsyncIterator[Deps]:
    """Open what the sweeps work on."""
    async with (
        connect(redis_url(settings)) as redis,
        open_job_store(settings) as jobs,
        open_object_store(settings) as objects,
    ):
        yield Deps(
            jobs=jobs,
            objects=objects,
            queue=JobQueue(redis),
            progress=ProgressStore(redis),
            job_ttl=settings.job_ttl,
            webhook_secret=settings.webhook_secret.encode() or read_secret(settings),
            webhook_private=settings.webhook_private,
            now=time.time,
        )


async def _promote(deps: Deps) -> int:
    return await deps.queue.promote()


def _bind(sweep: Sweep, deps: Deps) -> Callable[[], Awaitable[int]]:
    async def step() -> int:
        return await observed(sweep.__name__, lambda: sweep(deps))

    return step
