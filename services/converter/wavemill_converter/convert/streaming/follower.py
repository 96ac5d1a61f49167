"""OutputFollower: upload a memory file's parts while a child still writes it, the head last."""

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence

import structlog

from wavemill_common.errors import ConversionError, ObjectExists, StorageUnavailable
from wavemill_common.objects import ObjectInfo, ObjectStore, Part
from wavemill_common.retry import patiently, retried
from wavemill_converter.convert.streaming import faststart
from wavemill_converter.convert.streaming.layout import PartLayout
from wavemill_converter.convert.streaming.pace import Pace
from wavemill_converter.convert.streaming.pressure import Gauge, Pressure
from wavemill_converter.ffmpeg.memory import MemoryFile
from wavemill_converter.sandbox.process import Child
from wavemill_converter.store.integrity import mark_of

log = structlog.get_logger(__name__)

MOST_PAUSE = 0.1  # seconds between two looks
AT_ONCE = 2  # parts on their way at the same time


class StreamTripped(ConversionError):
    """The output was not written as it has to be for streaming: go by way of files instead."""

    code = "stream_tripped"
    transient = True


class OutputFollower:
    """Follows one output into one multipart upload. Call `follow_all`, then `finish` or `abort`."""

    def __init__(
        self, objects: ObjectStore, key: str, memory: MemoryFile, layout: PartLayout
    ) -> None:
        self._objects = objects
        self._key = key
        self._memory = memory
        self._layout = layout
        self._next = layout.head  # the first part that has not gone yet
        self._parts: dict[int, Part] = {}  # by number, from 1
        self._marks: dict[int, str] = {}
        self._upload_id: str | None = None

    @property
    def fd(self) -> int:
        """The file that the child writes into."""
        return self._memory.fd

    @property
    def size(self) -> int:
        """How many bytes the child has written."""
        return self._memory.size

    @property
    def early(self) -> int:
        """How many parts went up before the end."""
        return self._next - self._layout.head

    @property
    def gauge(self) -> Gauge:
        """What the child fills, and how far it may."""
        return Gauge(self._memory, self._layout.cap)

    async def follow(self, ended: asyncio.Future[int]) -> None:
        """Upload what is ready until the child has ended."""
        slots, pace = asyncio.Semaphore(AT_ONCE), Pace(MOST_PAUSE)
        async with asyncio.TaskGroup() as sending:
            while not ended.done():
                size = self._memory.size
                missing = self._layout.missing(self._next, size)
                if missing or slots.locked():
                    await asyncio.wait([ended], timeout=pace.pause(size, missing))
                    continue
                await self._multipart()
                await slots.acquire()
                sending.create_task(self._send_early(self._next, slots))
                self._next += 1

    async def finish(self, *, index_in_front: bool) -> ObjectInfo:
        """Upload what is left, the head last, and publish the object.

        Raises:
            StreamTripped: a part that had gone already was written again, or the index cannot
                be brought to the front.
            ObjectExists: there is something under the key.
        """
        size, layout = self._memory.size, self._layout
        sent_end = self._next * layout.part
        if self._memory.has_data(layout.head_end, min(sent_end, size)):
            raise StreamTripped("a part of the output was written again after it was uploaded")
        head, end = await asyncio.to_thread(self._front, size, index_in_front=index_in_front)
        if end <= layout.head_end:
            return await self._put(head)
        for index in range(self._next, -(-end // layout.part)):
            start, stop = layout.bounds(index)
            await self._send(index, await self._read(start, min(stop, end)))
        await self._send(0, head)
        parts = [self._parts[number] for number in sorted(self._parts)]
        upload_id = await self._multipart()
        return await self._objects.complete_multipart(self._key, upload_id, parts, if_absent=True)

    async def abort(self) -> None:
        """Leave no part behind."""
        if self._upload_id is not None:
            await self._objects.abort_multipart(self._key, self._upload_id)

    def part_marks(self) -> list[tuple[int, str]]:
        """Length and mark of each part as it was sent, in the object's order."""
        return [(self._parts[one].size, self._marks[one]) for one in sorted(self._parts)]

    async def _put(self, data: bytes) -> ObjectInfo:
        """Publish a small result in one request."""
        self._marks[1] = mark_of(data)
        self._parts[1] = Part(1, len(data), "")
        return await retried(self._put_once, data)

    async def _put_once(self, data: bytes) -> ObjectInfo:
        try:
            return await self._objects.put(self._key, _once(data), if_absent=True)
        except ObjectExists:  # the key is this claim's alone: an earlier try, whose reply was lost
            await self._objects.delete([self._key])
            raise StorageUnavailable("an earlier try to store the result had no answer") from None

    def _front(self, size: int, *, index_in_front: bool) -> tuple[bytes, int]:
        """What the object begins with, up to the end of the held head; and where the rest ends."""
        head = self._memory.read(0, min(self._layout.head_end, size))
        if not index_in_front:
            return head, size
        try:
            moov_start = faststart.index_start(head)
            if moov_start < min(self._next * self._layout.part, size) and self.early:
                raise StreamTripped("the index was longer than expected")
            moov = self._memory.read(moov_start, size)
            return faststart.moved_head(head[:moov_start], moov), moov_start
        except faststart.NotMovable as error:
            raise StreamTripped(str(error)) from None

    async def _send_early(self, index: int, slots: asyncio.Semaphore) -> None:
        try:
            start, end = self._layout.bounds(index)
            await self._send(index, await self._read(start, end))
            self._memory.free(start, end)
        finally:
            slots.release()

    async def _read(self, start: int, end: int) -> bytes:
        return await asyncio.to_thread(self._memory.read, start, end)

    async def _send(self, index: int, data: bytes) -> None:
        number = index + 1
        upload_id = await self._multipart()
        self._marks[number] = mark_of(data)
        put = self._objects.put_part
        self._parts[number] = await patiently(put, self._key, upload_id, number, data)

    async def _multipart(self) -> str:
        if self._upload_id is None:
            self._upload_id = await self._objects.start_multipart(self._key)
        return self._upload_id


async def follow_all(
    followers: Sequence[OutputFollower], child: Child, alive: Callable[[], None]
) -> int:
    """Follow all outputs of a child until it has ended; stop it while too much of one waits.

    Returns the bytes of memory that all of them held at the most.

    `alive` is called while the child is stopped: then it is not its fault that nothing moves.
    """
    gauges = [one.gauge for one in followers]
    with Pressure(gauges, child.process.pid) as pressure:
        async with asyncio.TaskGroup() as following:
            ended = following.create_task(child.process.wait())
            for one in followers:
                following.create_task(one.follow(ended))
            while not ended.done():
                if pressure.is_stopped:
                    alive()
                await asyncio.wait([ended], timeout=MOST_PAUSE)
    return pressure.peak


async def _once(data: bytes) -> AsyncIterator[bytes]:
    yield data
