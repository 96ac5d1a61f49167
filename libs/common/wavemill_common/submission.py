"""Submission: how a job gets to its converters, and out of their hands. The record comes first.

What gateways do for a job's owner and what operators do at the command line is the same.
"""

from collections.abc import Awaitable, Callable

import structlog
from msgspec import Struct

from wavemill_common.connections import REDIS_ERRORS
from wavemill_common.errors import UploadIncomplete, UploadNotFound
from wavemill_common.jobs import Job
from wavemill_common.metrics.jobs import job_ended
from wavemill_common.progress.snapshot import progress_of
from wavemill_common.progress.store import ProgressStore
from wavemill_common.queue.jobs import JobQueue
from wavemill_common.records import JobStore
from wavemill_common.uploads import Upload, UploadState

log = structlog.get_logger(__name__)

UPLOAD_MARGIN = 3600.0  # seconds that a file is kept beyond the latest end of its jobs
UPLOAD_GRAIN = 600.0  # seconds: a date that hardly changes stays, with its entries in the indexes


class Submission(Struct, frozen=True):
    """The stores that a job goes through. Every method may raise what the job store raises."""

    records: JobStore
    queue: JobQueue
    progress: ProgressStore
    job_ttl: float
    due_after: float
    now: Callable[[], float]

    async def reserve(self, file_id: str, job_id: str) -> Upload:
        """Note in the upload, complete or not, that a job needs it, so that the file outlives it.

        Raises:
            UploadNotFound: there is nothing to convert.
        """
        now = self.now()
        upload = await self.records.upload(file_id)
        check_there(upload, now)
        if job_id in upload.job_ids and upload.needed_until >= now + self.job_ttl:
            return upload
        return await self._note(file_id, job_id)

    async def _note(self, file_id: str, job_id: str) -> Upload:
        while True:
            now = self.now()
            upload = await self.records.upload(file_id)
            check_there(upload, now)
            jobs = await self.records.jobs(upload.job_ids)
            ended = [one for one in upload.job_ids if one not in jobs or jobs[one].is_terminal]
            until = now + self.job_ttl + UPLOAD_MARGIN
            if upload.expires_at > until - UPLOAD_GRAIN:
                until = upload.expires_at
            if await self.records.save_upload(upload.used_by(job_id, ended, until)):
                return upload

    async def confirm(self, job: Job) -> Upload:
        """Make sure of the reservation of a job that is written by now; return the upload.

        Before, another reservation or a deletion may have looked for the job in vain, and be about
        to write that nothing needs the upload. So this always writes: the other one looks again.

        Raises:
            UploadNotFound: the file has gone meanwhile; the job is cancelled.
        """
        try:
            return await self._note(job.file_id, job.job_id)
        except UploadNotFound:
            while not job.is_terminal and await self.cancel(job) is None:
                job = await self.records.job(job.job_id)
            raise

    async def announce(self, job: Job) -> bool:
        """Queue a job that is to run, and show it; tell whether Redis heard of it.

        If it did not, the janitor will make up for it: the record is the queue's outbox.
        """
        return await tell_redis(
            self.queue.enqueue(job.job_id, job.lane), self.progress.write(progress_of(job))
        )

    async def cancel(self, job: Job) -> Job | None:
        """End a job that has not ended; None where it is no longer as it was seen."""
        change = job.cancel(self.now(), self.job_ttl)
        if not await self.records.apply(change):
            return None
        job_ended(change.job)
        await self.withdraw(change.job)
        return change.job

    async def withdraw(self, job: Job) -> bool:
        """Take an ended job out of the queue and show its end; tell whether Redis heard of it."""
        return await tell_redis(
            self.queue.withdraw(job.job_id, job.lane), self.progress.write(progress_of(job))
        )

    async def retry(self, job: Job) -> Job | None:
        """Run a failed or cancelled job again; None where it is no longer as it was seen.

        Raises:
            UploadNotFound: its file is gone.
        """
        await self.reserve(job.file_id, job.job_id)
        change = job.retry(self.now(), self.job_ttl, self.due_after)
        if not await self.records.apply(change):
            return None
        await self.confirm(change.job)
        await tell_redis(self.queue.undead(job.job_id))
        await self.announce(change.job)
        return change.job


def check_there(upload: Upload, now: float) -> None:
    """Return if a job may be made of this upload, at once or as it arrives.

    Raises:
        UploadNotFound: it is gone.
    """
    if upload.state is UploadState.ABORTED or upload.expires_at <= now:
        raise UploadNotFound(f"there is no upload {upload.file_id}; it may have expired")


def check_usable(upload: Upload, now: float) -> None:
    """Return if the whole file is there.

    Raises:
        UploadNotFound, UploadIncomplete: it is gone, or not there yet.
    """
    check_there(upload, now)
    if not upload.is_complete:
        raise UploadIncomplete("the upload is not complete; send its missing chunks first")


async def tell_redis(*calls: Awaitable[object]) -> bool:
    """Await calls, each whatever becomes of the others; tell whether all succeeded.

    Redis may be down: the janitor reads the record and makes up for it.
    """
    told = True
    for call in calls:
        try:
            await call
        except REDIS_ERRORS as error:
            told = False
            log.warning("redis_not_told", reason=repr(error))
    return told
