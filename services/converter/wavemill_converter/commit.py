"""Commit: write an attempt's outcome behind the fence, then tell the queue, then everyone."""

import structlog

from wavemill_common.jobs import Change, Job
from wavemill_common.progress.snapshot import progress_of
from wavemill_common.queue.consumer import Consumer
from wavemill_common.queue.jobs import Lease
from wavemill_common.retry import retried
from wavemill_converter.attempt import Deps

log = structlog.get_logger(__name__)


async def commit(deps: Deps, consumer: Consumer, lease: Lease, change: Change) -> None:
    """Record an outcome. The database comes first: Redis can be rebuilt from it.

    Raises:
        Unavailable: the job store failed for longer than is waited for; the entry stays held.
    """
    job = change.job
    if not await retried(deps.jobs.apply, change):
        log.warning("outcome_fenced", status=job.status)
        await deps.tools.objects.delete([output.key for output in job.outputs])
        await consumer.discard(lease)
        return
    log.info("attempt_ended", status=job.status, code=job.error.code if job.error else None)
    await deps.queue.finish(lease)
    await _queue_again(deps, job)
    await deps.progress.write(progress_of(job))


async def _queue_again(deps: Deps, job: Job) -> None:
    """A job that is to run again goes back to its lane, at once or when its time has come."""
    if job.is_terminal:
        return
    if job.not_before is None:
        await deps.queue.enqueue(job.job_id, job.lane)
    else:
        await deps.queue.delay(job.job_id, job.lane, job.not_before - deps.now())
