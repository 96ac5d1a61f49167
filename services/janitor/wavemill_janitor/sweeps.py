"""Sweeps: what a janitor does again and again. Any number may run: every step is conditional."""

import asyncio

import structlog

from wavemill_common.connections import REDIS_ERRORS
from wavemill_common.errors import JobExpired
from wavemill_common.following import Standing, look_at_upload
from wavemill_common.jobs import OUTPUTS_PREFIX, Job, JobStatus, job_of_output, outputs_prefix
from wavemill_common.metrics.jobs import job_ended
from wavemill_common.objects import ObjectInfo, ObjectStore
from wavemill_common.progress.snapshot import progress_of
from wavemill_common.records import JobStore
from wavemill_common.uploads import Upload
from wavemill_janitor.deps import Deps
from wavemill_janitor.pages import sweep_pages

log = structlog.get_logger(__name__)

AT_ONCE = 500  # records per sweep; what is left over comes next time
WRITTEN_AT_ONCE = 50  # of them: writes that are under way together share a commit
CONSUMER_IDLE = 3600.0  # seconds after which an empty consumer is forgotten
STALE_DRAFT = 24 * 3600.0  # seconds after which an unfinished write is nobody's


async def enqueue_due(deps: Deps) -> int:
    """Queue again what should be queued and is not: the record is the queue's outbox.

    Only a waiting job is looked at ever more rarely: the `due_at` of one that is processing is
    the end of its lease, which nobody but its converter may move, or it would not be taken over.
    """
    now = deps.now()
    found = [job async for job in deps.jobs.due_jobs(now, AT_ONCE)]
    due = [job for job in found if not job.is_terminal]  # the others wait for their webhooks
    queued = await deps.queue.queued([job.job_id for job in due])
    waiting = [one for one in due if one.job_id in queued and one.status is JobStatus.CREATED]
    for start in range(0, len(waiting), WRITTEN_AT_ONCE):
        some = waiting[start : start + WRITTEN_AT_ONCE]
        await asyncio.gather(*(deps.jobs.apply(job.look_again(now)) for job in some))
    enqueued = 0
    for job in due:
        if job.job_id in queued or await _must_wait(deps, job, now):
            continue
        if await deps.queue.enqueue(job.job_id, job.lane):
            log.info("job_enqueued_again", job=job.job_id, status=job.status)
            enqueued += 1
    return enqueued


async def _must_wait(deps: Deps, job: Job, now: float) -> bool:
    """Whether a job cannot be done by now, because of its upload; one whose upload is gone ends."""
    if job.status is not JobStatus.CREATED:
        return False
    standing = await look_at_upload(deps.jobs, job, now)
    if standing is Standing.GONE:
        log.info("job_cancelled_with_its_upload", job=job.job_id)
        await _cancel(deps, job)
    elif job.follows and standing is not Standing.READY:
        await deps.jobs.apply(job.look_again(now))
    return standing in {Standing.GONE, Standing.WAIT}


async def _cancel(deps: Deps, job: Job) -> None:
    change = job.cancel(deps.now(), deps.job_ttl)
    if await deps.jobs.apply(change):
        await _show_end(deps, change.job)


async def rebuild_queue(deps: Deps) -> int:
    """Fill a Redis that has lost everything: all jobs that have not ended, but for live leases.

    The mark that it is filled is set last, so that a janitor that dies half-way is made up for; and
    only in the Redis in which it was begun: one that loses everything again is filled again.
    """
    if await deps.queue.knows_epoch():
        return 0
    life = await deps.queue.life()
    await deps.queue.prepare()
    now, enqueued = deps.now(), 0
    async for job in deps.jobs.live_jobs():
        if not _is_leased(job, now):
            enqueued += await deps.queue.enqueue(job.job_id, job.lane)
    if await deps.queue.set_epoch(life):
        log.info("queue_rebuilt", enqueued=enqueued)
    else:
        log.warning("queue_lost_while_rebuilt", enqueued=enqueued)
    return enqueued


async def expire_jobs(deps: Deps) -> int:
    """End jobs that are too old; delete the results of ended ones; at last forget them."""
    now = deps.now()
    return await sweep_pages(
        lambda most: deps.jobs.expired_jobs(now, most), lambda job: expire_job(deps, job, now)
    )


async def expire_job(deps: Deps, job: Job, now: float) -> bool:
    """Take an expired job one step on: to its end, to a tombstone, to nothing; tell whether.

    The files go first, then the record that names them: nothing is left that nobody knows of.
    What lost attempts have left goes once the tombstone is there, since nobody can run the job
    again then, and for good at the tombstone's end.
    """
    if not job.is_terminal:
        return await _give_up(deps, job, now)
    if job.tombstone:
        await _delete_below(deps.objects, outputs_prefix(job.job_id))
        return await deps.jobs.remove_job(job)
    await deps.objects.delete(job.result_keys)
    if not await deps.jobs.apply(job.bury(now)):
        return False
    await _delete_below(deps.objects, outputs_prefix(job.job_id))
    return True


async def expire_uploads(deps: Deps) -> int:
    """Remove uploads whose time is over, unless a job that has not ended needs them.

    One that never was completed is no use to its jobs: they are cancelled.
    """
    now = deps.now()

    async def expire(upload: Upload) -> bool:
        if not upload.is_complete:
            return await _break_off(deps, upload)
        if await jobs_that_need(deps.jobs, upload):
            return False
        return await remove_upload(deps.jobs, deps.objects, upload)

    return await sweep_pages(lambda most: deps.jobs.expired_uploads(now, most), expire)


async def _break_off(deps: Deps, upload: Upload) -> bool:
    """Remove an upload that is not complete: from then on nothing can be made of it."""
    aborted = upload.aborted()
    if not await deps.jobs.save_upload(aborted):
        return False
    for job in (await deps.jobs.jobs(aborted.job_ids)).values():
        if not job.is_terminal:
            await _cancel(deps, job)
    return await remove_upload(deps.jobs, deps.objects, aborted)


async def jobs_that_need(records: JobStore, upload: Upload) -> list[str]:
    """The ids of the jobs that have not ended and need an upload."""
    jobs = await records.jobs(upload.job_ids)
    return [job.job_id for job in jobs.values() if not job.is_terminal]


async def remove_upload(records: JobStore, objects: ObjectStore, upload: Upload) -> bool:
    """Delete an upload's bytes, then its record; False where it is no longer as it was seen."""
    aborted = upload.aborted()
    if not await records.save_upload(aborted):
        return False
    if upload.storage_upload_id:
        await objects.abort_multipart(upload.storage_key, upload.storage_upload_id)
    await _delete_below(objects, upload.chunks_prefix)
    await objects.delete([upload.storage_key])
    return await records.remove_upload(aborted)


async def abort_stale_writes(deps: Deps) -> int:
    """Drop multipart uploads and drafts that were begun long ago and never finished."""
    return await deps.objects.clean(deps.now() - STALE_DRAFT)


async def delete_lost_results(deps: Deps) -> int:
    """Delete what an attempt published that died or lost before its commit, once the job has ended.

    The objects are listed before their records are read, so what an ended job does not name by
    then, it never will. Without a record an object gets time: a database may be put back.
    """
    deleted, page = 0, list[ObjectInfo]()
    async for found in deps.objects.scan(OUTPUTS_PREFIX):
        page.append(found)
        if len(page) == AT_ONCE:
            deleted += await _delete_lost(deps, page)
            page = []
    return deleted + await _delete_lost(deps, page)


async def drop_idle_consumers(deps: Deps) -> int:
    """Forget consumers that are gone; one that still holds entries is left to the sweep."""
    idle = await deps.queue.consumers()
    gone = [name for name, seconds in idle.items() if seconds > CONSUMER_IDLE]
    return sum([await deps.queue.drop_consumer(name) for name in gone])


async def _delete_below(objects: ObjectStore, prefix: str) -> None:
    """Delete what the store has under a prefix, whether or not a record names it."""
    await objects.delete([one.key async for one in objects.scan(prefix)])


async def _delete_lost(deps: Deps, results: list[ObjectInfo]) -> int:
    jobs = await deps.jobs.jobs(sorted({job_of_output(one.key) for one in results}))
    old = deps.now() - STALE_DRAFT
    lost = []
    for one in results:
        job = jobs.get(job_of_output(one.key))
        is_lost = one.modified < old if job is None else job.is_terminal and not job.has(one.key)
        if is_lost:
            lost.append(one.key)
    await deps.objects.delete(lost)
    return len(lost)


def _is_leased(job: Job, now: float) -> bool:
    """Whether a converter is at work on the job, as far as the record tells."""
    return job.status is JobStatus.PROCESSING and job.due_at is not None and job.due_at > now


async def _give_up(deps: Deps, job: Job, now: float) -> bool:
    error = JobExpired("the job did not end within its time; convert the file again")
    change = job.give_up(error, now, deps.job_ttl)
    if not await deps.jobs.apply(change):
        return False
    log.warning("job_expired", job=job.job_id)
    await _show_end(deps, change.job)
    return True


async def _show_end(deps: Deps, job: Job) -> None:
    """Take an ended job out of the queue, and tell everyone; the record says so in any case."""
    job_ended(job)
    try:
        await deps.queue.withdraw(job.job_id, job.lane)
        await deps.progress.write(progress_of(job))
    except REDIS_ERRORS as failure:
        log.warning("redis_not_told", reason=repr(failure))
