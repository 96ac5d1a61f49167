"""Jobs for benches: recorded as running, and their progress written as converters write it."""

import asyncio
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from uuid import uuid4

from msgspec import structs

from support.records import a_job
from wavemill_common.connections import REDIS_ERRORS, connect
from wavemill_common.jobs import Job
from wavemill_common.progress.snapshot import Progress, Stage, progress_of
from wavemill_common.progress.store import ProgressStore
from wavemill_common.records.sqlite import SqliteJobStore
from wavemill_common.settings import Settings

WRITE_EVERY = 0.5  # seconds, as converters do
LEASE = 3600.0  # seconds
START_TIMEOUT = 60.0  # seconds


def running_jobs(data_dir: Path, count: int) -> list[Job]:
    """Record jobs that somebody seems to work on."""
    now = time.time()
    new = [a_job(uuid4().hex, now=now) for _ in range(count)]
    started = [job.start(uuid4().hex, now, LEASE).job for job in new]
    path = Settings.from_environ({"DATA_DIR": str(data_dir)}).records_path

    async def put() -> None:
        async with SqliteJobStore.open(path) as records:
            await asyncio.gather(*(records.put_job(job) for job in started))

    asyncio.run(put())
    return started


def step(job: Job, number: int) -> Progress:
    """The progress of a running job at its step `number` (from 1)."""
    return structs.replace(
        progress_of(job),
        stage=Stage.CONVERTING,
        progress=number % 100,
        revision=job.revision + number,
        current_time="00:01:02.03",
        total_duration="00:59:59.99",
        estimated_time_remaining=42,
        speed=31.4,
    )


@contextmanager
def written(redis_url: str, jobs: Sequence[Job]) -> Iterator[None]:
    """Write the progress of jobs again and again, in a thread, for the time of a block."""
    over, begun = threading.Event(), threading.Event()

    async def write() -> None:
        async with connect(redis_url) as client:
            store, number = ProgressStore(client), 0
            while not over.is_set():
                number += 1
                with suppress(*REDIS_ERRORS):  # a busy machine: the next step follows soon
                    for job in jobs:
                        await store.write(step(job, number))
                    begun.set()
                await asyncio.sleep(WRITE_EVERY)

    thread = threading.Thread(target=lambda: asyncio.run(write()), name="progress")
    thread.start()
    try:
        assert begun.wait(START_TIMEOUT), "no progress could be written"
        yield
    finally:
        over.set()
        thread.join()
