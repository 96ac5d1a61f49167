"""Appending: put what a request brings behind what is stored, piece by piece, each one durable.

Three things keep two requests from mixing their bytes, wherever they run:

- A piece is stored only if none begins at its place (the store's conditional write), and only
  behind all that is stored. So a late request finds its place taken, and can neither double nor
  replace a byte. This alone is what correctness rests on.
- The upload's record names the newest writer. Whoever finds another one there before it stores a
  piece drops that and ends: so the newest wins although the older may be ahead.
- In one gateway the older one is interrupted at once, keeps what it has, and makes way (turns.py).
"""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from msgspec import Struct

from wavemill_common.errors import (
    InvalidChunk,
    ObjectExists,
    ObjectNotFound,
    UploadNotFound,
)
from wavemill_common.ids import new_id
from wavemill_common.objects import ObjectStore
from wavemill_common.records import JobStore
from wavemill_common.uploads import Upload, UploadState
from wavemill_gateway.bodies import Counted
from wavemill_gateway.direct_parts import too_large
from wavemill_gateway.leftovers import remove_leftovers
from wavemill_gateway.tus.body import Body
from wavemill_gateway.tus.errors import OffsetConflict, UploadInterrupted
from wavemill_gateway.tus.headers import Checksum, checked
from wavemill_gateway.tus.pieces import MAX_PIECES, Layout, chunk_end, piece_key, staged_key
from wavemill_gateway.tus.stored import join, settled

CHECKED_IN_MEMORY = 8 * 1024 * 1024  # bytes; longer bodies are checked in the object store
_COMPLETED = "this upload was completed meanwhile; ask how far it is"


class Sent(Struct, frozen=True):
    """What a request brings: bytes that begin at `offset`, `length` of them if that is known."""

    offset: int
    blocks: AsyncIterator[bytes]
    length: int | None
    checksum: Checksum | None


class Appender:
    """Appends to uploads by tus. Every method may raise what the stores raise."""

    def __init__(self, objects: ObjectStore, records: JobStore) -> None:
        self._objects = objects
        self._records = records

    async def offset(self, upload: Upload) -> int:
        """How many bytes are kept.

        Looks at the record again after the listing: a completion may have begun to delete chunks.
        """
        if upload.state is UploadState.OPEN:
            layout = await settled(self._objects, self._records, upload)
            if (await self._still_open(upload)).state is UploadState.OPEN:
                return layout.offset
        return upload.size or 0

    async def append(self, upload: Upload, sent: Sent) -> int:
        """Keep what is sent; return how many bytes are kept now.

        What came before the body broke off is kept, unless the body has a checksum.

        Raises:
            OffsetConflict: it does not begin where the stored bytes end.
            FileTooLarge: it would not end where the file does.
            ChecksumMismatch: it was damaged; nothing of it is kept.
            UploadInterrupted: a newer request appends now.
        """
        if upload.state is not UploadState.OPEN:
            _check_offset(sent, upload.size or 0)
            return sent.offset
        layout = await settled(self._objects, self._records, upload)
        _check_offset(sent, layout.offset)
        room = (upload.size or 0) - sent.offset
        if (sent.length or 0) > room:
            raise too_large(upload.size or 0)
        _check_pieces(upload, layout, sent)
        mine = await self._claim(upload)
        async with self._body_of(mine, sent, room, keep=len(layout.pieces) < MAX_PIECES) as body:
            return await self._store(mine, layout, body)

    async def _claim(self, upload: Upload) -> Upload:
        """Have the record name this request as the newest writer."""
        while True:
            mine = upload.written_by(new_id())
            if await self._records.save_upload(mine):
                return mine
            upload = await self._still_open(upload)
            if upload.state is not UploadState.OPEN:
                raise OffsetConflict(_COMPLETED)

    @asynccontextmanager
    async def _body_of(
        self, upload: Upload, sent: Sent, room: int, *, keep: bool
    ) -> AsyncIterator[Body]:
        """The bytes to store: as they come or, with a checksum, once all are there and right."""
        if sent.checksum is None:
            yield Body(sent.blocks, keep=keep)
            return
        limited = Counted(sent.blocks, room, too_large(upload.size or 0), proved=False)
        right = checked(aiter(limited), sent.checksum)
        if sent.length is not None and sent.length <= CHECKED_IN_MEMORY:
            data = b"".join([block async for block in right])
            yield Body(_once(data), keep=False)
            return
        key = staged_key(upload, new_id())
        try:
            await self._objects.put(key, right)
            yield Body(self._objects.read(key), keep=False)
        finally:
            await self._objects.delete([key])

    async def _store(self, upload: Upload, layout: Layout, body: Body) -> int:
        """Store a body's pieces, each within one chunk, and join those of a chunk that is full."""
        offset, pieces = layout.offset, [*layout.pieces]
        while offset < (upload.size or 0) and await body.has_more():
            key, end = piece_key(upload, offset), chunk_end(upload, offset)
            offset += await self._store_piece(upload, key, body.take(end - offset))
            pieces.append(key)
            if offset == end:
                if len(pieces) > 1:
                    index = (end - 1) // upload.chunk_size
                    await join(self._objects, self._records, upload, index, pieces)
                pieces = []
        if await body.has_more():
            raise too_large(upload.size or 0)
        body.check()
        return offset

    async def _store_piece(self, upload: Upload, key: str, blocks: AsyncIterator[bytes]) -> int:
        """Store one piece; return its size."""
        try:
            stored = await self._objects.put(key, self._fenced(upload, blocks), if_absent=True)
        except (ObjectExists, ObjectNotFound):  # or it was there, and is in its chunk by now
            raise OffsetConflict("another request has stored these bytes; ask how far") from None
        try:
            newest = await self._still_open(upload)
        except UploadNotFound:
            await self._objects.delete([key])  # it was aborted meanwhile
            raise
        if newest.is_complete:
            await remove_leftovers(self._objects, newest, [key])  # it came late, perhaps
            raise OffsetConflict(_COMPLETED)
        return stored.size

    async def _fenced(self, upload: Upload, blocks: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
        """Pass a piece on; its store keeps it only if no newer request has come by its end."""
        async for block in blocks:
            yield block
        stored = await self._still_open(upload)
        if stored.state is not UploadState.OPEN or stored.tus != upload.tus:
            raise UploadInterrupted("a newer request for this upload has come; this one ends")

    async def _still_open(self, upload: Upload) -> Upload:
        stored = await self._records.upload(upload.file_id)
        if stored.state is UploadState.ABORTED:
            raise UploadNotFound("the upload was aborted meanwhile")
        return stored


def _check_offset(sent: Sent, kept: int) -> None:
    if sent.offset != kept:
        raise OffsetConflict(f"the next byte is number {kept}, not {sent.offset}", offset=kept)


def _check_pieces(upload: Upload, layout: Layout, sent: Sent) -> None:
    """Refuse the smallest pieces once there are very many: each is an object of its own."""
    missing = chunk_end(upload, layout.offset) - layout.offset
    if len(layout.pieces) >= MAX_PIECES and (sent.length or 0) < missing:
        raise InvalidChunk(
            f"too many small pieces have come one by one; send at least {missing} bytes at once"
        )


async def _once(data: bytes) -> AsyncIterator[bytes]:
    if data:
        yield data
