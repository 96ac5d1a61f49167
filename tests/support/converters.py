"""A converter's worker in the test's own process, and an ffmpeg that does as it is told."""

import asyncio
import shlex
import time
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from imageio_ffmpeg import get_ffmpeg_exe

from support.known import known_ffmpeg
from support.records import DAY, a_job
from wavemill_common.connections import connect, connect_blocking
from wavemill_common.jobs import Job
from wavemill_common.objects import ObjectStore
from wavemill_common.progress.store import ProgressStore
from wavemill_common.queue.consumer import Consumer, own_name
from wavemill_common.queue.jobs import JobQueue
from wavemill_common.queue.renewal import Renewal
from wavemill_common.records import JobStore
from wavemill_common.settings import Timings
from wavemill_converter.ffmpeg.installation import find_ffmpeg
from wavemill_converter.probe.probe import Limits
from wavemill_converter.store.proxy import RangeProxy
from wavemill_converter.tools import Tools
from wavemill_converter.transcode.outcome import Timeouts
from wavemill_converter.work.deps import Deps
from wavemill_converter.work.scratch import Scratch
from wavemill_converter.work.worker import Worker

QUICK = Timings(
    lease_ttl=1.0,
    renew_every=0.1,
    record_lease=30.0,
    record_renew_every=0.3,
    sweep_every=0.2,
    loop_stall=10.0,
    due_after=1.0,
    janitor_every=0.2,
    epoch_every=0.1,
    promote_every=0.05,
    tidy_every=60.0,
    retry_base=0.2,
    retry_cap=1.0,
)

_SCRIPT = """#!/bin/sh
case " $* " in *" -progress "*) ;; *) exec {real} "$@" ;; esac
echo $$ >> {starts}
printf 'out_time_us=100000\\ntotal_size=10\\nspeed=1x\\nprogress=continue\\n'
{behaviour}
exec {real} "$@"
"""


class ScriptedFfmpeg:
    """The real ffmpeg, which does something else first whenever it is to convert."""

    def __init__(self, folder: Path, behaviour: str = "") -> None:
        folder.mkdir(exist_ok=True)
        self.path = folder / "ffmpeg"
        self._starts = folder / "starts"
        self._gate = folder / "open"
        gate = f"while [ ! -e {shlex.quote(str(self._gate))} ]; do sleep 0.02; done"
        crash = f"[ -e {shlex.quote(str(self._gate))} ] || kill -9 $$"
        script = _SCRIPT.format(
            real=shlex.quote(str(get_ffmpeg_exe())),
            starts=shlex.quote(str(self._starts)),
            behaviour={"wait": gate, "crash": crash}.get(behaviour, behaviour),
        )
        self.path.write_text(script)
        self.path.chmod(0o755)

    def open(self) -> None:
        """Let those go on that wait, and those live that would crash."""
        self._gate.touch()

    @property
    def pids(self) -> list[int]:
        """The processes that were to convert, in their order."""
        return [int(pid) for pid in self._starts.read_text().split()] if self.started else []

    @property
    def started(self) -> bool:
        """Whether any conversion was begun."""
        return self._starts.exists()

    @property
    def running(self) -> list[int]:
        """Those that still run."""
        return [pid for pid in self.pids if _is_alive(pid)]


def _is_alive(pid: int) -> bool:
    stat = Path(f"/proc/{pid}/stat")
    try:
        return stat.read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


@dataclass
class House:
    """The stores that a test's converters share."""

    folder: Path
    redis_url: str
    jobs: JobStore
    objects: ObjectStore
    queue: JobQueue
    progress: ProgressStore

    @property
    def scratch(self) -> Path:
        """Where all converters keep what they work on."""
        return self.folder / "scratch"

    def scratch_files(self) -> list[Path]:
        """What attempts have left, if they have."""
        known = {".lock", "lock"}
        return [
            path for path in self.scratch.rglob("*") if path.is_file() and path.name not in known
        ]

    async def submit(
        self, job_id: str = "job", *, source: Path | None = None, **fields: Any
    ) -> Job:
        """Accept a job as the gateway does."""
        job = a_job(job_id, input_key=f"uploads/{job_id}.wav", **fields)
        if source is not None:
            await self.objects.put(job.input_key, _bytes_of(source))
        await self.jobs.put_job(job)
        await self.queue.enqueue(job.job_id, job.lane)
        return job

    async def results(self) -> list[str]:
        """The keys of all results in the object store."""
        return [one.key async for one in self.objects.scan("conversions/")]

    async def until(
        self, condition: Callable[[Job], object], job_id: str = "job", timeout: float = 15.0
    ) -> Job:
        """Wait until a job's record is as it should be."""
        async with asyncio.timeout(timeout):
            while True:
                job = await self.jobs.job(job_id)
                if condition(job):
                    return job
                await asyncio.sleep(0.02)

    async def ended(self, job_id: str = "job") -> Job:
        """Wait until a job has ended."""
        return await self.until(lambda job: job.is_terminal, job_id)


@dataclass
class Running:
    """A worker that runs."""

    worker: Worker
    name: str
    stopping: asyncio.Event
    task: "asyncio.Task[None]"

    async def stop(self, within: float = 5.0) -> None:
        """Ask it to stop, and wait for that."""
        self.stopping.set()
        async with asyncio.timeout(within):
            await asyncio.shield(self.task)


@asynccontextmanager
async def converter(
    house: House, ffmpeg: ScriptedFfmpeg | None = None, *, slots: int = 2, timings: Timings = QUICK
) -> AsyncIterator[Running]:
    """Run a worker as a converter's `main` does, for the time of a block."""
    name = own_name()
    async with AsyncExitStack() as stack:
        shared = await stack.enter_async_context(connect(house.redis_url))
        reading = await stack.enter_async_context(connect(house.redis_url))
        queue = JobQueue(shared)
        deps = Deps(
            jobs=house.jobs,
            queue=queue,
            progress=ProgressStore(shared),
            tools=Tools(
                objects=house.objects,
                ffmpeg=await (find_ffmpeg(str(ffmpeg.path)) if ffmpeg else known_ffmpeg()),
                proxy=await stack.enter_async_context(RangeProxy()),
                limits=Limits(),
                timeouts=Timeouts(),
            ),
            scratch=stack.enter_context(Scratch(house.scratch, name)),
            timings=timings,
            job_ttl=DAY,
            max_strikes=3,
            drain_grace=0.0,
            streaming=True,
            now=time.time,
        )
        worker = Worker(deps, Consumer(reading, queue, name), slots)
        renewal = Renewal(
            connect_blocking(house.redis_url, reply_timeout=1.0),
            name,
            every=timings.renew_every,
            loop_stall=timings.loop_stall,
            on_lost=worker.lost,
        )
        await stack.enter_async_context(renewal)
        stopping = asyncio.Event()
        async with asyncio.TaskGroup() as group:
            task = group.create_task(worker.run(renewal, stopping))
            yield Running(worker, name, stopping, task)
            stopping.set()


async def _bytes_of(path: Path) -> AsyncIterator[bytes]:
    yield path.read_bytes()
