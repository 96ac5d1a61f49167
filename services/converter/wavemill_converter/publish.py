"""Publish: bring a result from scratch into the object store, and know its digest."""

import asyncio
import hashlib
from collections.abc import AsyncIterator
from pathlib import Path

from wavemill_common.jobs import Job, outputs_prefix
from wavemill_common.objects import ObjectInfo, ObjectStore

BLOCK_BYTES = 1024 * 1024


def output_key(job_id: str, attempt: int, number: int, claim_id: str, extension: str) -> str:
    """Where a result lies: a key that no other attempt, not even of the same number, can have."""
    return f"{outputs_prefix(job_id)}{attempt}-{number}-{claim_id[:8]}.{extension}"


def attempt_of(key: str) -> int:
    """Which attempt a key of `output_key` belongs to."""
    return int(key.rsplit("/", 1)[1].split("-", 1)[0])


async def remove_earlier_attempts(objects: ObjectStore, job: Job) -> None:
    """Delete what attempts before this one have left, also half-written.

    They are fenced: whatever they still do, nothing of theirs can be committed.
    """
    prefix = outputs_prefix(job.job_id)
    keys = [one.key async for one in objects.scan(prefix)]
    await objects.delete([key for key in keys if attempt_of(key) < job.attempt])
    drafts = [one async for one in objects.scan_multiparts(prefix)]
    for draft in drafts:
        if attempt_of(draft.key) < job.attempt:
            await objects.abort_multipart(draft.key, draft.upload_id)


async def publish(objects: ObjectStore, key: str, path: Path) -> tuple[ObjectInfo, str]:
    """Store the file under `key`; return what is stored, and its SHA-256 (hex).

    Raises:
        ObjectExists: there is something under `key`, which only a repeated attempt could have made.
    """
    digest = hashlib.sha256()

    async def blocks() -> AsyncIterator[bytes]:
        async for block in read_file(path):
            digest.update(block)
            yield block

    stored = await objects.put(key, blocks(), if_absent=True)
    return stored, digest.hexdigest()


async def fetch(objects: ObjectStore, key: str, path: Path) -> int:
    """Copy an object into a new file; return its size in bytes.

    Raises:
        ObjectNotFound: there is no such object.
    """
    with path.open("wb") as file:
        async for block in objects.read(key):
            await asyncio.to_thread(file.write, block)
        return file.tell()


async def read_file(path: Path) -> AsyncIterator[bytes]:
    """Read a file block by block without blocking the loop."""
    with path.open("rb") as file:
        while block := await asyncio.to_thread(file.read, BLOCK_BYTES):
            yield block
