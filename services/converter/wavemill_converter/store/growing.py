"""GrowingUpload: an upload that is still open, read as if it were whole.

Its size is known from the start, and every chunk is an object of its own until the whole file is
assembled. Whoever reads a byte that has not arrived waits for it; when a chunk is gone, the whole
file is there. So what reads it need not know: it gets the bytes that it would get later, only now.
"""

import asyncio
import time
from collections.abc import AsyncIterator, Callable
from contextlib import suppress
from typing import Protocol

from wavemill_common.errors import (
    InputMissing,
    ObjectNotFound,
    StorageUnavailable,
    Unavailable,
    UploadNotFound,
)
from wavemill_common.following import INDEX_BEHIND, READ_FROM_END
from wavemill_common.objects import ObjectInfo, ObjectStore
from wavemill_common.records import JobStore
from wavemill_common.uploads import Upload, UploadState
from wavemill_converter.store.boxes import HEAD, index_is_behind
from wavemill_converter.store.waiting import Waiting

LOOK_EVERY = 0.5  # seconds; a message comes sooner, but may be lost
BESIDE = 3  # chunks that a client may send at once: one of them may come before its predecessors


class Readable(Protocol):
    """What a source is read from: an object store, or an upload that grows."""

    async def stat(self, key: str) -> ObjectInfo:
        """Tell size, time and etag."""
        ...

    def read(self, key: str, start: int = 0, end: int | None = None) -> AsyncIterator[bytes]:
        """Read bytes from `start` up to, not including, `end`."""
        ...


class UploadBrokenOff(InputMissing):
    """The upload was given up, and with it whatever follows it."""


class GrowingUpload:
    """One open upload of a known size. `wake` it when there is news: it looks by itself, too.

    `waiting` tells for how long its readers have waited, and for what.
    """

    def __init__(
        self,
        objects: ObjectStore,
        records: JobStore,
        upload: Upload,
        now: Callable[[], float] = time.monotonic,
    ) -> None:
        self._objects = objects
        self._records = records
        self._upload = upload
        self._news = asyncio.Event()
        self._keys: dict[int, str] = {}  # of the chunks that were seen
        self._is_whole = False
        self.waiting = Waiting(now)

    @property
    def size(self) -> int:
        """How many bytes there will be."""
        return self._upload.size or 0

    def concerns(self, file_id: str) -> bool:
        """Whether this is the upload of that id."""
        return self._upload.file_id == file_id

    def wake(self) -> None:
        """Look at once for what is waited for."""
        self._news.set()
        self._news = asyncio.Event()

    async def stat(self, key: str) -> ObjectInfo:
        """Tell the size that the file will have.

        Raises:
            ObjectNotFound: it is another's key.
        """
        if self._is_whole:
            return await self._objects.stat(key)
        if key != self._upload.storage_key:
            raise ObjectNotFound(f"there is no object {key}")
        return ObjectInfo(key, self.size, self._upload.created_at, "")

    async def read(self, key: str, start: int = 0, end: int | None = None) -> AsyncIterator[bytes]:
        """Read bytes from `start` up to, not including, `end`, as they arrive.

        Raises:
            UploadBrokenOff: the upload was given up.
        """
        last = self.size if end is None else min(end, self.size)
        while start < last and not self._is_whole:
            index, offset = divmod(start, self._upload.chunk_size)
            await self.arrival(start, start + 1)
            if index not in self._keys:
                continue  # it has become whole meanwhile
            stop = min(self._upload.chunk_length(index), last - start + offset)
            try:
                async for data in self._objects.read(self._keys[index], offset, stop):
                    start += len(data)
                    yield data
            except ObjectNotFound:  # it was joined with others, or all of them to the whole file
                del self._keys[index]
                await self._look()
                continue
            if start % self._upload.chunk_size and start < last:
                raise StorageUnavailable(f"a stored chunk ended early: {self._keys[index]}")
        if start < last:
            async for data in self._objects.read(key, start, last):
                yield data

    async def arrival(self, start: int, end: int) -> None:
        """Wait until the bytes from `start` up to `end` are there.

        Raises:
            UploadBrokenOff: the upload was given up.
        """
        size, chunk = self.size, self._upload.chunk_size
        for index in range(start // chunk, -(-min(end, size) // chunk)):
            if not (self._is_whole or index in self._keys):
                await self._until_there(index)

    async def has_begun(self) -> bool:
        """Whether the first chunk is there, without which nothing can be told of a file."""
        return await self._is_there(0)

    async def completion(self) -> None:
        """Wait until the upload is complete, as its record says: before, nothing is committed.

        Raises:
            UploadBrokenOff: the upload was given up.
        """
        with self.waiting.begun(far=False):
            while not self._is_whole:
                news = self._news
                await self._look()
                if not self._is_whole:
                    await _heard(news)

    async def why_from_its_end(self) -> str:
        """Say why a file is read from its end first, in words for its owner."""
        head = b""
        with suppress(ObjectNotFound, Unavailable):
            if 0 in self._keys:
                reading = self._objects.read(self._keys[0], 0, HEAD)
                head = b"".join([data async for data in reading])
        return INDEX_BEHIND if index_is_behind(head) else READ_FROM_END

    async def _until_there(self, index: int) -> None:
        if await self._is_there(index):
            return
        with self.waiting.begun(far=await self._is_far(index)) as wait:
            while True:
                news = self._news
                if await self._is_there(index):
                    return
                await self._look()
                if self._is_whole:
                    return
                await _heard(news)
                wait.far = wait.far and await self._is_far(index)

    async def _is_there(self, index: int) -> bool:
        """Find a chunk; what came by tus in pieces has another name once it is joined."""
        if index in self._keys:
            return True
        length = self._upload.chunk_length(index)
        names = [self._upload.chunk_key(index)]
        if self._upload.tus is not None:
            names.append(f"{self._upload.chunks_prefix}whole-{index}")
        for key in names:
            with suppress(ObjectNotFound, Unavailable):
                if (await self._objects.stat(key)).size == length:
                    self._keys[index] = key
                    return True
        return False

    async def _is_far(self, index: int) -> bool:
        """Whether a missing chunk is no neighbour of what has arrived: nobody reads on so far."""
        before = range(max(0, index - BESIDE), index)
        return index >= BESIDE and not any([await self._is_there(one) for one in before])

    async def _look(self) -> None:
        """Look at the upload's record; one that cannot be read tells nothing."""
        try:
            upload = await self._records.upload(self._upload.file_id)
        except Unavailable:
            return
        except UploadNotFound:
            raise broken_off() from None
        if upload.state is UploadState.ABORTED:
            raise broken_off()
        self._is_whole = upload.is_complete
        if upload.is_complete and upload.size != self.size:
            raise StorageUnavailable("the upload has another size than was announced")


async def _heard(news: asyncio.Event) -> None:
    with suppress(TimeoutError):
        async with asyncio.timeout(LOOK_EVERY):
            await news.wait()


def broken_off() -> UploadBrokenOff:
    """The end of whatever follows an upload that is gone."""
    return UploadBrokenOff("the upload was given up before it was complete; upload the file again")
