"""From a converter's write of a progress to the event at a client, against PUBLISH → subscriber."""

import asyncio
import statistics
import time
from collections.abc import Iterator

import aiohttp
import redis.asyncio

from bench.bench import Bench
from bench.jobs import running_jobs, step
from bench.rows import Goal, Judged, Row
from bench.services import gateway, redis_in
from support.client import Client
from wavemill_common.connections import connect
from wavemill_common.jobs import Job
from wavemill_common.progress.store import ProgressStore

NAME = "news"
ABOUT = "a progress is written → its event is at the client, p99"
_EACH = 100  # events of which one p99 is made
_WARM = 20


def run(bench: Bench) -> Iterator[Row]:
    """Measure latencies in turn."""
    data = bench.folder / "news"
    with redis_in(data) as url:
        (job,) = running_jobs(data, 1)
        with gateway(data, core=None) as service:
            pairs = asyncio.run(_measured(service.url, url, job, bench.times(5, 20)))
    ours, bare = ([_p99(one) for one in side] for side in pairs)
    print(f"    p99 {statistics.median(ours):.2f} ms, {statistics.median(bare):.2f} ms")
    yield Row(
        name="latency",
        against="Redis PUBLISH → subscriber",
        unit="ms",
        ours=ours,
        limit=bare,
        goal=Goal(most=25, judged=Judged.MORE),
    )


async def _measured(
    service: str, url: str, job: Job, pairs: int
) -> tuple[list[list[float]], list[list[float]]]:
    ours, bare = list[float](), list[float]()
    async with (
        aiohttp.ClientSession() as session,
        connect(url) as client,
        redis.asyncio.Redis.from_url(url) as listening,
        listening.pubsub(ignore_subscribe_messages=True) as channel,
    ):
        store = ProgressStore(client)
        await store.write(step(job, 1))
        await channel.subscribe("bare")
        events = Client(session, service).events(job.job_id)
        await anext(events)
        for number in range(2, 2 + _WARM + pairs * _EACH):
            began = time.perf_counter()
            await store.write(step(job, number))
            event = await anext(events)
            took = time.perf_counter() - began
            assert event["data"]["revision"] == step(job, number).revision, event
            began = time.perf_counter()
            await client.publish("bare", b"news")
            while await channel.get_message(timeout=5) is None:
                pass
            if number >= 2 + _WARM:
                ours.append(took * 1e3)
                bare.append((time.perf_counter() - began) * 1e3)
    return _cut(ours), _cut(bare)


def _cut(figures: list[float]) -> list[list[float]]:
    return [figures[start : start + _EACH] for start in range(0, len(figures), _EACH)]


def _p99(figures: list[float]) -> float:
    return sorted(figures)[len(figures) * 99 // 100]
