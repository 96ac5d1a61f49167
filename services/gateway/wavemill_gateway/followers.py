"""Followers: the jobs of an upload that is still open hear what becomes of it.

Each step here comes after the record that it tells of, and may be lost: converters look at the
upload again and again, and so does the janitor. What must not be lost is the order: a job is ended
by name before the upload is removed for that reason.
"""

import structlog
from msgspec import Struct

from wavemill_common.errors import AppError, UploadNotFound
from wavemill_common.jobs import Job, JobStatus
from wavemill_common.metrics.jobs import job_ended
from wavemill_common.queue.jobs import JobQueue
from wavemill_common.submission import Submission, tell_redis
from wavemill_common.uploads import Upload

log = structlog.get_logger(__name__)


class Followers(Struct, frozen=True):
    """Tells jobs of their upload. Every method may raise what the job store raises."""

    submission: Submission
    queue: JobQueue

    async def arrived(self, upload: Upload, index: int) -> None:
        """Hear that a chunk is stored: the first one makes jobs ready to follow."""
        if upload.job_ids and not upload.is_complete:
            await tell_redis(self.queue.tell_arrival(upload.file_id))
            if index == 0:
                await self._queue(upload)

    async def completed(self, upload: Upload) -> None:
        """Hear that the whole file is there: whoever waited for that may run."""
        if upload.job_ids:
            await tell_redis(self.queue.tell_arrival(upload.file_id))
            await self._queue(upload)

    async def broken_off(self, upload: Upload) -> None:
        """Hear that the upload was given up: its jobs are cancelled."""
        for job in await self._live(upload):
            await self._cancel(job)
        if upload.job_ids:
            await tell_redis(self.queue.tell_arrival(upload.file_id))

    async def failed(self, file_id: str, error: AppError) -> None:
        """Hear that the file is none that can be converted, before it is removed for that."""
        records, now, ttl = self.submission.records, self.submission.now, self.submission.job_ttl
        try:
            upload = await records.upload(file_id)
        except UploadNotFound:
            return
        for job in await self._live(upload):
            while not job.is_terminal:
                change = job.give_up(error, now(), ttl)
                if await records.apply(change):
                    job_ended(change.job)
                    await self.submission.withdraw(change.job)
                    break
                job = await records.job(job.job_id)  # noqa: PLW2901 - as it is by now

    async def _cancel(self, job: Job) -> None:
        while not job.is_terminal and await self.submission.cancel(job) is None:
            job = await self.submission.records.job(job.job_id)

    async def _live(self, upload: Upload) -> list[Job]:
        jobs = await self.submission.records.jobs(upload.job_ids)
        return [job for job in jobs.values() if not job.is_terminal]

    async def _queue(self, upload: Upload) -> None:
        """Queue who need wait no longer; the upload is stored, whatever becomes of this."""
        try:
            jobs = await self._live(upload)
        except AppError as error:
            log.warning("jobs_not_queued", reason=error.message)
            return
        waiting = [job for job in jobs if job.status is JobStatus.CREATED]
        ready = [job for job in waiting if upload.is_complete or not job.awaits]
        await tell_redis(*[self.queue.enqueue(job.job_id, job.lane) for job in ready])
