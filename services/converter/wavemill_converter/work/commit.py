"""Commit: write an attempt's outcome behind the fence, then tell the queue, then everyone."""

from collections.abc import Callable

import structlog

from wavemill_common.errors import Unavailable
from wavemill_common.jobs import Change, Job
from wavemill_common.progress.snapshot import progress_of
from wavemill_common.queue.consumer import Consumer
from wavemill_common.queue.jobs import Lease
from wavemill_common.retry import retried
from wavemill_converter.metrics import ATTEMPTS, attempt_ended
from wavemill_converter.work.deps import Deps
from wavemill_converter.work.following import queue_unless_waiting

log = structlog.get_logger(__name__)


async def commit(
    deps: Deps, consumer: Consumer, lease: Lease, change: Change, hurried: Callable[[], bool]
) -> None:
    """Record an outcome. The database comes first: Redis can be rebuilt from it.

    Raises:
        Unavailable: the job store is down and there is no time to wait; the entry stays held.
    """
    job = change.job
    if not await _apply(deps, change, hurried):
        log.warning("outcome_fenced", status=job.status)
        ATTEMPTS.labels("fenced", "").inc()
        await deps.tools.objects.delete(job.result_keys)
        await consumer.discard(lease)
        return
    attempt_ended(job)
    log.info("attempt_ended", status=job.status, code=job.error.code if job.error else None)
    await deps.queue.finish(lease)
    await _queue_again(deps, job)
    await deps.progress.write(progress_of(job))


async def _apply(deps: Deps, change: Change, hurried: Callable[[], bool]) -> bool:
    """Wait for the job store: an outage must cost neither the work nor a strike."""
    while True:
        try:
            return await retried(deps.jobs.apply, change)
        except Unavailable as error:
            if hurried():
                raise
            log.warning("commit_waits", reason=repr(error))


async def _queue_again(deps: Deps, job: Job) -> None:
    """A job that is to run again goes back to its lane, at once or when its time has come."""
    if job.is_terminal:
        return
    if job.awaits is not None:
        await queue_unless_waiting(deps, job)
    elif job.not_before is None:
        await deps.queue.enqueue(job.job_id, job.lane)
    else:
        await deps.queue.delay(job.job_id, job.lane, job.not_before - deps.now())
