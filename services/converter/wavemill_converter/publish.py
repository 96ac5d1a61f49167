"""Publish: bring a result from scratch into the object store, and know its digest."""

import asyncio
import hashlib
from collections.abc import AsyncIterator
from pathlib import Path

from msgspec import Struct

from wavemill_common.errors import ObjectExists, StorageUnavailable
from wavemill_common.jobs import outputs_prefix
from wavemill_common.objects import ObjectStore

BLOCK_BYTES = 1024 * 1024


class Published(Struct, frozen=True):
    """A result in the object store: its key, size in bytes and SHA-256 (hex)."""

    key: str
    size: int
    sha256: str


def output_key(job_id: str, attempt: int, number: int, claim_id: str, extension: str) -> str:
    """Where a result lies: a key that no other attempt, not even of the same number, can have."""
    return f"{outputs_prefix(job_id)}{attempt}-{number}-{claim_id[:8]}.{extension}"


async def publish(objects: ObjectStore, key: str, path: Path) -> Published:
    """Store the file under `key`.

    Raises:
        StorageUnavailable: what is stored is not what was sent; nothing is kept, so try again.
    """
    digest, sent = hashlib.sha256(), 0

    async def blocks() -> AsyncIterator[bytes]:
        nonlocal sent
        async for block in read_file(path):
            digest.update(block)
            sent += len(block)
            yield block

    try:
        stored = await objects.put(key, blocks(), if_absent=True)
    except ObjectExists:  # the key is this claim's alone: an earlier try, whose reply was lost
        await objects.delete([key])
        raise StorageUnavailable("an earlier try to store the result came to no answer") from None
    if stored.size != sent:
        await objects.delete([key])
        raise StorageUnavailable(f"the store kept {stored.size} of the result's {sent} bytes")
    return Published(key, sent, digest.hexdigest())


async def fetch(objects: ObjectStore, key: str, path: Path) -> int:
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


async def read_file(path: Path) -> AsyncIterator[bytes]:
    """Read a file block by block without blocking the loop."""
    with path.open("rb") as file:
        while block := await asyncio.to_thread(file.read, BLOCK_BYTES):
            yield block
