"""SqliteJobStore: the job store in one file, for all processes of a single machine."""

import asyncio
import math
import sqlite3
import sys
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager
from functools import partial
from pathlib import Path
from typing import Self, TypeVar

import structlog

from wavemill_common.api_keys import ApiKey
from wavemill_common.errors import JobStoreUnavailable
from wavemill_common.jobs import Change, Job
from wavemill_common.records import Place, job_rows, key_rows, upload_rows, usage_rows
from wavemill_common.records.codec import decode_job, decode_key, decode_upload
from wavemill_common.records.commits import Committer
from wavemill_common.records.faults import job_store_fault
from wavemill_common.records.schema import connect
from wavemill_common.records.unknown import no_job
from wavemill_common.records.usage import Usage
from wavemill_common.uploads import Arrived, Chunk, Upload

PAGE = 200  # records that one query reads

log = structlog.get_logger()

T = TypeVar("T")
Statements = Callable[[sqlite3.Connection], T]


class SqliteJobStore:
    """A JobStore in one SQLite file; every change is one conditional, durable transaction.

    Two threads: one writes, one reads, so that no read waits for an fsync. Conditions hold
    across processes: a write takes SQLite's lock before it looks.
    """

    def __init__(
        self,
        path: Path,
        reader: ThreadPoolExecutor,
        reads: sqlite3.Connection,
        commits: Committer,
    ) -> None:
        self._path = path
        self._reader = reader
        self._reads = reads
        self._commits = commits
        self._closed = False

    @classmethod
    @asynccontextmanager
    async def open(cls, path: Path) -> AsyncIterator[Self]:
        """Open the file, made with its directory if it isn't there; close it at the end.

        Raises:
            JobStoreUnavailable: it is damaged, of a newer version, or not accessible.
        """
        with ThreadPoolExecutor(1, thread_name_prefix="job-store-reads") as reader:
            loop = asyncio.get_running_loop()
            store = cls(path, reader, *await loop.run_in_executor(reader, _connect, path))
            try:
                yield store
            finally:
                await store.close()

    async def close(self) -> None:
        """Commit what waits; close the file."""
        if not self._closed:
            self._closed = True
            loop = asyncio.get_running_loop()
            await loop.run_in_executor(self._reader, self._disconnect)

    async def check(self, *, jobs_only: bool = False) -> None:  # noqa: ARG002 - one file, one right
        """Commit a change, as every other method that writes would."""
        await self._write(lambda db: db.execute("UPDATE checks SET times = times + 1"))

    # --- jobs ---

    async def put_job(self, job: Job) -> Job:
        """Store a new job; return the one that is stored now."""
        return await self._write(lambda db: job_rows.insert(db, job))

    async def job(self, job_id: str) -> Job:
        """Read one job."""
        found = await self._read(lambda db: job_rows.find(db, [job_id]))
        if job_id not in found:
            raise no_job(job_id)
        return found[job_id]

    async def jobs(self, job_ids: Sequence[str]) -> dict[str, Job]:
        """Read several jobs, a page at a time."""
        found: dict[str, Job] = {}
        for start in range(0, len(job_ids), PAGE):
            page = job_ids[start : start + PAGE]
            found |= await self._read(lambda db, page=page: job_rows.find(db, page))  # type: ignore[misc]
        return found

    async def apply(self, change: Change) -> bool:
        """Write `change.job` over the stored one if any of its guards holds."""
        return await self._write(lambda db: job_rows.update(db, change))

    async def remove_job(self, job: Job) -> bool:
        """Delete a job's record if it still has this status and attempt."""
        return await self._write(lambda db: job_rows.delete(db, job))

    def due_jobs(self, before: float, limit: int) -> AsyncIterator[Job]:
        """Jobs whose `due_at` is earlier than `before`, the longest due first."""
        return self._scan(job_rows.DUE, decode_job, before, limit)

    def live_jobs(self) -> AsyncIterator[Job]:
        """All jobs that have not ended."""
        return self._scan(job_rows.LIVE, decode_job, math.inf, sys.maxsize)

    def all_jobs(self) -> AsyncIterator[Job]:
        """All jobs, ended ones and tombstones too."""
        return self._scan(job_rows.ALL, decode_job, math.inf, sys.maxsize)

    def owned_jobs(self, owner: str, after: Place | None) -> AsyncGenerator[Job, None]:
        """The jobs of one owner, newest first."""
        time, job_id = (math.inf, "") if after is None else after
        return self._pages(
            job_rows.OWNED, decode_job, {"owner": owner, "time": time, "id": job_id}, sys.maxsize
        )

    def expired_jobs(self, before: float, limit: int) -> AsyncIterator[Job]:
        """Jobs whose `expires_at` is earlier than `before`, the longest expired first."""
        return self._scan(job_rows.EXPIRED, decode_job, before, limit)

    # --- uploads ---

    async def put_upload(self, upload: Upload) -> None:
        """Store a new upload."""
        await self._write(lambda db: upload_rows.insert(db, upload))

    async def upload(self, file_id: str) -> Upload:
        """Read one upload."""
        return await self._read(lambda db: upload_rows.find(db, file_id))

    async def save_upload(self, upload: Upload) -> bool:
        """Write an upload over its revision before this one."""
        return await self._write(lambda db: upload_rows.update(db, upload))

    async def remove_upload(self, upload: Upload) -> bool:
        """Delete an upload and its chunk records if its revision is still this."""
        return await self._write(lambda db: upload_rows.delete(db, upload))

    async def chunk(self, file_id: str, index: int) -> Chunk:
        """Read one upload, and what is on record of one of its chunks."""
        return await self._read(lambda db: upload_rows.find_chunk(db, file_id, index))

    async def add_chunk(self, upload: Upload, index: int, sha256: str) -> Arrived:
        """Record a stored chunk unless it is on record; return all that is, and the upload."""
        file_id = upload.file_id
        await self._write(lambda db: upload_rows.insert_chunk(db, file_id, index, sha256))
        return await self._read(lambda db: upload_rows.arrived(db, file_id))

    async def chunks(self, upload: Upload) -> dict[int, str]:
        """The recorded chunks of an upload: index → digest (hex); empty once it is removed."""
        return await self._read(lambda db: upload_rows.chunks(db, upload.file_id))

    def expired_uploads(self, before: float, limit: int) -> AsyncIterator[Upload]:
        """Uploads whose `expires_at` is earlier than `before`, the longest expired first."""
        return self._scan(upload_rows.EXPIRED, decode_upload, before, limit)

    def all_uploads(self) -> AsyncIterator[Upload]:
        """All uploads."""
        return self._scan(upload_rows.ALL, decode_upload, math.inf, sys.maxsize)

    async def usage(self, owner: str, now: float) -> Usage:
        """What an owner has in the stores."""
        return await self._read(lambda db: usage_rows.usage(db, owner, now))

    # --- API keys ---

    async def add_key(self, key: ApiKey) -> None:
        """Store a new API key."""
        await self._write(lambda db: key_rows.insert(db, key))

    async def key(self, key_id: str) -> ApiKey | None:
        """Read an API key; None where there is none."""
        return await self._read(lambda db: key_rows.find(db, key_id))

    async def save_key(self, key: ApiKey) -> bool:
        """Write an API key over the stored one; tell whether there was one."""
        return await self._write(lambda db: key_rows.update(db, key))

    def all_keys(self) -> AsyncIterator[ApiKey]:
        """All API keys, revoked ones too."""
        return self._scan(key_rows.ALL, decode_key, math.inf, sys.maxsize)

    # --- the two threads ---

    async def _write(self, work: Statements[T]) -> T:
        self._check_open()
        return await self._commits.write(work)

    async def _read(self, work: Statements[T]) -> T:
        self._check_open()
        loop = asyncio.get_running_loop()
        try:
            return await loop.run_in_executor(self._reader, work, self._reads)
        except sqlite3.Error as error:
            raise job_store_fault(error, self._path) from error

    def _scan(
        self, query: str, decode: Callable[[bytes], T], before: float, limit: int
    ) -> AsyncIterator[T]:
        place: dict[str, float | str] = {"before": before, "time": -math.inf, "id": ""}
        return self._pages(query, decode, place, limit)

    async def _pages(
        self, query: str, decode: Callable[[bytes], T], place: Mapping[str, float | str], limit: int
    ) -> AsyncGenerator[T, None]:
        while limit > 0:
            page = min(PAGE, limit)
            values = {**place, "limit": page}
            rows = await self._read(partial(_fetch, query, values))
            for time, key, record in rows:
                place = {**place, "time": time, "id": key}
                try:
                    found = decode(record)
                except JobStoreUnavailable:
                    log.exception("record_unreadable", id=key)
                    continue  # one bad record must not hide the others from a sweep
                yield found
            if len(rows) < page:
                return
            limit -= page

    def _check_open(self) -> None:
        if self._closed:
            raise JobStoreUnavailable(f"the job store {self._path} is closed")

    def _disconnect(self) -> None:
        self._commits.close()
        self._reads.close()


def _connect(path: Path) -> tuple[sqlite3.Connection, Committer]:
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        writes, reads = connect(path), connect(path)
    except sqlite3.Error as error:
        raise job_store_fault(error, path) from error
    except OSError as error:
        raise JobStoreUnavailable(f"the job store {path} cannot be opened: {error}") from error
    return reads, Committer(path, writes)


def _fetch(
    query: str, values: Mapping[str, float | str], db: sqlite3.Connection
) -> list[tuple[float, str, bytes]]:
    return db.execute(query, values).fetchall()
