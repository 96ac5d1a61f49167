"""Validation: the same jobs through a real queue whose jobs do nothing, and through the model.

Real are Redis, `JobQueue`, and a `Consumer` for each converter, read as `Worker` reads it; in place
of ffmpeg a job sleeps. The model is told when each job came and how long it kept its slot, which is
what it is told of conversions too; who waits how long for that it must find out.
"""

import asyncio
import tempfile
from collections.abc import Sequence
from contextlib import AsyncExitStack
from pathlib import Path

from msgspec import Struct, structs

from bench.simulation.figures import Waits, waits_of
from bench.simulation.load import Arrivals, Kind, rate_for
from bench.simulation.model import Fleet, Job, Rules, Run, Simulation
from support.redis import TestRedis
from wavemill_common.connections import connect
from wavemill_common.queue.consumer import Consumer
from wavemill_common.queue.jobs import JobQueue, Lease
from wavemill_common.queue.lanes import LANES

FLEET = Fleet(converters=4)
KINDS = [Kind("short", 0, 0.05, 0.6), Kind("middle", 1, 0.15, 0.3), Kind("long", 2, 0.6, 0.1)]
JOBS, BUSY = 600, 1.1  # more than can be taken, so that all wait, and lanes matter


class Compared(Struct, frozen=True):
    """The waits in one lane, as the model foretold them, and as they were; in seconds."""

    lane: str
    model: Waits
    real: Waits

    @property
    def error(self) -> float:
        """How far the model's median is off, as a share of the real one."""
        return self.model.p50 / self.real.p50 - 1


def validate() -> list[Compared]:
    """Run the jobs both ways."""
    planned = Arrivals(KINDS, 8).steady(rate_for(FLEET, KINDS, BUSY), JOBS)
    real = asyncio.run(_real(planned))
    jobs = [Job(one.job.arrival, one.ended - one.started, one.job.lane) for one in real]
    foretold = Simulation(FLEET, Rules()).run(sorted(jobs, key=lambda job: job.arrival))
    return [
        Compared(lane.value, waits_of(_of(foretold, number)), waits_of(_of(real, number)))
        for number, lane in enumerate(LANES)
    ]


def _of(runs: Sequence[Run], lane: int) -> list[Run]:
    return [run for run in runs if run.job.lane == lane]


async def _real(jobs: Sequence[Job]) -> list[Run]:
    with tempfile.TemporaryDirectory() as folder:
        server = TestRedis(Path(folder))
        await server.start_again()
        try:
            return await _RealQueue(jobs).run(server.url)
        finally:
            server.close()


class _RealQueue:
    """Runs jobs through a queue; times are seconds since the first could come."""

    def __init__(self, jobs: Sequence[Job]) -> None:
        self._jobs = jobs
        self._runs = list[Run]()
        self._came = list[float]()
        self._began = 0.0

    @property
    def _now(self) -> float:
        return asyncio.get_running_loop().time() - self._began

    async def run(self, url: str) -> list[Run]:
        """Run all of them."""
        async with AsyncExitStack() as stack:
            queue = JobQueue(await stack.enter_async_context(connect(url)))
            await queue.prepare()
            consumers = [
                Consumer(await stack.enter_async_context(connect(url)), queue, f"real-{number}")
                for number in range(FLEET.converters)
            ]
            self._began = asyncio.get_running_loop().time()
            async with asyncio.TaskGroup() as group:
                workers = [group.create_task(self._work(one, queue)) for one in consumers]
                for number, job in enumerate(self._jobs):
                    await asyncio.sleep(job.arrival - self._now)
                    self._came.append(self._now)
                    await queue.enqueue(str(number), LANES[job.lane])
                while len(self._runs) < len(self._jobs):
                    await asyncio.sleep(0.05)
                for worker in workers:
                    worker.cancel()
        return self._runs

    async def _work(self, consumer: Consumer, queue: JobQueue) -> None:
        free, freed = FLEET.slots, asyncio.Event()

        async def convert(lease: Lease, asked: float) -> None:
            nonlocal free
            number = int(lease.job_id)
            started = max(asked, self._came[number])  # a slot is taken while it asks
            job = structs.replace(self._jobs[number], arrival=self._came[number])
            await asyncio.sleep(job.service)
            await queue.finish(lease)
            consumer.end(lease)
            self._runs.append(Run(job, started, self._now))
            free += 1
            freed.set()

        async with asyncio.TaskGroup() as group:
            while True:
                while free <= 0:
                    freed.clear()
                    await freed.wait()
                asked = self._now
                for lease in await consumer.claim(free):
                    free -= 1
                    consumer.begin(lease)
                    group.create_task(convert(lease, asked))
