"""jobs list | show | requeue | cancel | expire."""

import argparse
import json
import time
from collections.abc import Awaitable, Callable
from functools import partial

from msgspec import Struct

from wavemill_common.connections import REDIS_ERRORS
from wavemill_common.errors import UploadIncomplete, UploadNotFound
from wavemill_common.jobs import Job, JobStatus
from wavemill_common.queue.jobs import JobQueue
from wavemill_common.settings import Settings
from wavemill_common.submission import Submission, check_usable
from wavemill_janitor.cli import exits
from wavemill_janitor.cli.actions import Skip, Step, carry_out, fitting, unknown
from wavemill_janitor.cli.context import open_all, open_queue, open_records, submission
from wavemill_janitor.cli.filters import format_age
from wavemill_janitor.cli.selection import filter_of, matching, newest, selected
from wavemill_janitor.deps import Deps
from wavemill_janitor.output import Output, format_bytes, record, stamp
from wavemill_janitor.sweeps import expire_job

_EMPTY: tuple[object, ...] = (None, "", [], {})
CHANGED = "it changed meanwhile; look at it again"


class JobRow(Struct, frozen=True, kw_only=True, rename="camel"):
    """A job as a list tells it. `age` in seconds."""

    job_id: str
    status: JobStatus
    format: str
    quality: str
    file_name: str
    owner: str
    lane: str
    attempt: int
    strikes: int
    error: str | None
    created_at: str | None
    age: float


class JobList(Struct, frozen=True):
    """The JSON document of `jobs list`; `truncated`: more match than the limit lets through."""

    jobs: list[JobRow]
    count: int
    truncated: bool


async def list_jobs(args: argparse.Namespace, settings: Settings, out: Output) -> int:
    """Tell the newest jobs that match."""
    now = time.time()
    async with open_records(settings) as records:
        found = await newest(matching(records, filter_of(args), out, now), args.limit + 1)
    rows = [_row(job, now) for job in found[: args.limit]]
    truncated = len(found) > args.limit
    if out.as_json:
        out.document(JobList(rows, len(rows), truncated))
        return exits.OK
    out.table(
        ("job id", "status", "age", "format", "attempt", "error", "file"),
        [
            (row.job_id, row.status, format_age(row.age), row.format, row.attempt,
             row.error or "", row.file_name)
            for row in rows
        ],
    )  # fmt: skip
    more = "; there are more: raise --limit" if truncated else ""
    out.line(f"{len(rows)} jobs{more}")
    return exits.OK


async def show_job(args: argparse.Namespace, settings: Settings, out: Output) -> int:
    """Tell all that is known of one job."""
    async with open_records(settings) as records:
        job = await records.job(args.id)
        try:
            upload = await records.upload(job.file_id)
        except UploadNotFound:
            upload = None
    queue = await _place(settings, job, out)
    if out.as_json:
        shown = {"job": record(job), "upload": upload and record(upload), "queue": queue}
        out.document(shown)
        return exits.OK
    rows = [(name, _text(value)) for name, value in record(job).items() if value not in _EMPTY]
    out.table(("field", "value"), rows)
    if upload is None:
        out.line("upload: gone; the job cannot run again")
    else:
        until = stamp(upload.expires_at)
        out.line(f"upload: {upload.state}, {format_bytes(upload.size or 0)}, kept until {until}")
    if queue is not None:
        out.line(f"queue: {'queued' if queue['queued'] else 'not queued'}")
    return exits.OK


async def requeue(args: argparse.Namespace, settings: Settings, out: Output) -> int:
    """Queue live jobs that the queue has lost; run failed and cancelled ones again."""
    return await _act(args, settings, out, "jobs requeue", requeue_step)


async def cancel(args: argparse.Namespace, settings: Settings, out: Output) -> int:
    """End jobs that have not ended."""
    return await _act(args, settings, out, "jobs cancel", _cancel_step)


async def expire(args: argparse.Namespace, settings: Settings, out: Output) -> int:
    """Let jobs expire now: live ones end as failed, ended ones lose their results."""
    return await _act(args, settings, out, "jobs expire", _expire_step)


class Desk(Struct, frozen=True):
    """What the steps work with."""

    deps: Deps
    submission: Submission


Plan = Callable[[Desk, Job], Awaitable[Step]]


async def _act(
    args: argparse.Namespace,
    settings: Settings,
    out: Output,
    action: str,
    plan: Plan,
) -> int:
    async with open_all(settings) as deps:
        desk = Desk(deps, submission(deps, settings))
        steps = [
            await plan(desk, one) if isinstance(one, Job) else unknown(one, "job")
            async for one in selected(deps.jobs, args, out)
        ]
        return await carry_out(out, action, fitting(steps, named=bool(args.ids)), apply=args.apply)


async def requeue_step(desk: Desk, job: Job) -> Step:
    """How a job would run again."""
    step = partial(Step, id=job.job_id, state=job.status.value)
    if job.tombstone or job.status is JobStatus.COMPLETED:
        why = "it has expired" if job.tombstone else "it completed"
        return step(does="nothing", skip=f"{why}; convert the file again if need be")
    if job.is_terminal:
        return await _retry_step(desk, job)
    now = desk.deps.now()
    if job.status is JobStatus.PROCESSING and job.due_at is not None and job.due_at > now:
        return step(does="nothing", skip="a converter holds its lease")
    if job.not_before is not None and job.not_before > now:
        wait = format_age(job.not_before - now)
        return step(does="nothing", skip=f"it waits for its next try in {wait}")
    if await desk.deps.queue.queued([job.job_id]):
        return step(does="nothing", skip="it is in the queue")
    return step(does="put it back into the queue", run=partial(_enqueue, desk.deps.queue, job))


async def _retry_step(desk: Desk, job: Job) -> Step:
    reason = f" ({job.error.code})" if job.error else ""
    step = partial(Step, id=job.job_id, state=job.status.value + reason, does="run it again")
    try:
        check_usable(await desk.deps.jobs.upload(job.file_id), desk.deps.now())
    except (UploadNotFound, UploadIncomplete):
        return step(refuse="its upload is gone: the file has to be uploaded again")
    return step(run=partial(_retry, desk.submission, job))


async def _enqueue(queue: JobQueue, job: Job) -> None:
    if not await queue.enqueue(job.job_id, job.lane):
        raise Skip("it is in the queue by now")


async def _retry(submission: Submission, job: Job) -> None:
    if await submission.retry(job) is None:
        raise Skip(CHANGED)


async def _cancel_step(desk: Desk, job: Job) -> Step:
    step = partial(Step, id=job.job_id, state=job.status.value)
    if job.is_terminal:
        return step(does="nothing", skip=f"it has ended: {job.status.value}")
    return step(does="cancel it", run=partial(_cancel, desk, job.job_id))


async def _cancel(desk: Desk, job_id: str) -> None:
    while True:
        job = await desk.deps.jobs.job(job_id)
        if job.is_terminal:
            raise Skip(f"it has ended meanwhile: {job.status.value}")
        if await desk.submission.cancel(job) is not None:
            return


async def _expire_step(desk: Desk, job: Job) -> Step:
    step = partial(Step, id=job.job_id, state=job.status.value)
    if job.tombstone:
        return step(does="nothing", skip="it has expired")
    size = sum(output.size for output in job.outputs)
    does = (
        f"delete its {len(job.outputs)} results ({format_bytes(size)}); downloads answer 410"
        if job.is_terminal
        else "end it as failed: expired"
    )
    return step(does=does, run=partial(_expire, desk.deps, job))


async def _expire(deps: Deps, job: Job) -> None:
    if not await expire_job(deps, job, deps.now()):
        raise Skip(CHANGED)


async def _place(settings: Settings, job: Job, out: Output) -> dict[str, object] | None:
    """Where the job stands in the queue; None while Redis is down."""
    try:
        async with open_queue(settings) as queue:
            queued = bool(await queue.queued([job.job_id]))
            position = None
            if job.status is JobStatus.CREATED:
                position = await queue.position(job.job_id, job.lane)
            return {"queued": queued, "position": position}
    except (exits.DependencyDown, *REDIS_ERRORS) as error:
        out.note(f"wavemill-janitor: the queue is not shown: {exits.explain(error)}")
        return None


def _text(value: object) -> str:
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)


def _row(job: Job, now: float) -> JobRow:
    return JobRow(
        job_id=job.job_id,
        status=job.status,
        format=job.format,
        quality=job.quality,
        file_name=job.file_name,
        owner=job.owner,
        lane=job.lane.value,
        attempt=job.attempt,
        strikes=job.strikes,
        error=job.error.code if job.error else None,
        created_at=stamp(job.created_at),
        age=round(now - job.created_at, 1),
    )
