"""SeekableObject: an object as a read-only file, for libraries that know only files."""

import asyncio
import io
from collections import OrderedDict

from wavemill_common.objects import ObjectInfo, ObjectStore

BLOCK = 128 * 1024  # bytes; a header fits in one, and so does what S3 sends in one round trip
MAX_BLOCKS = 32  # kept in memory: 4 MiB
READ_TIMEOUT = 30.0  # seconds for one range


class SeekableObject(io.RawIOBase):
    """A stored object as a synchronous, seekable, read-only file, on any adapter.

    Use it in a worker thread, while `loop` runs in another. Reads fetch ranges and keep the
    blocks used last; a read longer than a block is fetched as it is. Errors of the store pass
    through; a range that takes longer than READ_TIMEOUT raises TimeoutError. `head` is the first
    block, where it was read already.
    """

    def __init__(
        self,
        store: ObjectStore,
        info: ObjectInfo,
        loop: asyncio.AbstractEventLoop,
        head: bytes = b"",
    ) -> None:
        super().__init__()
        self.name = info.key
        self._store = store
        self._info = info
        self._loop = loop
        self._position = 0
        self._blocks: OrderedDict[int, bytes] = OrderedDict()
        if len(head) == min(BLOCK, info.size):
            self._blocks[0] = head

    def readable(self) -> bool:
        """Be a file to read."""
        return True

    def seekable(self) -> bool:
        """Be a file to seek in."""
        return True

    def tell(self) -> int:
        """Tell the position in bytes."""
        return self._position

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        """Move as files do; no I/O."""
        bases = {io.SEEK_SET: 0, io.SEEK_CUR: self._position, io.SEEK_END: self._info.size}
        position = bases[whence] + offset
        if position < 0:
            raise OSError(f"cannot seek to {position}")
        self._position = position
        return position

    def readinto(self, buffer: bytearray | memoryview) -> int:  # type: ignore[override]
        """Fill `buffer` completely, or up to the end of the object."""
        view = memoryview(buffer).cast("B")
        end = min(self._position + len(view), self._info.size)
        data = self._range(self._position, end)
        view[: len(data)] = data
        self._position += len(data)
        return len(data)

    def _range(self, start: int, end: int) -> bytes:
        if end - start > BLOCK:
            return self._fetch(start, end)
        found = b""
        while start < end:
            number, skip = divmod(start, BLOCK)
            piece = self._block(number)[skip : skip + end - start]
            found += piece
            start += len(piece)
        return found

    def _block(self, number: int) -> bytes:
        if number not in self._blocks:
            start = number * BLOCK
            self._blocks[number] = self._fetch(start, min(start + BLOCK, self._info.size))
            if len(self._blocks) > MAX_BLOCKS:
                self._blocks.popitem(last=False)
        self._blocks.move_to_end(number)
        return self._blocks[number]

    def _fetch(self, start: int, end: int) -> bytes:
        if _running_loop() is self._loop:
            raise RuntimeError(
                "a SeekableObject is for a worker thread: here it would wait forever"
            )
        future = asyncio.run_coroutine_threadsafe(self._collect(start, end), self._loop)
        try:
            data = future.result(READ_TIMEOUT)
        finally:
            future.cancel()
        if len(data) != max(0, end - start):
            raise OSError(f"{self._info.key} became shorter while it was read")
        return data

    async def _collect(self, start: int, end: int) -> bytes:
        pieces = [piece async for piece in self._store.read(self._info.key, start, end)]
        return b"".join(pieces)


def _running_loop() -> asyncio.AbstractEventLoop | None:
    try:
        return asyncio.get_running_loop()
    except RuntimeError:
        return None
