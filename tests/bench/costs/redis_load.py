"""What each step costs Redis' one thread at work: beside an idle server's, its own rounds dominate.

Every step is the product's own call, sent by many at once as many services would; the processor
time is Redis' own account of its main thread.
"""

import asyncio
import tempfile
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from msgspec import structs

from bench.costs.meters import THREAD
from support.redis import TestRedis, raw_client
from wavemill_common.connections import connect
from wavemill_common.jobs import JobStatus, Lane
from wavemill_common.progress.snapshot import Progress, Stage
from wavemill_common.progress.store import ProgressStore
from wavemill_common.queue.consumer import Consumer
from wavemill_common.queue.jobs import POSITION_LIMIT, JobQueue, Lease
from wavemill_common.queue.scripts import GROUP, RENEW

JOBS = 4000
CALLERS = 32
READ_AT_ONCE = 2  # the slots of a converter

Step = Callable[[int], Awaitable[object]]


class RedisLoad:
    """Takes one step for many jobs and tells what each took of Redis' thread, in microseconds."""

    def __init__(self, client: Any, raw: Any) -> None:
        self._raw = raw
        self._queue = JobQueue(client)
        self._progress = ProgressStore(client)
        self._consumer = Consumer(client, self._queue, "bench")
        self._leases = list[Lease]()

    async def costs(self, jobs: int = JOBS) -> dict[str, float]:
        """The cost of every step."""
        await self._queue.prepare()
        costs = {"enqueue": await self._each(jobs, self._enqueue)}
        costs["position, first"] = await self._each(jobs, lambda _: self._position(0))
        last = min(jobs, POSITION_LIMIT) - 1
        costs["position, last"] = await self._each(jobs // 4, lambda _: self._position(last))
        costs["claim"] = await self._each(jobs // READ_AT_ONCE, self._claim) / READ_AT_ONCE
        costs["renew"] = await self._each(jobs // READ_AT_ONCE, self._renew) / READ_AT_ONCE
        costs["write progress"] = await self._each(jobs, self._write)
        costs["read progress"] = await self._each(jobs, self._read)
        costs["finish"] = await self._each(jobs, self._finish)
        return costs

    async def _each(self, count: int, step: Step) -> float:
        numbers = iter(range(count))

        async def call() -> None:
            for number in numbers:
                await step(number)

        before = await self._used()
        async with asyncio.TaskGroup() as group:
            for _ in range(CALLERS):
                group.create_task(call())
        return (await self._used() - before) / count * 1e6

    async def _used(self) -> float:
        about = await self._raw.info("cpu")
        return sum(float(about[name]) for name in THREAD)

    async def _enqueue(self, number: int) -> None:
        assert await self._queue.enqueue(_job(number), Lane.STANDARD)

    async def _position(self, number: int) -> None:
        await self._queue.position(_job(number), Lane.STANDARD)

    async def _claim(self, _: int) -> None:
        self._leases += await self._consumer.claim(READ_AT_ONCE)

    async def _renew(self, number: int) -> None:
        leases: Sequence[Lease] = self._leases[number * READ_AT_ONCE :][:READ_AT_ONCE]
        ids = [lease.entry_id for lease in leases]
        lost = await self._raw.eval(RENEW, 1, leases[0].stream, GROUP, "bench", *ids)
        assert not lost

    async def _write(self, number: int) -> None:
        assert await self._progress.write(structs.replace(_SHOWN, job_id=_job(number)))

    async def _read(self, number: int) -> None:
        assert await self._progress.read([_job(number)])

    async def _finish(self, number: int) -> None:
        await self._queue.finish(self._leases[number])


@asynccontextmanager
async def _server() -> AsyncIterator[str]:
    with tempfile.TemporaryDirectory() as folder:
        server = TestRedis(Path(folder))
        await server.start_again()
        try:
            yield server.url
        finally:
            server.close()


async def redis_costs(jobs: int = JOBS) -> dict[str, float]:
    """What each step takes of the thread of a Redis of its own, in microseconds."""
    async with _server() as url, connect(url) as client, raw_client(url) as raw:
        return await RedisLoad(client, raw).costs(jobs)


def _job(number: int) -> str:
    return f"{number:032d}"


_SHOWN = Progress(
    job_id="",
    status=JobStatus.PROCESSING,
    stage=Stage.CONVERTING,
    progress=40,
    revision=1_000_004,
    attempt=1,
    start_time=1_795_402_556_344,
    current_time="00:01:40.00",
    total_duration="00:04:00.00",
    estimated_time_remaining=3,
    speed=41.5,
)
