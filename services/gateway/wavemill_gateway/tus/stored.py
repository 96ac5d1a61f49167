"""Stored: look at what the object store holds of an upload by tus, and join what makes a chunk."""

from collections.abc import AsyncIterator, Sequence

from wavemill_common.errors import ObjectExists, ObjectNotFound, UploadNotFound
from wavemill_common.objects import ObjectStore
from wavemill_common.records import JobStore
from wavemill_common.uploads import Upload, UploadState
from wavemill_gateway.bodies import Exact
from wavemill_gateway.leftovers import remove_leftovers
from wavemill_gateway.tus.pieces import Layout, layout_of, whole_key


async def settled(objects: ObjectStore, records: JobStore, upload: Upload) -> Layout:
    """What is stored, with a chunk's pieces joined: whoever stored the last may have died then."""
    while True:
        sizes = {one.key: one.size async for one in objects.scan(upload.chunks_prefix)}
        layout = layout_of(upload, sizes)
        index = len(layout.chunks)
        if not layout.pieces or layout.offset < _end(upload, index):
            return layout
        await join(objects, records, upload, index, layout.pieces)


async def join(
    objects: ObjectStore, records: JobStore, upload: Upload, index: int, pieces: Sequence[str]
) -> None:
    """Make one object of a chunk's pieces, then delete these; who does the same does no harm.

    What was stored after another had completed or removed the upload does not stay.
    """
    key = whole_key(upload, index)
    content = Exact(_read(objects, pieces), upload.chunk_length(index), proved=False)
    try:
        await objects.put(key, aiter(content), if_absent=True)
    except ObjectExists:
        pass
    except ObjectNotFound:
        return  # another one has joined them, and deletes them now
    await objects.delete(pieces)
    state = await _state(records, upload)
    if state is UploadState.COMPLETE:
        await remove_leftovers(objects, upload, [key])
    elif state is UploadState.ABORTED:
        await objects.delete([key])


async def _state(records: JobStore, upload: Upload) -> UploadState:
    """Where an upload is by now: who completes or removes one, says so before the chunks go."""
    try:
        return (await records.upload(upload.file_id)).state
    except UploadNotFound:
        return UploadState.ABORTED


def _end(upload: Upload, index: int) -> int:
    return index * upload.chunk_size + upload.chunk_length(index)


async def _read(objects: ObjectStore, keys: Sequence[str]) -> AsyncIterator[bytes]:
    for key in keys:
        async for block in objects.read(key):
            yield block
