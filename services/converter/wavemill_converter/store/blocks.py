"""BlockReader: an object, read in blocks from anywhere, with few requests to its store."""

import asyncio
from collections import OrderedDict
from collections.abc import AsyncIterator

from wavemill_common.errors import AppError, StorageUnavailable
from wavemill_common.objects import ObjectInfo
from wavemill_common.retry import retried
from wavemill_converter.store.growing import GrowingUpload, Readable

BLOCK = 256 * 1024  # bytes
KEPT_BLOCKS = 16  # 4 MiB: headers are read again and again, the rest once


class BlockReader:
    """Reads one object. Sequential reads share one request; a failure is retried from its byte.

    Several may read at once: a child that seeks opens its next connection before the one that it
    abandons has noticed.

    `failure` is the error that could not be retried away: then whatever was made of the object
    is worthless, even where its reader did not notice.
    """

    def __init__(self, objects: Readable, info: ObjectInfo) -> None:
        self._objects = objects
        self._info = info
        self._kept: OrderedDict[int, bytes] = OrderedDict()
        self._stream: AsyncIterator[bytes] | None = None
        self._next = 0  # the block that the open stream yields next
        self._rest = bytearray()  # what the open stream yielded beyond its last block
        # ffmpeg seeks by a new connection: then the old one may still be in the middle of a fetch.
        self._one_at_a_time = asyncio.Lock()  # around the stream and what it yielded
        self.failure: AppError | None = None
        self.position = 0  # the furthest byte that was asked for and given
        self.requests = 0

    @property
    def size(self) -> int:
        """The object's length in bytes."""
        return self._info.size

    async def read(self, start: int, end: int) -> AsyncIterator[bytes]:
        """Read the bytes from `start` up to, not including, `end`.

        Raises:
            Unavailable, ObjectNotFound: the store failed again and again; see `failure`.
        """
        while start < end:
            index, offset = divmod(start, BLOCK)
            block = await self._block(index)
            piece = block[offset : offset + end - start]
            start += len(piece)
            self.position = max(self.position, start)
            yield piece

    async def _arrival(self, index: int) -> None:
        """Wait until a block is there, and keep nobody who waits for another from reading."""
        if isinstance(self._objects, GrowingUpload):
            try:
                await self._objects.arrival(index * BLOCK, (index + 1) * BLOCK)
            except AppError as error:
                self.failure = error
                raise

    async def _block(self, index: int) -> bytes:
        await self._arrival(index)
        async with self._one_at_a_time:
            if index in self._kept:
                self._kept.move_to_end(index)
                return self._kept[index]
            try:
                block = await retried(self._fetch, index)
            except AppError as error:
                self.failure = error
                raise
            self._kept[index] = block
            if len(self._kept) > KEPT_BLOCKS:
                self._kept.popitem(last=False)
            return block

    async def _fetch(self, index: int) -> bytes:
        wanted = min(BLOCK, self.size - index * BLOCK)
        if self._stream is None or self._next != index:
            self._stream = self._objects.read(self._info.key, index * BLOCK)
            self._rest.clear()
            self._next = index
            self.requests += 1
        try:
            while len(self._rest) < wanted and (data := await anext(self._stream, b"")):
                self._rest += data
        except BaseException:
            self._stream = None  # a retry begins anew, at this very block
            raise
        if len(self._rest) < wanted:
            self._stream = None
            raise StorageUnavailable(f"the stored file ended early: {self._info.key}")
        block = bytes(self._rest[:wanted])
        del self._rest[:wanted]
        self._next = index + 1
        return block
