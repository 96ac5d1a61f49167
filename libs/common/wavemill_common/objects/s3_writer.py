"""Put a stream of unknown length: in one call if it is short, else as parts in parallel."""

import itertools
from collections.abc import AsyncIterator, Iterator
from typing import Any

from wavemill_common.errors import ObjectExists
from wavemill_common.ids import new_id
from wavemill_common.objects import ObjectInfo
from wavemill_common.objects.s3_body import Pieces
from wavemill_common.objects.s3_calls import S3Calls, checksum_of, stored
from wavemill_common.objects.s3_multiparts import Piece, S3Multiparts
from wavemill_common.objects.window import Window
from wavemill_common.retry import retried

MARK = "write"  # the name of the mark among an object's metadata
PART = 8 * 1024 * 1024  # bytes
# A part that is sent counts twice, since its connection buffers it; the next is gathered meanwhile.
PARTS_AT_ONCE = 1  # so a put holds some 30 MiB at most
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
        first = await anext(parts, Pieces())
        second = await anext(parts, None)
        if second is None:
            return await self.put_bytes(key, first, if_absent=if_absent)
        begun = [first, second]
        del first, second  # what waits to be sent is all that is held in memory
        return await self._put_parts(key, begun, parts, if_absent=if_absent)

    async def put_bytes(self, key: str, data: Pieces, *, if_absent: bool = False) -> ObjectInfo:
        """Store bytes. A write that finds its own object there did it unnoticed.

        Not only we repeat: aiohttp sends a PUT again when a connection that was kept open is
        found closed. So the object carries a mark of its write, and not the tries decide.
        """
        more: dict[str, Any] = checksum_of(data) if self._checked else {}
        mark = new_id()
        if if_absent:
            more |= {"IfNoneMatch": "*", "Metadata": {MARK: mark}}
        try:
            reply = await self._call("put_object", key, Body=data, **more)
        except ObjectExists:
            reply = await self._call("head_object", key)
            if reply.get("Metadata", {}).get(MARK) != mark:
                raise
        return stored(key, data.size, reply)

    async def _put_parts(
        self, key: str, begun: list[Pieces], rest: AsyncIterator[Pieces], *, if_absent: bool
    ) -> ObjectInfo:
        async with (
            self._multiparts.begun(key, checked=self._checked) as upload_id,
            Window[Piece](PARTS_AT_ONCE) as window,
        ):
            numbers = itertools.count(1)
            while begun:
                await window.add(self._put_part(key, upload_id, next(numbers), begun.pop(0)))
            async for part in rest:
                await window.add(self._put_part(key, upload_id, next(numbers), part))
            pieces = await window.all()
            return await self._multiparts.complete(key, upload_id, pieces, if_absent=if_absent)

    async def _put_part(self, key: str, upload_id: str, number: int, data: Pieces) -> Piece:
        put = self._multiparts.put
        return await retried(put, key, upload_id, number, data, checked=self._checked)


def part_sizes() -> Iterator[int]:
    """The sizes of the parts of a stream: growing, so that 10,000 are enough."""
    for number in itertools.count():
        yield PART << (number // GROW_EVERY)


async def repacked(data: AsyncIterator[bytes], sizes: Iterator[int]) -> AsyncIterator[Pieces]:
    """Make pieces of any size into parts of given sizes; only the last may be shorter."""
    pieces, missing = Pieces(), next(sizes)
    async for piece in data:
        view = memoryview(piece)
        while len(view) >= missing:
            pieces.add(view[:missing])
            view = view[missing:]
            yield pieces
            pieces, missing = Pieces(), next(sizes)
        if view:
            pieces.add(view)
            missing -= len(view)
    if pieces.size:
        yield pieces
