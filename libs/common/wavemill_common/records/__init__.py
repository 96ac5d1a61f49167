"""JobStore: the truth about every upload, job and API key. SQLite or DynamoDB, one suite."""

from collections.abc import AsyncGenerator, AsyncIterator, Sequence
from typing import Protocol

from wavemill_common.api_keys import ApiKey
from wavemill_common.jobs import Change, Job
from wavemill_common.records.usage import Usage
from wavemill_common.uploads import Arrived, Chunk, Upload

Place = tuple[float, str]  # of a job among its owner's: when it was created, its id


class JobStore(Protocol):
    """Records of uploads, jobs and API keys. Every change is one conditional, durable write.

    Reads see all writes that were acknowledged before. Every method may raise
    JobStoreUnavailable (try again), InsufficientStorage, Throttled or JobStoreForbidden.
    """

    # --- jobs ---

    async def put_job(self, job: Job) -> Job:
        """Store a new job; return the one that is stored now: the same id was here first or not."""
        ...

    async def job(self, job_id: str) -> Job:
        """Read one job.

        Raises:
            JobNotFound: there is no such job.
        """
        ...

    async def jobs(self, job_ids: Sequence[str]) -> dict[str, Job]:
        """Read several jobs at once; ids that are unknown are left out."""
        ...

    async def apply(self, change: Change) -> bool:
        """Write `change.job` over the stored one if any of its guards holds; tell whether."""
        ...

    async def remove_job(self, job: Job) -> bool:
        """Delete a job's record if it still has this status and attempt; tell whether."""
        ...

    def due_jobs(self, before: float, limit: int) -> AsyncIterator[Job]:
        """Jobs whose `due_at` is earlier than `before`, the longest due first, at most `limit`."""
        ...

    def live_jobs(self) -> AsyncIterator[Job]:
        """All jobs that have not ended, in no promised order."""
        ...

    def all_jobs(self) -> AsyncIterator[Job]:
        """All jobs, ended ones and tombstones too, in no promised order: a look at everything.

        A job that is there from the beginning to the end is told once; one that comes, changes
        or goes meanwhile may be told as it was before or after, or left out.
        """
        ...

    def owned_jobs(self, owner: str, after: Place | None) -> AsyncGenerator[Job, None]:
        """The jobs of one owner, tombstones too, newest first; those behind a place alone.

        One that was stored a moment ago may be missing still.
        """
        ...

    def expired_jobs(self, before: float, limit: int) -> AsyncIterator[Job]:
        """Jobs whose `expires_at` is earlier than `before`, at most `limit`."""
        ...

    # --- uploads ---

    async def put_upload(self, upload: Upload) -> None:
        """Store a new upload.

        Raises:
            Conflict: the id is taken.
        """
        ...

    async def upload(self, file_id: str) -> Upload:
        """Read one upload.

        Raises:
            UploadNotFound: there is no such upload.
        """
        ...

    async def save_upload(self, upload: Upload) -> bool:
        """Write an upload over its revision before this one; tell whether it was still that."""
        ...

    async def remove_upload(self, upload: Upload) -> bool:
        """Delete an upload and its chunk records if its revision is still this; tell whether."""
        ...

    async def chunk(self, file_id: str, index: int) -> Chunk:
        """Read one upload, and what is on record of one of its chunks.

        Of an upload that takes no more chunks, whatever was ever recorded is told.

        Raises:
            UploadNotFound: there is no such upload.
        """
        ...

    async def add_chunk(self, upload: Upload, index: int, sha256: str) -> Arrived:
        """Record a stored chunk unless it is on record; return all that is, and the upload.

        The upload is as it was after that, and every chunk that was recorded before is told:
        of those who record the last ones at the same time, one at least sees them all.

        Raises:
            UploadNotFound: it was aborted or removed; what is on record of it goes with it.
        """
        ...

    async def chunks(self, upload: Upload) -> dict[int, str]:
        """The recorded chunks of an upload: index → digest (hex); empty once it is removed."""
        ...

    def expired_uploads(self, before: float, limit: int) -> AsyncIterator[Upload]:
        """Uploads whose `expires_at` is earlier than `before`, at most `limit`."""
        ...

    def all_uploads(self) -> AsyncIterator[Upload]:
        """All uploads, as `all_jobs` tells all jobs."""
        ...

    # --- API keys ---

    async def add_key(self, key: ApiKey) -> None:
        """Store a new API key.

        Raises:
            Conflict: the id is taken.
        """
        ...

    async def key(self, key_id: str) -> ApiKey | None:
        """Read an API key; None where there is none."""
        ...

    async def save_key(self, key: ApiKey) -> bool:
        """Write an API key over the stored one; tell whether there was one."""
        ...

    def all_keys(self) -> AsyncIterator[ApiKey]:
        """All API keys, revoked ones too, in no promised order."""
        ...

    async def usage(self, owner: str, now: float) -> Usage:
        """What an owner has in the stores; in DynamoDB it may be a moment old."""
        ...

    async def check(self, *, jobs_only: bool = False) -> None:
        """Return if the store can be used; raise what is wrong otherwise.

        With `jobs_only`, for whoever has no right to read uploads.
        """
        ...

    async def close(self) -> None:
        """Give back connections and files."""
        ...
