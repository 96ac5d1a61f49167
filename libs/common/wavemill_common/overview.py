"""Overview: what goes on right now, put together from the queue, the progress and the records."""

from msgspec import Struct

from wavemill_common.jobs import Job
from wavemill_common.progress.snapshot import Progress
from wavemill_common.progress.store import ProgressStore
from wavemill_common.queue.converters import ConverterRegistry, ConverterStatus
from wavemill_common.queue.inspection import Entry, QueueInspector, QueueReport
from wavemill_common.records import JobStore


class Sources(Struct, frozen=True):
    """What is looked at; nothing is changed."""

    inspector: QueueInspector
    registry: ConverterRegistry
    progress: ProgressStore
    jobs: JobStore


class Running(Struct, frozen=True, kw_only=True, rename="camel"):
    """A job in a converter's hands. Times in seconds, `progress` in percent.

    `since` is how long ago it was first started, `speed` in multiples of real time. What is not
    known is None, or empty.
    """

    job_id: str
    lane: str
    converter: str
    file_name: str
    format: str
    stage: str
    progress: int
    attempt: int
    speed: float | None = None
    remaining: int | None = None
    since: float | None = None


class Ended(Struct, frozen=True, kw_only=True, rename="camel"):
    """A job that ended `age` seconds ago; `seconds` passed from its acceptance to then."""

    job_id: str
    status: str
    age: float
    file_name: str
    format: str
    code: str | None = None
    seconds: float | None = None


class Overview(Struct, frozen=True, kw_only=True):
    """Everything at one moment."""

    queue: QueueReport
    converters: tuple[ConverterStatus, ...]
    running: tuple[Running, ...]
    ended: tuple[Ended, ...]


async def look(sources: Sources, now: float, count: int) -> Overview:
    """Look around; tell at most `count` running jobs of each lane, and as many that ended last.

    Raises what Redis and the job store raise.
    """
    held = [one for one in await sources.inspector.held(count) if one.consumer]
    newest = await sources.progress.read([one.job_id for one in held]) if held else {}
    ended = await sources.progress.ended(count)
    job_ids = {*(one.job_id for one in held), *(one.job_id for one, _ in ended)}
    jobs = await sources.jobs.jobs(sorted(job_ids)) if job_ids else {}
    return Overview(
        queue=await sources.inspector.report(),
        converters=tuple(await sources.registry.alive()),
        running=tuple(
            _running(one, jobs.get(one.job_id), newest.get(one.job_id, (None, 0.0))[0], now)
            for one in held
        ),
        ended=tuple(_ended(one, jobs.get(one.job_id), age) for one, age in ended),
    )


def _running(entry: Entry, job: Job | None, progress: Progress | None, now: float) -> Running:
    return Running(
        job_id=entry.job_id,
        lane=entry.lane,
        converter=entry.consumer or "",
        file_name=job.file_name if job else "",
        format=job.format if job else "",
        stage=progress.stage.value if progress else "",
        progress=max(0, progress.progress) if progress else 0,
        attempt=max(progress.attempt if progress else 0, job.attempt if job else 0),
        speed=progress.speed if progress else None,
        remaining=progress.estimated_time_remaining if progress else None,
        since=max(0.0, now - job.started_at) if job and job.started_at else None,
    )


def _ended(progress: Progress, job: Job | None, age: float) -> Ended:
    took = job.ended_at - job.created_at if job and job.ended_at else None
    return Ended(
        job_id=progress.job_id,
        status=progress.status.value,
        age=round(max(0.0, age), 1),
        file_name=job.file_name if job else "",
        format=job.format if job else "",
        code=progress.error.code if progress.error else None,
        seconds=None if took is None else round(max(0.0, took), 2),
    )
