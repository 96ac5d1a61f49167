"""JobDesk: accept jobs, cancel them, remove them. The record comes first, the queue follows."""

import hashlib
import hmac
from base64 import urlsafe_b64encode
from collections.abc import Awaitable, Callable

import structlog
from msgspec import Struct, field

from wavemill_common.addresses import check_webhook_url
from wavemill_common.catalogue import find_format
from wavemill_common.connections import REDIS_ERRORS
from wavemill_common.errors import (
    Gone,
    IdempotencyKeyReused,
    UploadIncomplete,
    UploadNotFound,
)
from wavemill_common.formats import ConvertOptions, check_options
from wavemill_common.ids import new_id
from wavemill_common.jobs import Job, Webhook, lane_for
from wavemill_common.objects import ObjectStore
from wavemill_common.progress.snapshot import progress_of
from wavemill_common.progress.store import ProgressStore
from wavemill_common.queue.jobs import JobQueue
from wavemill_common.records import JobStore
from wavemill_common.uploads import Upload, UploadState

log = structlog.get_logger(__name__)

UPLOAD_MARGIN = 3600.0  # seconds that a file is kept beyond the latest end of its jobs


class ConvertRequest(Struct, frozen=True, kw_only=True, rename="camel", forbid_unknown_fields=True):
    """The body of POST /api/convert-audio."""

    file_id: str
    format: str
    quality: str = "standard"
    options: ConvertOptions = field(default_factory=ConvertOptions)
    webhook_url: str | None = None


class JobDesk:
    """Everything that gateways do to jobs. Every method may raise what the stores raise."""

    def __init__(
        self,
        records: JobStore,
        objects: ObjectStore,
        queue: JobQueue,
        progress: ProgressStore,
        *,
        secret: bytes,
        job_ttl: float,
        due_after: float,
        webhook_private: bool,
        now: Callable[[], float],
    ) -> None:
        self._records = records
        self._objects = objects
        self._queue = queue
        self._progress = progress
        self._secret = secret
        self._job_ttl = job_ttl
        self._due_after = due_after
        self._webhook_private = webhook_private
        self._now = now

    async def submit(self, asked: ConvertRequest, key: str | None, body: bytes) -> Job:
        """Accept a job; when this returns, it is durable. The same key again gets the same job.

        Raises:
            InvalidFormat, InvalidQuality, InvalidOption, InvalidWebhook: it cannot be done.
            UploadNotFound, UploadIncomplete: there is nothing to convert (yet).
            IdempotencyKeyReused: the key came with another body before.
        """
        target = find_format(asked.format)
        target.encoding(asked.quality)
        check_options(target, asked.options)
        if asked.webhook_url is not None:
            check_webhook_url(asked.webhook_url, allow_private=self._webhook_private)
        job_id = new_id() if key is None else self._keyed_id(asked.file_id, key)
        digest = hashlib.sha256(body).hexdigest()
        if key is not None:
            earlier = (await self._records.jobs([job_id])).get(job_id)
            if earlier is not None:
                return _same_request(earlier, digest)
        upload = await self._reserve(asked.file_id, job_id)
        job = await self._records.put_job(self._new_job(job_id, upload, asked, digest))
        await self._confirm(job)
        await self._tell_redis(self._queue.enqueue(job.job_id, job.lane))
        await self._tell_redis(self._progress.write(progress_of(job)))
        return _same_request(job, digest)

    async def find(self, job_id: str) -> Job:
        """Read a job.

        Raises:
            JobNotFound: there is none.
            Gone: it has expired.
        """
        job = await self._records.job(job_id)
        if job.tombstone or (job.is_terminal and job.expires_at <= self._now()):
            raise Gone("this job has expired and its files are deleted; convert the file again")
        return job

    async def cancel(self, job_id: str) -> Job:
        """End a job that has not ended; one that has is returned as it is."""
        while True:
            job = await self.find(job_id)
            if job.is_terminal:
                return job
            change = job.cancel(self._now(), self._job_ttl)
            if await self._records.apply(change):
                await self._tell_redis(self._queue.withdraw(job.job_id, job.lane))
                await self._tell_redis(self._progress.write(progress_of(change.job)))
                return change.job

    async def remove(self, job: Job) -> None:
        """Delete a job that has ended: its files first, then its record."""
        await self._objects.delete([output.key for output in job.outputs])
        await self._records.remove_job(job)
        await self._tell_redis(self._progress.forget(job.job_id))

    def _keyed_id(self, file_id: str, key: str) -> str:
        """An id that the same key always leads to, and nobody without our secret can guess."""
        message = f"{len(file_id)}:{file_id}{key}".encode()
        digest = hmac.new(self._secret, message, hashlib.sha256).digest()
        return urlsafe_b64encode(digest[:24]).decode()

    async def _confirm(self, job: Job) -> None:
        """Make sure of the reservation: another one may have taken the unwritten job for ended."""
        try:
            await self._reserve(job.file_id, job.job_id)
        except UploadNotFound:
            await self.cancel(job.job_id)
            raise

    async def _reserve(self, file_id: str, job_id: str) -> Upload:
        """Note in the upload that the job needs it, so that it outlives the job."""
        while True:
            now = self._now()
            upload = await self._records.upload(file_id)
            if upload.state is UploadState.ABORTED or upload.expires_at <= now:
                raise UploadNotFound(f"there is no upload {file_id}; it may have expired")
            if not upload.is_complete:
                raise UploadIncomplete("the upload is not complete; send its missing chunks first")
            if job_id in upload.job_ids:
                return upload
            jobs = await self._records.jobs(upload.job_ids)
            ended = [one for one in upload.job_ids if one not in jobs or jobs[one].is_terminal]
            until = now + self._job_ttl + UPLOAD_MARGIN
            if await self._records.save_upload(upload.used_by(job_id, ended, until)):
                return upload

    def _new_job(self, job_id: str, upload: Upload, asked: ConvertRequest, digest: str) -> Job:
        now = self._now()
        return Job(
            job_id=job_id,
            file_id=upload.file_id,
            file_name=upload.file_name,
            input_key=upload.storage_key,
            format=asked.format,
            quality=asked.quality,
            options=asked.options,
            owner=upload.owner,
            request_hash=digest,
            created_at=now,
            updated_at=now,
            expires_at=now + self._job_ttl,
            due_at=now + self._due_after,
            due_interval=self._due_after,
            lane=lane_for(upload.size or 0),
            media=upload.media,
            webhook=Webhook(url=asked.webhook_url) if asked.webhook_url else None,
        )

    async def _tell_redis(self, call: Awaitable[object]) -> None:
        """Redis may be down: the janitor reads the record and makes up for it."""
        try:
            await call
        except REDIS_ERRORS as error:
            log.warning("redis_not_told", reason=repr(error))


def _same_request(job: Job, digest: str) -> Job:
    if job.request_hash != digest:
        raise IdempotencyKeyReused(
            "this Idempotency-Key came with another body before; use a new key for a new job"
        )
    return job
