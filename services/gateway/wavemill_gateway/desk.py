"""JobDesk: accept jobs, cancel them, remove them. The record comes first, the queue follows."""

import hashlib
import hmac
from base64 import urlsafe_b64encode
from collections.abc import Callable

from msgspec import structs

from wavemill_common.addresses import check_webhook_url
from wavemill_common.errors import Conflict, Gone, IdempotencyKeyReused
from wavemill_common.following import awaited_from_the_start
from wavemill_common.ids import new_id
from wavemill_common.jobs import Job, JobStatus, Lane, Webhook, lane_for, outputs_prefix
from wavemill_common.metrics.jobs import job_accepted
from wavemill_common.objects import ObjectStore
from wavemill_common.progress.store import ProgressStore
from wavemill_common.queue.jobs import JobQueue
from wavemill_common.records import JobStore
from wavemill_common.submission import Submission, tell_redis
from wavemill_common.tracing import current_traceparent
from wavemill_common.uploads import Upload
from wavemill_gateway.access.caller import ANYONE, Caller
from wavemill_gateway.access.ownership import own_job, own_upload
from wavemill_gateway.access.quotas import UNLIMITED, QuotaLimits, Quotas
from wavemill_gateway.asked import ConvertRequest, check_wanted
from wavemill_gateway.covers import store_covers
from wavemill_gateway.followers import Followers
from wavemill_gateway.traces import sending


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
        quotas: QuotaLimits = UNLIMITED,
    ) -> None:
        self._records = records
        self._objects = objects
        self._progress = progress
        self._quotas = Quotas(records, quotas, now)
        self._secret = secret
        self._job_ttl = job_ttl
        self._due_after = due_after
        self._webhook_private = webhook_private
        self._now = now
        self._submission = Submission(records, queue, progress, job_ttl, due_after, now)
        self.followers = Followers(self._submission, queue)

    @sending
    async def submit(
        self, asked: ConvertRequest, key: str | None, body: bytes, caller: Caller = ANYONE
    ) -> Job:
        """Accept a job; when this returns, it is durable. The same key again gets the same job.

        Raises:
            InvalidFormat, InvalidQuality, InvalidOption, InvalidWebhook: it cannot be done.
            UploadNotFound: there is nothing to convert. An open upload is converted as it arrives.
            IdempotencyKeyReused: the key came with another body before.
        """
        for one in asked.wanted:
            check_wanted(one)
        if asked.webhook_url is not None:
            check_webhook_url(asked.webhook_url, allow_private=self._webhook_private)
        job_id = new_id() if key is None else self._keyed_id(asked.file_id, key, caller)
        digest = hashlib.sha256(body).hexdigest()
        if key is not None:
            earlier = (await self._records.jobs([job_id])).get(job_id)
            if earlier is not None:
                return _same_request(earlier, digest)
        await own_upload(self._records, caller, asked.file_id)
        async with self._quotas.room_for_job(caller.owner(self._secret), job_id):
            upload = await self._submission.reserve(asked.file_id, job_id)
            wanted = await store_covers(self._objects, job_id, asked.wanted)
            asked = structs.replace(asked, wanted=wanted)
            job = await self._records.put_job(self._new_job(job_id, upload, asked, digest, caller))
        await self._submission.confirm(job)
        await self._submission.announce(job)
        job_accepted(job)
        return _same_request(job, digest)

    async def find(self, job_id: str, caller: Caller = ANYONE) -> Job:
        """Read a job.

        Raises:
            JobNotFound: there is none, or none of this caller's.
            Gone: it has expired.
        """
        job = await own_job(self._records, caller, job_id)
        if job.tombstone or (job.is_terminal and job.expires_at <= self._now()):
            raise Gone("this job has expired and its files are deleted; convert the file again")
        return job

    async def cancel(self, job_id: str, caller: Caller = ANYONE) -> Job:
        """End a job that has not ended; one that has is returned as it is."""
        while True:
            job = await self.find(job_id, caller)
            if job.is_terminal:
                return job
            cancelled = await self._submission.cancel(job)
            if cancelled is not None:
                return cancelled

    async def retry(self, job_id: str, caller: Caller = ANYONE) -> Job:
        """Run a failed or cancelled job again; one that runs already is returned as it is.

        Raises:
            Conflict: it has completed.
            UploadNotFound: its file is gone.
        """
        while True:
            job = await self.find(job_id, caller)
            if job.status is JobStatus.COMPLETED:
                raise Conflict("the job has completed; there is nothing to run again")
            if not job.is_terminal:
                return job
            async with self._quotas.room_for_job(job.owner, job_id):
                again = await self._submission.retry(job)
            if again is not None:
                return again

    async def remove(self, job: Job) -> None:
        """Delete a job that has ended: its files first, then its record."""
        await self._objects.delete(job.result_keys)
        if await self._records.remove_job(job):
            strays = self._objects.scan(outputs_prefix(job.job_id))  # of attempts that were lost
            await self._objects.delete([stray.key async for stray in strays])
        await tell_redis(self._progress.forget(job.job_id))

    def _keyed_id(self, file_id: str, key: str, caller: Caller = ANYONE) -> str:
        """An id that the same key always leads to, and nobody without our secret can guess.

        Two API keys never meet in one. Without one, the unguessable upload tells callers apart:
        who repeats a call from another network has not become somebody else.
        """
        account = "" if caller.key_id is None else caller.account
        message = f"{len(account)}:{account}{len(file_id)}:{file_id}{key}".encode()
        digest = hmac.new(self._secret, message, hashlib.sha256).digest()
        return urlsafe_b64encode(digest[:24]).decode()

    def _new_job(
        self,
        job_id: str,
        upload: Upload,
        asked: ConvertRequest,
        digest: str,
        caller: Caller = ANYONE,
    ) -> Job:
        now = self._now()
        first, *more = asked.wanted
        return Job(
            job_id=job_id,
            file_id=upload.file_id,
            file_name=upload.file_name,
            input_key=upload.storage_key,
            format=first.format,
            quality=first.quality,
            options=first.options,
            more=tuple(more),
            owner=caller.owner(self._secret),
            request_hash=digest,
            created_at=now,
            updated_at=now,
            expires_at=now + self._job_ttl,
            due_at=now + self._due_after,
            due_interval=self._due_after,
            lane=Lane.STANDARD if upload.size is None else lane_for(upload.size),
            media=upload.media,
            peaks=asked.peaks,
            follows=not upload.is_complete,
            awaits=awaited_from_the_start(upload),
            webhook=Webhook(url=asked.webhook_url) if asked.webhook_url else None,
            delete_after_download=asked.delete_after_download,
            traceparent=current_traceparent(),
        )


def _same_request(job: Job, digest: str) -> Job:
    if job.request_hash != digest:
        raise IdempotencyKeyReused(
            "this Idempotency-Key came with another body before; use a new key for a new job"
        )
    return job
