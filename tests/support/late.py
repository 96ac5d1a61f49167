"""LateObjects: a disk store with one PUT whose reply got lost, and which is done once more."""

from collections.abc import AsyncIterator, Awaitable, Callable

from wavemill_common.objects import ObjectInfo, Slice
from wavemill_common.objects.disk import DiskObjectStore


class LateObjects(DiskObjectStore):
    """Stores the key `late`, then lets `meanwhile` happen, and stores it again."""

    late = ""
    meanwhile: Callable[[], Awaitable[None]]

    async def put(
        self,
        key: str,
        data: AsyncIterator[bytes],
        *,
        if_absent: bool = False,
        place: Slice | None = None,
    ) -> ObjectInfo:
        """Store an object."""
        if key != self.late:
            return await super().put(key, data, if_absent=if_absent, place=place)
        self.late = ""
        await super().put(key, data, if_absent=if_absent, place=place)
        kept = b"".join([block async for block in self.read(key)])
        await self.meanwhile()
        return await super().put(key, _once(kept), if_absent=if_absent, place=place)


async def _once(data: bytes) -> AsyncIterator[bytes]:
    yield data
