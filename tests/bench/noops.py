"""No-op jobs through our queue and records: python -m bench.noops DATA_DIR REDIS_URL JOBS.

Everything is as in a converter but the conversion: each job is recorded before it is queued, and
claimed, ended and taken out of the queue behind its fence; each of these is durable.
"""

import asyncio
import json
import sys
import time
from contextlib import AsyncExitStack
from pathlib import Path
from uuid import uuid4

from support.records import a_job
from wavemill_common.connections import connect
from wavemill_common.jobs import Job, Output
from wavemill_common.media import MediaInfo
from wavemill_common.progress.snapshot import progress_of
from wavemill_common.progress.store import ProgressStore
from wavemill_common.queue.consumer import Consumer, own_name
from wavemill_common.queue.jobs import JobQueue, Lease
from wavemill_common.records.sqlite import SqliteJobStore
from wavemill_common.settings import Settings

SLOTS = 100
LEASE, TTL = 120.0, 86_400.0  # seconds
_MEDIA = MediaInfo(container="wav", codec="pcm_s16le")


class House:
    """The stores, and what a converter does with them."""

    def __init__(
        self, jobs: SqliteJobStore, queue: JobQueue, consumer: Consumer, progress: ProgressStore
    ) -> None:
        self._jobs = jobs
        self._queue = queue
        self._consumer = consumer
        self._progress = progress
        self._slots = asyncio.Semaphore(SLOTS)
        self._busy = 0

    async def submit(self, _: int) -> None:
        """Record a job, queue it, show it."""
        async with self._slots:
            job = await self._jobs.put_job(a_job(uuid4().hex))
            await self._queue.enqueue(job.job_id, job.lane)
            await self._progress.write(progress_of(job))

    async def work(self, count: int) -> None:
        """Claim and end jobs until so many are done."""
        async with asyncio.TaskGroup() as group:
            claimed = 0
            while claimed < count:
                async with self._slots:
                    free = SLOTS - self._busy
                for lease in await self._consumer.claim(free):
                    claimed += 1
                    self._busy += 1
                    await self._slots.acquire()
                    group.create_task(self._end(lease))

    async def _end(self, lease: Lease) -> None:
        try:
            job = await self._jobs.job(lease.job_id)
            started = job.start(uuid4().hex, time.time(), LEASE)
            assert await self._jobs.apply(started)
            done = started.job.complete((_output(job),), _MEDIA, (), time.time(), TTL, None)
            assert await self._jobs.apply(done)
            await self._queue.finish(lease)
            await self._progress.write(progress_of(done.job))
        finally:
            self._busy -= 1
            self._slots.release()


def _output(job: Job) -> Output:
    return Output(
        key=f"conversions/{job.job_id}/1-0.mp3",
        format="mp3",
        file_name="clip.mp3",
        mime="audio/mpeg",
        size=1,
        sha256="0" * 64,
    )


async def main(data_dir: str, url: str, count: int) -> None:
    """Run so many jobs; print the seconds and CPU seconds that they took."""
    path = Settings.from_environ({"DATA_DIR": data_dir}).records_path
    async with AsyncExitStack() as stack:
        client = await stack.enter_async_context(connect(url))
        reading = await stack.enter_async_context(connect(url))
        jobs = await stack.enter_async_context(SqliteJobStore.open(Path(path)))
        queue = JobQueue(client)
        await queue.prepare()
        consumer = Consumer(reading, queue, own_name())
        house = House(jobs, queue, consumer, ProgressStore(client))
        began, cpu = time.perf_counter(), time.process_time()
        await asyncio.gather(*map(house.submit, range(count)))
        await house.work(count)
        took = time.perf_counter() - began, time.process_time() - cpu
    print(json.dumps(took))


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1], sys.argv[2], int(sys.argv[3])))
