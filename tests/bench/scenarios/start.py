"""From the queue to a running ffmpeg, in an idle system, against XADD → XREADGROUP.

The converter runs in this process, so that one clock tells both ends. Between them lie the claim
(one durable write), a look for the source, the sandbox and a fork.
"""

import asyncio
import statistics
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from unittest.mock import patch
from uuid import uuid4

import redis.asyncio

from bench.bench import Bench
from bench.rows import Goal, Judged, Row
from bench.services import redis_in
from support.audio import make_sweep
from support.ports import free_port
from support.records import a_job
from wavemill_common.connections import connect
from wavemill_common.jobs import Job
from wavemill_common.objects.disk import DiskObjectStore
from wavemill_common.queue.jobs import JobQueue
from wavemill_common.records.sqlite import SqliteJobStore
from wavemill_common.settings import Settings
from wavemill_common.telemetry import configure_logging
from wavemill_converter.main import main as converter
from wavemill_converter.sandbox import process

NAME = "start"
ABOUT = "enqueue → ffmpeg started, one job at a time"
_WARM = 3
_KEY = "uploads/clip.wav"


def run(bench: Bench) -> Iterator[Row]:
    """Measure latencies, one pair after the other."""
    configure_logging("bench", "error", [])
    count = bench.times(15, 100)
    data = bench.folder / "start"
    source = make_sweep(bench.folder / "clip.wav", 1)
    with redis_in(data) as url:
        variables = {
            "DATA_DIR": str(data),
            "PORT": str(free_port()),
            "WAVEMILL_VERIFY": "structure",
        }
        settings = Settings.from_environ(variables)
        ours, bare = asyncio.run(_measured(settings, url, source, count))
    print(f"    p50 {statistics.median(ours):.2f} ms, {statistics.median(bare):.2f} ms")
    yield Row(
        name="latency",
        against="XADD → XREADGROUP",
        unit="ms",
        ours=ours,
        limit=bare,
        goal=Goal(most=10, judged=Judged.OURS),
    )


async def _measured(
    settings: Settings, url: str, source: Path, count: int
) -> tuple[list[float], list[float]]:
    started: asyncio.Queue[float] = asyncio.Queue()
    spawn = process.start_child

    async def noted(*words: Any) -> Any:
        child = await spawn(*words)
        started.put_nowait(time.perf_counter())
        return child

    stopping = asyncio.Event()
    async with (
        asyncio.TaskGroup() as group,
        connect(url) as client,
        SqliteJobStore.open(settings.records_path) as jobs,
    ):
        await DiskObjectStore(settings.objects_dir).put(_KEY, _once(source.read_bytes()))
        converting = group.create_task(converter(settings, stopping))
        queue, ours, bare = JobQueue(client), list[float](), list[float]()
        await queue.prepare()
        with patch.object(process, "start_child", noted):
            for number in range(count + _WARM):
                took = await _one(jobs, queue, started)
                taken = await _bare(url)
                if number >= _WARM:
                    ours.append(took * 1e3)
                    bare.append(taken * 1e3)
        stopping.set()
        await converting
    return ours, bare


async def _one(jobs: SqliteJobStore, queue: JobQueue, started: "asyncio.Queue[float]") -> float:
    job = await jobs.put_job(a_job(uuid4().hex, input_key=_KEY))
    while not started.empty():
        started.get_nowait()
    began = time.perf_counter()
    await queue.enqueue(job.job_id, job.lane)
    first = await started.get()
    await _ended(jobs, job)
    return first - began


async def _ended(jobs: SqliteJobStore, job: Job) -> None:
    async with asyncio.timeout(60):
        while not (await jobs.job(job.job_id)).is_terminal:
            await asyncio.sleep(0.02)


async def _bare(url: str) -> float:
    """Add an entry that somebody waits for."""
    async with (
        redis.asyncio.Redis.from_url(url) as reads,
        redis.asyncio.Redis.from_url(url) as adds,
    ):
        stream = f"bare-{uuid4().hex}"
        await adds.xgroup_create(stream, "group", id="0", mkstream=True)
        await reads.ping()
        reading = asyncio.ensure_future(reads.xreadgroup("group", "me", {stream: ">"}, block=5000))
        await asyncio.sleep(0.01)
        began = time.perf_counter()
        await adds.xadd(stream, {"j": "job"})
        await reading
        return time.perf_counter() - began


async def _once(data: bytes) -> Any:
    yield data
