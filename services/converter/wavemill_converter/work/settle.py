"""Settle: do away with an entry that is not to be worked on."""

import structlog

from wavemill_common.errors import Poison
from wavemill_common.jobs import Job
from wavemill_common.metrics.jobs import job_ended
from wavemill_common.progress.snapshot import progress_of
from wavemill_common.queue.consumer import Consumer
from wavemill_common.queue.jobs import Lease
from wavemill_converter.work.decide import Decision
from wavemill_converter.work.deps import Deps
from wavemill_converter.work.following import cancel_with_upload, leave_waiting

log = structlog.get_logger(__name__)


async def settle(
    deps: Deps, consumer: Consumer, lease: Lease, job: Job | None, decision: Decision
) -> None:
    """Drop, postpone, end or leave waiting what is behind an entry, as was decided."""
    if job is not None and decision is Decision.GIVE_UP:
        await _give_up(deps, lease, job)
    elif job is not None and decision is Decision.POSTPONE:
        await deps.queue.finish(lease)
        await deps.queue.delay(job.job_id, job.lane, (job.not_before or 0.0) - deps.now())
    elif job is not None and decision is Decision.WAIT:
        await leave_waiting(deps, consumer, lease, job)
    elif job is not None and decision is Decision.CANCEL:
        await cancel_with_upload(deps, consumer, lease, job)
    else:
        await consumer.discard(lease)


async def _give_up(deps: Deps, lease: Lease, job: Job) -> None:
    """Fail a job that took its converter down again and again; keep its id for operators."""
    times = job.strikes_if_started
    error = Poison(f"the conversion crashed {times} times; the file may be damaged or hostile")
    change = job.give_up(error, deps.now(), deps.job_ttl)
    if not await deps.jobs.apply(change):
        return  # another was faster; the entry comes back if there is still something to do
    log.error("job_given_up", job=job.job_id, strikes=times)
    job_ended(change.job)
    await deps.queue.finish(lease)
    await deps.queue.bury(job.job_id, error.code, change.job.attempt)
    await deps.progress.write(progress_of(change.job))
