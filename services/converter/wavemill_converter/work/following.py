"""Following: convert an upload while it is still open, and let go of it when that is no use.

A job whose upload is open holds its slot only while it works more than it waits, or nobody else
needs it. Otherwise it is parked: back to `created`, with no failure and no strike, to be run once
the upload is complete. It is parked once at the most, so little is done twice.
"""

import asyncio

import structlog

from wavemill_common.connections import REDIS_ERRORS
from wavemill_common.errors import UploadNotFound
from wavemill_common.following import BROKEN_OFF, TOO_SLOW, Standing, standing_of
from wavemill_common.jobs import Job, JobStatus
from wavemill_common.metrics.jobs import job_ended
from wavemill_common.objects import ObjectStore
from wavemill_common.progress.snapshot import progress_of
from wavemill_common.queue.consumer import Consumer
from wavemill_common.queue.jobs import JobQueue, Lease
from wavemill_common.records import JobStore
from wavemill_common.retry import retried
from wavemill_common.uploads import Upload
from wavemill_converter.store.growing import GrowingUpload, broken_off
from wavemill_converter.work.decide import Decision
from wavemill_converter.work.deps import Deps

log = structlog.get_logger(__name__)

LOOKS = 120  # at a wait, in the time of the whole patience
TWICE = 2  # an entry that is seen to wait but once may be on its way to a free converter


async def judge_upload(deps: Deps, job: Job) -> Decision:
    """Decide about a job that is to be started, by its upload."""
    if not job.follows:
        return Decision.START
    upload = await _find(deps.jobs, job)
    standing = standing_of(job, upload, deps.now())
    if upload is None or standing is Standing.GONE:
        return Decision.CANCEL
    if job.status is not JobStatus.CREATED or standing is Standing.READY:
        return Decision.START  # one that was begun, and its converter lost, parks where it must
    if standing is Standing.FOLLOW:
        begun = await GrowingUpload(deps.tools.objects, deps.jobs, upload).has_begun()
        return Decision.START if begun else Decision.WAIT
    return Decision.WAIT


async def leave_waiting(deps: Deps, consumer: Consumer, lease: Lease, job: Job) -> None:
    """Take a job that has to wait out of the queue.

    Whoever tells of the upload tries to queue the job, and finds it queued until now: so look once
    more, or nobody would think of the job for a while.
    """
    await consumer.discard(lease)
    await queue_unless_waiting(deps, job)


async def queue_unless_waiting(deps: Deps, job: Job) -> None:
    """Queue a job again if what it waited for has come meanwhile."""
    if await judge_upload(deps, job) is not Decision.WAIT:
        await deps.queue.enqueue(job.job_id, job.lane)


async def cancel_with_upload(deps: Deps, consumer: Consumer, lease: Lease, job: Job) -> None:
    """End a job whose upload is gone, unless it has changed meanwhile."""
    change = job.cancel(deps.now(), deps.job_ttl)
    ended = await deps.jobs.apply(change)
    await consumer.discard(lease)
    if ended:
        job_ended(change.job)
        log.info("job_cancelled_with_its_upload", job=job.job_id)
        await deps.progress.write(progress_of(change.job))


async def open_growing(objects: ObjectStore, records: JobStore, job: Job) -> GrowingUpload | None:
    """The upload of a job, if it is open still; None where the whole file can be read.

    Raises:
        UploadBrokenOff: it is gone.
    """
    if not job.follows:
        return None
    upload = await _find(records, job)
    if upload is None:
        raise broken_off()
    return None if upload.is_complete else GrowingUpload(objects, records, upload)


async def until_useless(growing: GrowingUpload, queue: JobQueue, patience: float) -> str:
    """Return once a job should follow its upload no longer: with what it has to wait for."""
    waiting, seen = growing.waiting, 0
    while True:
        await asyncio.sleep(patience / LOOKS)
        if waiting.is_too_long(patience):
            return await growing.why_from_its_end() if waiting.for_the_end else BROKEN_OFF
        seen = seen + 1 if waiting.is_idle(patience) and await _others_wait(queue) else 0
        if seen >= TWICE:
            return await growing.why_from_its_end() if waiting.for_the_end else TOO_SLOW


async def _others_wait(queue: JobQueue) -> bool:
    try:
        return any(lane.waiting for lane in await queue.stats())
    except REDIS_ERRORS:
        return False


async def _find(records: JobStore, job: Job) -> Upload | None:
    try:
        return await retried(records.upload, job.file_id)
    except UploadNotFound:
        return None
