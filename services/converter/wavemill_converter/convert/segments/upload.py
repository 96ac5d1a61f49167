"""JoinedUpload: segments that grow at the same time become one object, part by part.

S3 takes no part below 5 MiB but the last. So of each segment the first part is held to the end,
when what is left of the segment before can go in front of it; the first of all gets its head then.
"""

import asyncio
from collections.abc import Iterator, Sequence
from typing import Final

from wavemill_common.errors import ConversionError
from wavemill_common.objects import ObjectInfo, ObjectStore, Part
from wavemill_common.retry import patiently
from wavemill_converter.convert.streaming.layout import MAX_PARTS
from wavemill_converter.store.integrity import mark_of

_SENDS: Final = 2  # parts on their way at the same time


class SegmentsTripped(ConversionError):
    """These segments cannot be put together: make the whole at once instead."""

    code = "segments_tripped"
    transient = True


class _Growing:
    """What of one segment has not gone up; `sent` parts of it have, between `held` and `rest`."""

    def __init__(self) -> None:
        self.held = bytearray()
        self.rest = bytearray()
        self.sent = 0


class JoinedUpload:
    """One multipart upload of several segments. Call `add` for each, then `finish`, or `abort`."""

    def __init__(self, objects: ObjectStore, key: str, part: int, segments: int) -> None:
        self._objects = objects
        self._key = key
        self._part = part
        self._stride = MAX_PARTS // segments  # numbers that each segment has for its parts
        self._segments = [_Growing() for _ in range(segments)]
        self._slots = asyncio.Semaphore(_SENDS)
        self._starting = asyncio.Lock()
        self._upload_id: str | None = None
        self._parts: dict[int, Part] = {}
        self._marks: dict[int, str] = {}
        self.head = b""  # to be set before `finish`
        self._added = 0

    @property
    def size(self) -> int:
        """How many bytes there are, the head included."""
        return len(self.head) + self._added

    @property
    def early(self) -> int:
        """How many parts went up before the end."""
        return sum(one.sent for one in self._segments)

    async def add(self, segment: int, pieces: Sequence[bytes | memoryview]) -> None:
        """Append to a segment; return when what is ready of it has gone up."""
        one = self._segments[segment]
        filled = one.rest if len(one.held) >= self._part else one.held
        for piece in pieces:
            filled += piece
            self._added += len(piece)
        while len(one.rest) >= self._part:
            data = bytes(memoryview(one.rest)[: self._part])
            del one.rest[: self._part]
            one.sent += 1
            if one.sent >= self._stride:
                raise SegmentsTripped("a segment has more parts than there are numbers for")
            await self._send(segment * self._stride + 1 + one.sent, data)

    async def finish(self, *, index_in_front: bool) -> ObjectInfo:
        """Upload what is left, the head with it, and publish the object.

        Raises:
            ObjectExists: there is something under the key.
        """
        assert not index_in_front  # noqa: S101 - FLAC has none
        async with asyncio.TaskGroup() as sending:
            for number, data in self._left():
                sending.create_task(self._send(number, data))
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

    def _left(self) -> Iterator[tuple[int, bytes]]:
        """What was held back, joined over the borders; each with the number of its part."""
        run = bytearray(self.head)
        for number, one in enumerate(self._segments):
            run += one.held
            if one.sent:
                yield number * self._stride + 1, bytes(run)
                run.clear()
            run += one.rest
        if run:
            yield len(self._segments) * self._stride + 1, bytes(run)

    async def _send(self, number: int, data: bytes) -> None:
        async with self._slots:
            upload_id = await self._multipart()
            self._marks[number] = mark_of(data)
            put = self._objects.put_part
            self._parts[number] = await patiently(put, self._key, upload_id, number, data)

    async def _multipart(self) -> str:
        async with self._starting:
            if self._upload_id is None:
                self._upload_id = await self._objects.start_multipart(self._key)
            return self._upload_id
