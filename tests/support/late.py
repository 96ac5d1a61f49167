"""Late: a store with one PUT that is answered late, or whose reply got lost: it is done once more.

On disk, and in a bucket where a file of several chunks is a manifest however small they are.
"""

from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

from wavemill_common.objects import ObjectInfo, ObjectStore
from wavemill_common.objects.disk import DiskObjectStore
from wavemill_common.objects.s3 import S3ObjectStore

MANIFEST_FROM = "wavemill_common.objects.s3_manifest.MIN_PART"  # to be patched to 1


class Late:
    """Stores the key `late`, then lets `meanwhile` happen, and stores it `again`."""

    late = ""
    again = True
    meanwhile: Callable[[], Awaitable[None]]

    async def put(self, key: str, data: AsyncIterator[bytes], **how: Any) -> ObjectInfo:
        """Store an object."""
        store: Any = super()
        if key != self.late:
            return await _stored(store, key, data, how)
        self.late = ""
        stored = await _stored(store, key, data, how)
        kept = b"".join([block async for block in store.read(key)])
        await self.meanwhile()
        return await _stored(store, key, _once(kept), how) if self.again else stored


class LateObjects(Late, DiskObjectStore):
    """On disk."""


class LateBucket(Late, S3ObjectStore):
    """In S3."""


LateStore = LateObjects | LateBucket


async def files(objects: ObjectStore) -> dict[str, bytes]:
    """Everything that is stored, by key, but what another object is made of."""
    keys = [one.key async for one in objects.scan("")]
    sources = {source for key in keys for source in await objects.sources(key)}
    return {
        key: b"".join([block async for block in objects.read(key)])
        for key in keys
        if key not in sources
    }


async def _stored(store: Any, key: str, data: AsyncIterator[bytes], how: Any) -> ObjectInfo:
    info: ObjectInfo = await store.put(key, data, **how)
    return info


async def _once(data: bytes) -> AsyncIterator[bytes]:
    yield data
