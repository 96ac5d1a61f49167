"""What came straight into the object store: check it, and make it the upload's file."""

from collections.abc import Sequence

from wavemill_common.errors import (
    FileTooLarge,
    InvalidChunk,
    ObjectNotFound,
    UploadIncomplete,
)
from wavemill_common.objects import ObjectInfo, ObjectStore, Part
from wavemill_common.settings import MIN_CHUNK_BYTES
from wavemill_common.uploads import Upload
from wavemill_gateway.sniff import refuse_no_audio


def too_large(limit: int) -> FileTooLarge:
    """The refusal of a file of more than `limit` bytes."""
    return FileTooLarge(
        f"the file is larger than the {limit} bytes that this server takes; "
        "send a smaller or compressed one",
        limit=limit,
        maxUploadBytes=limit,
    )


async def bring_in(objects: ObjectStore, upload: Upload, max_bytes: int) -> ObjectInfo:
    """Make a direct upload's file of what has arrived; doing it again gives the same file.

    Raises:
        UploadIncomplete: something is missing.
        FileTooLarge, InvalidChunk, InvalidFormat: what arrived cannot be a file here.
    """
    if upload.storage_upload_id is None:
        return await _bring_in_whole(objects, upload, max_bytes)
    try:
        parts = await objects.list_parts(upload.storage_key, upload.storage_upload_id)
        check_parts(parts, max_bytes)
        return await objects.complete_multipart(upload.storage_key, upload.storage_upload_id, parts)
    except ObjectNotFound:  # whoever completed it died before it could say so
        return await _there(objects, upload.storage_key)


def check_parts(parts: Sequence[Part], max_bytes: int) -> None:
    """Judge the stored parts, which come by number.

    Raises:
        UploadIncomplete: there is a gap; `missing` lists the part numbers.
        FileTooLarge, InvalidChunk: they make too large a file, or the store won't join them.
    """
    numbers = {part.number for part in parts}
    missing = sorted(set(range(1, max(numbers, default=1) + 1)) - numbers)
    if missing:
        raise UploadIncomplete(
            f"{len(missing)} parts are missing; send them first", missing=missing
        )
    if sum(part.size for part in parts) > max_bytes:
        raise too_large(max_bytes)
    if any(part.size < MIN_CHUNK_BYTES for part in parts[:-1]):
        raise InvalidChunk(f"every part but the last must have at least {MIN_CHUNK_BYTES} bytes")


async def _bring_in_whole(objects: ObjectStore, upload: Upload, max_bytes: int) -> ObjectInfo:
    """Copy what was sent: whoever holds its form may still replace that, but not the copy."""
    try:
        sent = await objects.stat(upload.chunk_key(0))
    except ObjectNotFound:
        return await _there(objects, upload.storage_key)
    if sent.size > max_bytes:
        raise too_large(max_bytes)
    if sent.size == 0:
        refuse_no_audio(b"")
    return await objects.compose(upload.storage_key, [upload.chunk_key(0)])


async def _there(objects: ObjectStore, key: str) -> ObjectInfo:
    try:
        return await objects.stat(key)
    except ObjectNotFound:
        raise UploadIncomplete("nothing has arrived; send the file first", missing=[1]) from None
