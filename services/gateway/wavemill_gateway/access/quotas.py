"""Quotas: what one owner may have under way and stored, counted in the records themselves.

Of several gateways each knows at once what it has let in itself; of the others' it hears through
the records. Who is over a limit by the index is looked at record by record before being refused.
"""

import asyncio
from collections import defaultdict
from collections.abc import AsyncIterator, Awaitable, Callable, Collection, Iterator
from contextlib import asynccontextmanager, contextmanager

from msgspec import Struct

from wavemill_common.errors import RateLimited, UploadNotFound
from wavemill_common.records import JobStore
from wavemill_common.records.usage import Usage
from wavemill_common.uploads import Upload, UploadState

INDEX_LAG = 5.0  # seconds after which a record stands in every index
UPLOADS_WAIT, JOBS_WAIT, BYTES_WAIT = 30.0, 15.0, 300.0  # seconds until something may have ended
GIB = 1024**3

Reread = Callable[[Collection[str]], Awaitable[set[str]]]  # those that still count


class QuotaLimits(Struct, frozen=True, kw_only=True):
    """How much one owner may have; 0 is anything."""

    open_uploads: int = 0
    jobs: int = 0
    stored_bytes: int = 0


UNLIMITED = QuotaLimits()


class Quotas:
    """Lets in what fits. Every method may raise what the job store raises."""

    def __init__(self, records: JobStore, limits: QuotaLimits, now: Callable[[], float]) -> None:
        self._records = records
        self._limits = limits
        self._now = now
        self._uploads = _Latest()
        self._jobs = _Latest()

    @asynccontextmanager
    async def room_for_upload(
        self, upload: Upload, announced: int, own: int | None = None
    ) -> AsyncIterator[None]:
        """Hold room for an upload of at least `announced` bytes while its record is written.

        Its owner may have an `own` limit of uploads under way.

        Raises:
            RateLimited: there is none.
        """
        most = self._limits.open_uploads if own is None else own
        if not upload.owner or not (most or self._limits.stored_bytes):
            yield
            return
        usage = await self._records.usage(upload.owner, self._now())
        self._check_bytes(upload.owner, usage, max(announced, 0))
        open_uploads = usage.open_uploads
        open_uploads = await self._uploads.settle(
            upload.owner, open_uploads, most, self._still_open
        )
        if self._uploads.is_full(upload.owner, open_uploads, most):
            raise RateLimited(
                f"you have {most} uploads under way; complete or delete one",
                retry_after=UPLOADS_WAIT,
                limit=most,
            )
        with self._uploads.holding(upload.owner, upload.file_id, announced):
            yield

    @asynccontextmanager
    async def room_for_job(self, owner: str, job_id: str) -> AsyncIterator[None]:
        """Hold room for a job while its record is written.

        Raises:
            RateLimited: there is none.
        """
        limit = self._limits.jobs
        if not owner or not limit:
            yield
            return
        unfinished = (await self._records.usage(owner, self._now())).unfinished_jobs
        unfinished = await self._jobs.settle(owner, unfinished, limit, self._unfinished)
        if self._jobs.is_full(owner, unfinished - {job_id}, limit):
            raise RateLimited(
                f"{limit} jobs of yours wait or run; wait for one, or cancel one",
                retry_after=JOBS_WAIT,
                limit=limit,
            )
        with self._jobs.holding(owner, job_id):
            yield

    def _check_bytes(self, owner: str, usage: Usage, announced: int) -> None:
        limit = self._limits.stored_bytes
        if limit and usage.stored_bytes + self._uploads.held_bytes(owner) + announced > limit:
            raise RateLimited(
                f"your uploads and results may take {limit / GIB:.3g} GiB; delete some, or wait"
                " until they expire",
                retry_after=BYTES_WAIT,
                limit=limit,
            )

    async def _still_open(self, file_ids: Collection[str]) -> set[str]:
        return {file_id for file_id in file_ids if await self._is_open(file_id)}

    async def _is_open(self, file_id: str) -> bool:
        try:
            upload = await self._records.upload(file_id)
        except UploadNotFound:
            return False
        return (
            upload.state in {UploadState.OPEN, UploadState.COMPLETING}
            and upload.expires_at > self._now()
        )

    async def _unfinished(self, job_ids: Collection[str]) -> set[str]:
        jobs = await self._records.jobs(list(job_ids))
        return {job.job_id for job in jobs.values() if not job.is_terminal}


class _Latest:
    """What this gateway lets in: what is being written, and what no index may show yet."""

    def __init__(self) -> None:
        self._held: dict[str, dict[str, int]] = defaultdict(dict)  # owner → id → bytes
        self._written: dict[str, set[str]] = defaultdict(set)

    async def settle(
        self, owner: str, indexed: frozenset[str], limit: int, reread: Reread
    ) -> frozenset[str]:
        """Look closer where the limit seems to be reached: what has ended no longer counts."""
        if not self.is_full(owner, indexed, limit):
            return indexed
        asked = indexed | self._written.get(owner, set())
        there = await reread(asked)
        if owner in self._written:  # what was written meanwhile was not asked about
            self._written[owner] -= asked - there
        return frozenset(there)

    def is_full(self, owner: str, indexed: frozenset[str], limit: int) -> bool:
        """Whether nothing more fits; no other task comes between this and `holding`."""
        counted = indexed | self._held.get(owner, {}).keys() | self._written.get(owner, set())
        return bool(limit) and len(counted) >= limit

    def held_bytes(self, owner: str) -> int:
        """The bytes of what is being written."""
        return sum(self._held.get(owner, {}).values())

    @contextmanager
    def holding(self, owner: str, record_id: str, size: int = 0) -> Iterator[None]:
        """Count a record while it is written, and until every index shows it."""
        self._held[owner][record_id] = size
        try:
            yield
            self._written[owner].add(record_id)
            asyncio.get_running_loop().call_later(INDEX_LAG, self._forget, owner, record_id)
        finally:
            del self._held[owner][record_id]
            if not self._held[owner]:
                del self._held[owner]

    def _forget(self, owner: str, record_id: str) -> None:
        self._written[owner].discard(record_id)
        if not self._written[owner]:
            del self._written[owner]
