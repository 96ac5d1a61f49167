"""A deep queue against a shallow one: what a job costs, and how long a janitor's pass takes."""

import asyncio
import time
from collections.abc import Iterator, Sequence
from uuid import uuid4

from bench.bench import Bench
from bench.rows import Goal, Judged, Row
from bench.services import redis_in
from support.records import a_job
from wavemill_common.connections import connect
from wavemill_common.jobs import Job
from wavemill_common.queue.consumer import Consumer, own_name
from wavemill_common.queue.jobs import JobQueue
from wavemill_common.records.sqlite import SqliteJobStore
from wavemill_common.settings import Settings
from wavemill_janitor import sweeps
from wavemill_janitor.main import open_deps

NAME = "depth"
ABOUT = "a job among many queued ones: recorded, enqueued, claimed, finished"
SHALLOW = 1000
_EACH = 180  # jobs of which one figure is made
_AT_ONCE = 90  # a client has 100 connections


def run(bench: Bench) -> Iterator[Row]:
    """Measure at both depths in turn, each in stores of its own."""
    deep = bench.sized(10_000, 100_000)
    with redis_in(bench.folder / "deep") as one, redis_in(bench.folder / "shallow") as other:
        places = [_settings(bench, name, url) for name, url in (("deep", one), ("shallow", other))]
        costs, passes = asyncio.run(_measured(places, (deep, SHALLOW), bench.times(5, 9)))
    yield Row(
        name=f"cost per job among {deep:,}",
        against=f"among {SHALLOW:,}",
        unit="ms",
        ours=costs[0],
        limit=costs[1],
        goal=Goal(most=1.1),
    )
    yield Row(
        name=f"janitor's pass, {deep:,} queued",
        against=f"{SHALLOW:,}",
        unit="s",
        ours=passes[0],
        limit=passes[1],
        goal=Goal(most=1.0, judged=Judged.OURS),
    )


def _settings(bench: Bench, name: str, url: str) -> Settings:
    return Settings.from_environ({"DATA_DIR": str(bench.folder / name), "REDIS_URL": url})


async def _measured(
    places: Sequence[Settings], depths: Sequence[int], pairs: int
) -> tuple[list[list[float]], list[list[float]]]:
    costs, passes = [list[float](), list[float]()], [list[float](), list[float]()]
    for settings, depth in zip(places, depths, strict=True):
        await _fill(settings, depth)
    for number in range(pairs + 1):
        for settings, cost, took in zip(places, costs, passes, strict=True):
            cost.append(await _cost(settings))
            took.append(await _pass(settings))
        print(f"    {number}: {costs[0][-1]:.2f}, {costs[1][-1]:.2f} ms; {passes[0][-1]:.3f} s")
    return [cost[1:] for cost in costs], [took[1:] for took in passes]


async def _fill(settings: Settings, depth: int) -> None:
    async with (
        connect(settings.redis_server) as client,
        SqliteJobStore.open(settings.records_path) as jobs,
    ):
        queue = JobQueue(client)
        await queue.prepare()
        for start in range(0, depth, _AT_ONCE):
            some = [a_job(uuid4().hex) for _ in range(min(_AT_ONCE, depth - start))]
            await asyncio.gather(*(_submit(jobs, queue, job) for job in some))


async def _submit(jobs: SqliteJobStore, queue: JobQueue, job: Job) -> None:
    await jobs.put_job(job)
    await queue.enqueue(job.job_id, job.lane)


async def _cost(settings: Settings) -> float:
    """The ms that each of some jobs takes; the depth stays what it is."""
    async with (
        connect(settings.redis_server) as client,
        connect(settings.redis_server) as reading,
        SqliteJobStore.open(settings.records_path) as jobs,
    ):
        queue = JobQueue(client)
        consumer = Consumer(reading, queue, own_name())
        began = time.process_time()
        for _ in range(_EACH // _AT_ONCE):
            new = [a_job(uuid4().hex) for _ in range(_AT_ONCE)]
            await asyncio.gather(*(_submit(jobs, queue, job) for job in new))
        done = 0
        while done < _EACH:
            for lease in await consumer.claim(_EACH - done):
                job = await jobs.job(lease.job_id)
                await jobs.apply(job.start(uuid4().hex, time.time(), 120))
                await queue.finish(lease)
                done += 1
        return (time.process_time() - began) / _EACH * 1e3


async def _pass(settings: Settings) -> float:
    """The seconds of one sweep of each kind that runs every few seconds."""
    async with open_deps(settings) as deps:
        began = time.perf_counter()
        await sweeps.enqueue_due(deps)
        await sweeps.expire_jobs(deps)
        await sweeps.expire_uploads(deps)
        return time.perf_counter() - began
