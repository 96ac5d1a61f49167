"""DynamoJobStore: the job store in two DynamoDB tables, for any number of machines."""

import time
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager, suppress
from typing import Any, Self, TypeVar

import structlog

from wavemill_common.api_keys import ApiKey
from wavemill_common.errors import Conflict, JobStoreUnavailable
from wavemill_common.jobs import Change, Job, JobStatus
from wavemill_common.records import Place, job_items, upload_items
from wavemill_common.records.dynamo_calls import BATCH, DynamoCalls, DynamoConfig, Item, Outcome
from wavemill_common.records.dynamo_chunks import ChunkPages
from wavemill_common.records.dynamo_faults import ConditionFailed
from wavemill_common.records.dynamo_index import IndexReader
from wavemill_common.records.dynamo_keys import KeyItems
from wavemill_common.records.dynamo_owners import OwnerIndex
from wavemill_common.records.dynamo_tables import DUE, EXPIRES
from wavemill_common.records.dynamo_usage import read_usage
from wavemill_common.records.unknown import no_job, no_upload
from wavemill_common.records.usage import Usage
from wavemill_common.uploads import Arrived, Chunk, Upload

log = structlog.get_logger()

T = TypeVar("T")

_LIVE = {
    "FilterExpression": "#status IN (:created, :processing)",
    "ExpressionAttributeNames": {"#status": "status"},
    "ExpressionAttributeValues": {
        ":created": {"S": JobStatus.CREATED.value},
        ":processing": {"S": JobStatus.PROCESSING.value},
    },
}
_NOWHERE = "-"  # an id that no record has
_NEVER = {
    "Item": {job_items.KEY: {"S": _NOWHERE}},
    "ConditionExpression": "attribute_exists(#id) AND attribute_not_exists(#id)",
    "ExpressionAttributeNames": {"#id": job_items.KEY},
}


class DynamoJobStore:
    """A JobStore in DynamoDB; every change is one conditional write, every read is consistent.

    Besides what every JobStore raises: StorageForbidden where a permission is missing.
    """

    def __init__(
        self, calls: DynamoCalls, config: DynamoConfig, now: Callable[[], float] = time.time
    ) -> None:
        self._calls = calls
        self._now = now
        self._jobs = config.jobs_table
        self._uploads = config.uploads_table
        self._chunks = ChunkPages(calls, config.uploads_table)
        self._keys = KeyItems(calls, config.uploads_table)
        self._owners = OwnerIndex(calls, self._jobs)
        self._due = IndexReader(calls, self._jobs, job_items.KEY, DUE)
        self._expired_jobs = IndexReader(calls, self._jobs, job_items.KEY, EXPIRES)
        self._expired_uploads = IndexReader(calls, self._uploads, upload_items.KEY, EXPIRES)

    @classmethod
    @asynccontextmanager
    async def open(
        cls, config: DynamoConfig, now: Callable[[], float] = time.time
    ) -> AsyncIterator[Self]:
        """Open the store; the tables are there, or every call says that they are not."""
        async with DynamoCalls.open(config) as calls:
            yield cls(calls, config, now)

    async def close(self) -> None:
        """Take no more calls."""
        self._calls.close()

    async def check(self, *, jobs_only: bool = False) -> None:
        """Read, and be refused a write that can do nothing: as good as a write, and leaves no mark.

        Asked once: readiness must say what is wrong now.
        """
        if not jobs_only:
            uploads_key = {upload_items.KEY: {"S": _NOWHERE}}
            await self._calls.once("get_item", TableName=self._uploads, Key=uploads_key)
        with suppress(ConditionFailed):
            await self._calls.once("put_item", TableName=self._jobs, **_NEVER)

    # --- jobs ---

    async def put_job(self, job: Job) -> Job:
        """Store a new job; return the one that is stored now."""
        condition = job_items.vacant(self._now())
        outcome = await self._put(self._jobs, job_items.item_of(job), condition)
        return job if outcome.found is None else job_items.job_of(outcome.found)

    async def job(self, job_id: str) -> Job:
        """Read one job."""
        item = await self._get(self._jobs, job_items.KEY, job_id)
        if item is None or job_items.is_gone(item, self._now()):
            raise no_job(job_id)
        return job_items.job_of(item)

    async def jobs(self, job_ids: Sequence[str]) -> dict[str, Job]:
        """Read several jobs, a hundred at a time."""
        items = await self._calls.get_many(self._jobs, job_items.KEY, job_ids)
        now = self._now()
        found = [job_items.job_of(item) for item in items if not job_items.is_gone(item, now)]
        return {job.job_id: job for job in found}

    async def apply(self, change: Change) -> bool:
        """Write `change.job` over the stored one if any of its guards holds."""
        condition = job_items.guarded(change, self._now())
        if condition is None:
            return False
        item = job_items.item_of(change.job)
        return _is_written(await self._put(self._jobs, item, condition), item)

    async def remove_job(self, job: Job) -> bool:
        """Delete a job's record if it still has this status and attempt."""
        outcome = await self._calls.write(
            "delete_item",
            TableName=self._jobs,
            Key={job_items.KEY: {"S": job.job_id}},
            ReturnValuesOnConditionCheckFailure="ALL_OLD",
            **job_items.unchanged(job),
        )
        return outcome.written or (outcome.repeated and outcome.found is None)

    async def due_jobs(self, before: float, limit: int) -> AsyncIterator[Job]:
        """Jobs whose `due_at` is earlier than `before`, the longest due first."""
        ids = await self._due.before(before, limit)
        async for job in self._in_order(self._jobs, job_items.KEY, ids, job_items.job_of):
            if job.due_at is not None and job.due_at < before:
                yield job

    async def live_jobs(self) -> AsyncIterator[Job]:
        """All jobs that have not ended: a look at the whole table."""
        async for job in self._all(self._jobs, job_items.KEY, job_items.job_of, _LIVE):
            yield job

    async def all_jobs(self) -> AsyncIterator[Job]:
        """All jobs, ended ones and tombstones too."""
        async for job in self._all(self._jobs, job_items.KEY, job_items.job_of, {}):
            yield job

    async def owned_jobs(self, owner: str, after: Place | None) -> AsyncGenerator[Job, None]:
        """The jobs of one owner, newest first; the index lags behind by a moment."""
        async for ids in self._owners.pages(owner, after):
            async for job in self._in_order(self._jobs, job_items.KEY, ids, job_items.job_of):
                yield job

    async def expired_jobs(self, before: float, limit: int) -> AsyncIterator[Job]:
        """Jobs whose `expires_at` is earlier than `before`, also those that count as gone."""
        ids = await self._expired_jobs.before(before, limit)
        async for job in self._in_order(self._jobs, job_items.KEY, ids, job_items.job_of):
            if job.expires_at < before:
                yield job

    # --- uploads ---

    async def put_upload(self, upload: Upload) -> None:
        """Store a new upload."""
        item = upload_items.item_of(upload)
        absent = {
            "ConditionExpression": "attribute_not_exists(#id)",
            "ExpressionAttributeNames": {"#id": upload_items.KEY},
        }
        if not _is_written(await self._put(self._uploads, item, absent), item):
            raise Conflict(f"there is an upload {upload.file_id} already")

    async def upload(self, file_id: str) -> Upload:
        """Read one upload."""
        item = await self._get(self._uploads, upload_items.KEY, file_id)
        if item is None:
            raise no_upload(file_id)
        return upload_items.upload_of(item)

    async def save_upload(self, upload: Upload) -> bool:
        """Write an upload over its revision before this one."""
        item = upload_items.item_of(upload)
        condition = upload_items.of_revision(upload.revision - 1)
        return _is_written(await self._put(self._uploads, item, condition), item)

    async def remove_upload(self, upload: Upload) -> bool:
        """Delete an upload and its chunk records if its revision is still this."""
        return await self._chunks.remove_with(upload)

    async def chunk(self, file_id: str, index: int) -> Chunk:
        """Read one upload, and what is on record of one of its chunks."""
        return await self._chunks.find(file_id, index)

    async def add_chunk(self, upload: Upload, index: int, sha256: str) -> Arrived:
        """Record a stored chunk unless it is on record; return all that is, and the upload."""
        return await self._chunks.add(upload, index, sha256)

    async def chunks(self, upload: Upload) -> dict[int, str]:
        """The recorded chunks of an upload: index → digest (hex); empty once it is removed."""
        return await self._chunks.read(upload)

    async def expired_uploads(self, before: float, limit: int) -> AsyncIterator[Upload]:
        """Uploads whose `expires_at` is earlier than `before`, the longest expired first."""
        ids = await self._expired_uploads.before(before, limit)
        read = upload_items.upload_of
        async for upload in self._in_order(self._uploads, upload_items.KEY, ids, read):
            if upload.expires_at < before:
                yield upload

    async def all_uploads(self) -> AsyncIterator[Upload]:
        """All uploads."""
        key, read, only = upload_items.KEY, upload_items.upload_of, upload_items.UPLOADS_ONLY
        async for upload in self._all(self._uploads, key, read, only):
            yield upload

    async def usage(self, owner: str, now: float) -> Usage:
        """What an owner has in the stores, as it was a moment ago."""
        return await read_usage(self._calls, self._uploads, self._jobs, owner, now)

    # --- API keys ---

    async def add_key(self, key: ApiKey) -> None:
        """Store a new API key."""
        await self._keys.add(key)

    async def key(self, key_id: str) -> ApiKey | None:
        """Read an API key; None where there is none."""
        return await self._keys.find(key_id)

    async def save_key(self, key: ApiKey) -> bool:
        """Write an API key over the stored one; tell whether there was one."""
        return await self._keys.save(key)

    def all_keys(self) -> AsyncIterator[ApiKey]:
        """All API keys, revoked ones too."""
        return self._keys.all()

    # --- items ---

    async def _put(self, table: str, item: Item, condition: Item) -> Outcome:
        return await self._calls.write(
            "put_item",
            TableName=table,
            Item=item,
            ReturnValuesOnConditionCheckFailure="ALL_OLD",
            **condition,
        )

    async def _get(self, table: str, key: str, record_id: str) -> Item | None:
        reply = await self._calls.call(
            "get_item", TableName=table, Key={key: {"S": record_id}}, ConsistentRead=True
        )
        return reply.get("Item")

    async def _in_order(
        self, table: str, key: str, ids: Sequence[str], read: Callable[[Item], T]
    ) -> AsyncIterator[T]:
        """Read the records that an index named, in that order, as they are by now."""
        for start in range(0, len(ids), BATCH):
            page = ids[start : start + BATCH]
            items = {item[key]["S"]: item for item in await self._calls.get_many(table, key, page)}
            for record_id in page:
                record = _readable(items.get(record_id), key, read)
                if record is not None:
                    yield record

    async def _all(
        self, table: str, key: str, read: Callable[[Item], T], only: dict[str, Any]
    ) -> AsyncIterator[T]:
        async for item in self._calls.scan(table, ConsistentRead=True, **only):
            record = None if job_items.is_gone(item, self._now()) else _readable(item, key, read)
            if record is not None:
                yield record


def _is_written(outcome: Outcome, item: Item) -> bool:
    """Whether `item` is stored: written now, or by an earlier try whose reply was lost."""
    if outcome.written:
        return True
    return (
        outcome.repeated and outcome.found is not None and _record(outcome.found) == _record(item)
    )


def _record(item: Item) -> Any:
    return item[job_items.RECORD]["S"]


def _readable(item: Item | None, key: str, read: Callable[[Item], T]) -> T | None:
    """One bad record must not hide the others from a sweep."""
    if item is None:
        return None
    try:
        return read(item)
    except JobStoreUnavailable:
        log.exception("record_unreadable", id=item[key]["S"])
        return None
