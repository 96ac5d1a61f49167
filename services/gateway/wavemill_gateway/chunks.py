"""Chunks: one chunk of an upload, from its body to the object store and then into the records."""

from collections.abc import AsyncIterator
from contextlib import suppress

from wavemill_common.errors import (
    InvalidChunk,
    ObjectExists,
    ObjectNotFound,
    Unavailable,
    UploadNotFound,
)
from wavemill_common.objects import ObjectStore, Slice
from wavemill_common.records import JobStore
from wavemill_common.uploads import Arrived, Chunk, Upload, UploadState
from wavemill_gateway.bodies import Counted, Exact
from wavemill_gateway.checks import check_digest, check_same, verified
from wavemill_gateway.completion import Completion
from wavemill_gateway.leftovers import remove_leftovers


class Chunks:
    """Takes chunks in. Every method may raise what the stores raise."""

    def __init__(self, objects: ObjectStore, records: JobStore, completion: Completion) -> None:
        self._objects = objects
        self._records = records
        self._completion = completion

    async def take(
        self, chunk: Chunk, blocks: AsyncIterator[bytes], expected_sha256: str | None
    ) -> Arrived:
        """Take in one chunk, of which the record was just read; tell what has arrived by then.

        Raises:
            InvalidChunk: its index, size or digest is wrong.
            ChunkConflict: other bytes are stored under this index.
        """
        upload, index = chunk.upload, chunk.index
        if upload.tus is not None:
            raise InvalidChunk(f"this upload was begun by tus: PATCH /api/tus/{upload.file_id}")
        if not 0 <= index < upload.total_chunks:
            raise InvalidChunk(f"chunkIndex must be from 0 to {upload.total_chunks - 1}")
        body = Exact(blocks, upload.chunk_length(index), proved=expected_sha256 is not None)
        is_new = chunk.recorded is None and upload.state is UploadState.OPEN
        take = self._store if is_new else self._compare
        return await take(chunk, body, expected_sha256)

    async def _compare(self, chunk: Chunk, body: Exact, expected_sha256: str | None) -> Arrived:
        """Take in a chunk to nowhere: it is stored, or its file came whole."""
        await body.drain()
        check_digest(body, expected_sha256)
        check_same(chunk.index, chunk.recorded or "none: the file came whole", body.mark)
        upload = await self._completion.find(chunk.upload.file_id)
        if upload.is_complete:  # it may lie there still, stored after the others were deleted
            await remove_leftovers(self._objects, upload, [upload.chunk_key(chunk.index)])
        return Arrived(upload, await self._records.chunks(upload))

    async def _store(self, chunk: Chunk, body: Exact, expected_sha256: str | None) -> Arrived:
        """Store a chunk, then record it; what nobody needs any more by then does not stay."""
        upload, index = chunk.upload, chunk.index
        key = upload.chunk_key(index)
        try:
            data = verified(body, expected_sha256)
            await self._objects.put(key, data, if_absent=True, place=_place_of(upload, index))
        except ObjectExists:
            # Another request was faster, or stored it and died before it could record it.
            await body.drain()
            try:
                stored = await self._mark(upload, index)
            except ObjectNotFound:  # it is part of the complete file by now, or was aborted
                newest = await self._records.chunk(upload.file_id, index)
                self._completion.usable(newest.upload)
                return await self._compare(newest, body, expected_sha256)
            check_same(index, stored, body.mark)
        except BaseException:
            await self._drop_what_broke_off(upload)
            raise
        try:
            arrived = await self._records.add_chunk(upload, index, body.mark)
        except UploadNotFound:
            await self._objects.delete([key, upload.storage_key])  # it was aborted meanwhile
            raise
        if arrived.upload.is_complete:  # its chunks were deleted, perhaps before this one came
            await remove_leftovers(self._objects, arrived.upload, [key])
        check_same(index, arrived.chunks[index], body.mark)
        return arrived

    async def _drop_what_broke_off(self, upload: Upload) -> None:
        """Delete what was written of a chunk after its upload was removed, and all else with it."""
        with suppress(Unavailable):
            try:
                newest = await self._records.upload(upload.file_id)
                is_gone = newest.state is UploadState.ABORTED
            except UploadNotFound:
                is_gone = True
            if is_gone:
                await self._objects.delete([upload.storage_key])

    async def _mark(self, upload: Upload, index: int) -> str:
        reading = self._objects.read(upload.chunk_key(index))
        stored = Counted(reading, upload.chunk_size, InvalidChunk(""), proved=False)
        await stored.drain()
        return stored.mark


def _place_of(upload: Upload, index: int) -> Slice | None:
    """Where a chunk will lie in the whole file; None if it is all of it."""
    if upload.total_chunks == 1:
        return None
    start, size = index * upload.chunk_size, upload.chunk_length(index)
    return Slice(upload.storage_key, start, size)
