"""The job protocol without its processes: the real stores and services' own steps, a fake clock."""

import asyncio
import hashlib
import io
import wave
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from typing import Any, Self

from support.redis import raw_client
from wavemill_common.connections import connect
from wavemill_common.jobs import Job
from wavemill_common.objects.disk import DiskObjectStore
from wavemill_common.options import Wanted
from wavemill_common.progress.reader import ProgressReader
from wavemill_common.progress.store import ProgressStore
from wavemill_common.queue import scripts
from wavemill_common.queue.jobs import JobQueue
from wavemill_common.records.sqlite import SqliteJobStore
from wavemill_common.settings import Timings
from wavemill_converter.ffmpeg.installation import Ffmpeg
from wavemill_converter.probe.limits import Limits
from wavemill_converter.store.proxy import RangeProxy
from wavemill_converter.tools import Tools
from wavemill_converter.transcode.outcome import Timeouts
from wavemill_converter.work.deps import Deps
from wavemill_converter.work.scratch import Scratch
from wavemill_gateway.asked import ConvertRequest
from wavemill_gateway.desk import JobDesk
from wavemill_gateway.intake import Intake, UploadLimits
from wavemill_janitor.deps import Deps as JanitorDeps

CHUNK = 300  # bytes
DAY = 24 * 3600.0
NOBODY = "redis://127.0.0.1:1/0"  # a port on which no Redis listens


class Clock:
    """The time of all services, as the test says."""

    def __init__(self) -> None:
        self.now = 1_800_000_000.0

    def __call__(self) -> float:
        return self.now


class World:
    """Everything that a job passes through, opened once; `reset` empties it."""

    jobs: SqliteJobStore
    raw: Any
    queue: JobQueue
    deaf_queue: JobQueue
    progress: ProgressStore
    reader: ProgressReader
    scratch: Scratch

    def __init__(self, folder: Path) -> None:
        self.clock = Clock()
        self.timings = Timings.of(15.0, 1.0)
        self.objects = DiskObjectStore(folder / "objects")
        self._folder = folder

    @classmethod
    @asynccontextmanager
    async def open(cls, folder: Path, redis_url: str) -> AsyncIterator[Self]:
        """Open the stores and connections."""
        world = cls(folder)
        async with AsyncExitStack() as stack:
            enter = stack.enter_async_context
            world.jobs = await enter(SqliteJobStore.open(folder / "records.sqlite3"))
            world.raw = await enter(raw_client(redis_url))
            world.queue = JobQueue(world.raw)
            world.deaf_queue = JobQueue(await enter(connect(NOBODY)))
            world.progress = ProgressStore(world.raw)
            world.reader = ProgressReader(world.progress, world.jobs)
            world.scratch = stack.enter_context(Scratch(folder / "scratch", "model"))
            yield world

    async def reset(self) -> None:
        """Forget everything, but keep the connections."""
        await self.raw.flushall()
        tables = ("jobs", "uploads", "chunks")
        await self.jobs._write(lambda db: [db.execute(f"DELETE FROM {one}") for one in tables])  # noqa: S608
        await self.objects.delete([one.key async for one in self.objects.scan("")])
        self.clock.now = Clock().now
        await self.queue.prepare()
        await self.queue.set_epoch(await self.queue.life())

    async def advance(self, seconds: float) -> None:
        """Let time pass, for what waits by the server's clock too."""
        self.clock.now += seconds
        for member in await self.raw.zrange(scripts.DELAY, 0, -1):
            await self.raw.zincrby(scripts.DELAY, -seconds, member)

    # --- the services ---

    def desk(self, *, deaf: bool = False) -> JobDesk:
        """A gateway's desk; a deaf one cannot reach Redis."""
        return JobDesk(
            self.jobs,
            self.objects,
            self.deaf_queue if deaf else self.queue,
            self.progress,
            secret=b"model",
            job_ttl=DAY,
            due_after=self.timings.due_after,
            webhook_private=False,
            now=self.clock,
        )

    def intake(self, *, deaf: bool = False) -> Intake:
        """A gateway's intake, which takes tiny chunks; a deaf one cannot reach Redis."""
        limits = UploadLimits(
            max_bytes=1 << 20, chunk_bytes=CHUNK, min_chunk_bytes=1, max_chunk_bytes=CHUNK, ttl=DAY
        )
        followers = self.desk(deaf=deaf).followers
        return Intake(self.objects, self.jobs, limits, self.clock, followers=followers)

    def janitor(self) -> JanitorDeps:
        """What a janitor works on."""
        return JanitorDeps(
            jobs=self.jobs,
            objects=self.objects,
            queue=self.queue,
            progress=self.progress,
            job_ttl=DAY,
            webhook_secret=b"model",
            webhook_private=False,
            now=self.clock,
        )

    def converter(self) -> Deps:
        """What a converter works with; its ffmpeg is never run."""
        tools = Tools(self.objects, Ffmpeg("ffmpeg", "0", ()), RangeProxy(), Limits(), Timeouts())
        return Deps(
            jobs=self.jobs,
            queue=self.queue,
            progress=self.progress,
            tools=tools,
            scratch=self.scratch,
            timings=self.timings,
            job_ttl=DAY,
            max_strikes=3,
            drain_grace=0.0,
            streaming=True,
            now=self.clock,
        )

    async def all_jobs(self) -> dict[str, Job]:
        """Every record of a job."""
        return {job.job_id: job async for job in self.jobs.all_jobs()}

    async def queue_is_empty(self) -> bool:
        """Whether no entry, no delayed job and no index row is left."""
        rows = await self.queue.stats()
        left = sum(row.waiting + row.pending for row in rows)
        left += int(await self.raw.hlen(scripts.INDEX)) + int(await self.raw.zcard(scripts.DELAY))
        return left == 0


def tiny_wav() -> bytes:
    """A file that the intake takes for audio: three chunks long."""
    file = io.BytesIO()
    with wave.open(file, "wb") as out:
        out.setnchannels(1)
        out.setsampwidth(2)
        out.setframerate(8000)
        out.writeframes(bytes(2 * CHUNK + 100))
    return file.getvalue()


async def blocks_of(data: bytes) -> AsyncIterator[bytes]:
    """A body that arrives at once."""
    await asyncio.sleep(0)
    yield data


def request_for(file_id: str) -> tuple[ConvertRequest, bytes]:
    """What a client asks for, and its body's bytes."""
    asked = ConvertRequest(file_id=file_id, wanted=(Wanted(format="mp3"),))
    return asked, hashlib.sha256(file_id.encode()).digest()
