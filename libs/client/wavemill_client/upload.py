"""Upload: a file goes out in chunks, several at once; what has arrived is not sent again."""

import asyncio
import hashlib
from collections import deque
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path

from msgspec import Struct

from wavemill_client.errors import SourceChanged, TooSlow
from wavemill_client.retry import Patience
from wavemill_client.steps import OnProgress, Step
from wavemill_client.tasks import together
from wavemill_client.transport import Json, Transport, query
from wavemill_client.values import Upload

OnBegun = Callable[[], Awaitable[None]]

PIECE = 256 * 1024  # bytes; progress is told after each


class Source(Struct, frozen=True):
    """A file as it was when it was first looked at."""

    path: Path
    size: int
    changed_ns: int

    @classmethod
    def at(cls, path: Path) -> "Source":
        """Look at a file."""
        found = path.stat()
        return cls(path, found.st_size, found.st_mtime_ns)

    def read(self, start: int, length: int) -> bytes:
        """Read a part of it.

        Raises:
            SourceChanged: it is shorter now.
        """
        with self.path.open("rb") as file:
            file.seek(start)
            data = file.read(length)
        if len(data) != length:
            raise SourceChanged(f"{self.path} became shorter while it was being sent")
        return data


async def open_upload(
    transport: Transport, source: Source, name: str | None, chunk_size: int | None
) -> Upload:
    """Open an upload: tells its id and its chunk size."""
    asked = {"fileName": _text(name or source.path.name), "fileSize": source.size}
    if chunk_size is not None:
        asked["chunkSize"] = chunk_size
    return await transport.call("POST", "/api/uploads", Upload, body=Json(asked))


def _text(name: str) -> str:
    """A name without what is no Unicode: on a disk, names are bytes."""
    return name.encode(errors="surrogateescape").decode(errors="replace")


async def send(
    transport: Transport,
    source: Source,
    upload: Upload,
    parallel: int,
    tell: OnProgress,
    begun: OnBegun | None = None,
) -> Upload:
    """Send what is missing of a file; return the complete upload.

    `begun` is called once the first of several chunks is stored: from then on it can be converted.

    Raises:
        SourceChanged: it is not the file that the upload was opened for, or not any more.
        Conflict: another file of the same size was sent under this id before.
    """
    if upload.size != source.size:
        raise SourceChanged(
            f"{source.path} has {source.size} bytes, and upload {upload.file_id} {upload.size}"
        )
    if not upload.complete:
        await _Sending(transport, source, upload, tell, begun).run(parallel)
    if await asyncio.to_thread(Source.at, source.path) != source:
        raise SourceChanged(f"{source.path} was changed while it was being sent")
    done = f"/api/uploads/{upload.file_id}/complete"
    return await transport.call("POST", done, Upload)


class _Chunk:
    """One chunk, as the body of a request."""

    def __init__(self, data: bytes, tell: Callable[[int], None]) -> None:
        self._data = memoryview(data)
        self._tell = tell
        self.sha256 = hashlib.sha256(data).hexdigest()
        self.headers = {
            "Content-Type": "application/octet-stream",
            "Content-Length": str(len(data)),
        }

    async def write(self, moved: Callable[[int], None]) -> AsyncIterator[bytes]:
        """Piece by piece; a new try begins at the beginning."""
        for start in range(0, len(self._data), PIECE):
            piece = bytes(self._data[start : start + PIECE])
            yield piece
            moved(start + len(piece))
            self._tell(start + len(piece))


class _Sending:
    """The chunks of one file on their way."""

    def __init__(
        self,
        transport: Transport,
        source: Source,
        upload: Upload,
        tell: OnProgress,
        begun: OnBegun | None,
    ) -> None:
        self._transport = transport
        self._source = source
        self._upload = upload
        self._tell = tell
        self._begun = begun
        self._waiting = deque(to_send(upload))
        self._going: dict[int, int] = {}  # bytes on their way, by chunk
        self._there = source.size - sum(self._length(index) for index in self._waiting)
        self._workers = 0
        self._raised: Exception | None = None
        self._patience = Patience(transport.retry)

    async def run(self, parallel: int) -> None:
        """Send all that is missing, at most so many chunks at once."""
        self._workers = max(1, min(parallel, len(self._waiting)))
        self._say()
        await together(self._work() for _ in range(self._workers))

    async def _work(self) -> None:
        while self._waiting:
            index = self._waiting.popleft()
            try:
                await self._send(index)
            except TooSlow as error:
                # The line is too narrow for so many at once: fewer share it from now on.
                self._waiting.append(index)
                if self._workers > 1:
                    self._workers -= 1
                    return
                await self._patience.bear(error)

    async def _send(self, index: int) -> None:
        length = self._length(index)
        start = index * self._upload.chunk_size
        data = await asyncio.to_thread(self._source.read, start, length)
        chunk = _Chunk(data, lambda sent: self._note(index, sent))
        fields = query(
            fileId=self._upload.file_id,
            chunkIndex=index,
            totalChunks=self._upload.total_chunks,
            fileSize=self._source.size,
            chunkSha256=chunk.sha256,
        )
        await self._transport.call(
            "POST", "/api/upload-audio", Upload, params=fields, body=chunk, unless=(TooSlow,)
        )
        self._going.pop(index, None)
        if self._raised is not None:
            raise self._raised
        self._there += length
        self._patience.refresh()
        self._say()
        if index == 0 and self._begun is not None and self._upload.total_chunks > 1:
            await self._begun()

    def _note(self, index: int, sent: int) -> None:
        """Tell of bytes that go out. What the listener raises must not look like a broken line."""
        self._going[index] = sent
        try:
            self._say()
        except Exception as error:  # noqa: BLE001 - it is raised by `_send`
            self._raised = error

    def _say(self) -> None:
        done = self._there + sum(self._going.values())
        self._tell(Step(doing="uploading", done=done, total=self._source.size))

    def _length(self, index: int) -> int:
        size = self._upload.chunk_size
        return min(size, self._source.size - index * size)


def to_send(upload: Upload) -> list[int]:
    """The missing chunks, and one that is there: were it of another file, the server says so.

    The last one goes second: what many a file needs to be read from its beginning stands there.
    """
    missing = upload.missing
    if len(missing) > 2:  # noqa: PLR2004 - else the last one is second already
        missing = [missing[0], missing[-1], *missing[1:-1]]
    there = next((one for one in range(upload.total_chunks) if one not in set(missing)), None)
    return missing if there is None else [there, *missing]
