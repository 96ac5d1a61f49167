"""Publish: bring a result from scratch into the object store, and know its mark."""

import asyncio
from collections.abc import AsyncGenerator
from contextlib import aclosing
from pathlib import Path

import xxhash

from wavemill_common.errors import ObjectExists, StorageUnavailable
from wavemill_common.jobs import Job, outputs_prefix
from wavemill_common.objects import ObjectInfo, ObjectStore
from wavemill_converter.store.growing import Readable

BLOCK_BYTES = 1024 * 1024


def output_key(job_id: str, attempt: int, number: int, claim_id: str, extension: str) -> str:
    """Where a result lies: a key that no other attempt, not even of the same number, can have."""
    return f"{outputs_prefix(job_id)}{attempt}-{number}-{claim_id[:8]}.{extension}"


def peaks_key(job_id: str, attempt: int, claim_id: str) -> str:
    """Where the peaks of an attempt lie, beside its results."""
    return f"{outputs_prefix(job_id)}{attempt}-peaks-{claim_id[:8]}.json"


def attempt_of(key: str) -> int:
    """Which attempt a key of `output_key` or `peaks_key` belongs to."""
    return int(key.rsplit("/", 1)[1].split("-", 1)[0])


async def remove_earlier_attempts(objects: ObjectStore, job: Job) -> None:
    """Delete what attempts before this one have left, also half-written.

    They are fenced: whatever they still do, nothing of theirs can be committed.
    """
    prefix = outputs_prefix(job.job_id)
    keys = [one.key async for one in objects.scan(prefix) if not job.has(one.key)]
    await objects.delete([key for key in keys if attempt_of(key) < job.attempt])
    drafts = [one async for one in objects.scan_multiparts(prefix)]
    for draft in drafts:
        if attempt_of(draft.key) < job.attempt:
            await objects.abort_multipart(draft.key, draft.upload_id)


async def publish(objects: ObjectStore, key: str, path: Path) -> tuple[ObjectInfo, str]:
    """Store the file under `key`; return what is stored, and its mark.

    Raises:
        StorageUnavailable: what is stored is not what was sent; nothing is kept, so try again.
    """
    mark, sent = xxhash.xxh3_128(), 0

    async def blocks() -> AsyncGenerator[bytes, None]:
        nonlocal sent
        async with aclosing(read_file(path)) as file:
            async for block in file:
                mark.update(block)
                sent += len(block)
                yield block

    try:
        async with aclosing(blocks()) as data:  # a failed try leaves no file open
            stored = await objects.put(key, data, if_absent=True)
    except ObjectExists:  # the key is this claim's alone: an earlier try, whose reply was lost
        await objects.delete([key])
        raise StorageUnavailable("an earlier try to store the result came to no answer") from None
    if stored.size != sent:
        await objects.delete([key])
        raise StorageUnavailable(f"the store kept {stored.size} of the result's {sent} bytes")
    return stored, mark.hexdigest()


async def fetch(objects: Readable, key: str, path: Path) -> int:
    """Copy an object into a new file; return its size in bytes.

    Raises:
        ObjectNotFound: there is no such object.
        StorageUnavailable: less came than there is; converted, it would pass for a short file.
    """
    size = (await objects.stat(key)).size
    with path.open("wb") as file:
        async for block in objects.read(key):
            await asyncio.to_thread(file.write, block)
        if file.tell() != size:
            raise StorageUnavailable(f"the store sent {file.tell()} of the file's {size} bytes")
        return size


async def read_file(path: Path) -> AsyncGenerator[bytes, None]:
    """Read a file block by block without blocking the loop."""
    with path.open("rb") as file:
        while block := await asyncio.to_thread(file.read, BLOCK_BYTES):
            yield block
