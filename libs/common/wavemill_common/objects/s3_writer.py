"""Put a stream of unknown length: in one call if it is short, else as parts in parallel."""

import itertools
from collections.abc import AsyncIterator, Iterator

from wavemill_common.objects import ObjectInfo
from wavemill_common.objects.s3_calls import Doubtful, S3Calls, crc32_of, etag_of_bytes, stored
from wavemill_common.objects.s3_multiparts import Piece, S3Multiparts
from wavemill_common.objects.window import Window

PART = 8 * 1024 * 1024  # bytes
PARTS_AT_ONCE = 3  # so a put holds at most some 40 MiB
GROW_EVERY = 1000  # parts; after 24 GiB the memory begins to double, after 8 TiB parts run out


class S3Writer:
    """The writing half of the S3 adapter."""

    def __init__(self, calls: S3Calls, multiparts: S3Multiparts, *, checked: bool) -> None:
        self._call = calls
        self._multiparts = multiparts
        self._checked = checked

    async def put(self, key: str, data: AsyncIterator[bytes], *, if_absent: bool) -> ObjectInfo:
        """Store a stream; nothing is sent before its first part is full or it has ended."""
        parts = repacked(data, part_sizes())
        first = await anext(parts, b"")
        second = await anext(parts, None)
        if second is None:
            return await self.put_bytes(key, first, if_absent=if_absent)
        return await self._put_parts(key, first, second, parts, if_absent=if_absent)

    async def put_bytes(self, key: str, data: bytes, *, if_absent: bool = False) -> ObjectInfo:
        """Store bytes. If a reply got lost, the next try meets our own object: then look."""
        more = {"IfNoneMatch": "*"} if if_absent else {}
        if self._checked:
            more["ChecksumCRC32"] = crc32_of(data)
        try:
            reply = await self._call.unrepeatable("put_object", key, Body=data, **more)
        except Doubtful as doubt:
            found = await self._call.head(key)
            if found.etag != etag_of_bytes(data):
                raise doubt.refusal from None
            return found
        return stored(key, len(data), reply)

    async def _put_parts(
        self,
        key: str,
        first: bytes,
        second: bytes,
        rest: AsyncIterator[bytes],
        *,
        if_absent: bool,
    ) -> ObjectInfo:
        checked = self._checked
        async with (
            self._multiparts.begun(key, checked=checked) as upload_id,
            Window[Piece](PARTS_AT_ONCE) as window,
        ):
            put = self._multiparts.put
            await window.add(put(key, upload_id, 1, first, checked=checked))
            await window.add(put(key, upload_id, 2, second, checked=checked))
            del first, second  # the window alone says what is held in memory
            number = 2
            async for part in rest:
                number += 1
                await window.add(put(key, upload_id, number, part, checked=checked))
            pieces = await window.all()
            return await self._multiparts.complete(key, upload_id, pieces, if_absent=if_absent)


def part_sizes() -> Iterator[int]:
    """The sizes of the parts of a stream: growing, so that 10,000 are enough."""
    for number in itertools.count():
        yield PART << (number // GROW_EVERY)


async def repacked(data: AsyncIterator[bytes], sizes: Iterator[int]) -> AsyncIterator[bytes]:
    """Make pieces of any size into parts of given sizes; only the last may be shorter."""
    size = next(sizes)
    part = bytearray()
    async for piece in data:
        view = memoryview(piece)
        while view:
            taken = view[: size - len(part)]
            part += taken
            view = view[len(taken) :]
            if len(part) == size:
                yield bytes(part)
                part, size = bytearray(), next(sizes)
    if part:
        yield bytes(part)
