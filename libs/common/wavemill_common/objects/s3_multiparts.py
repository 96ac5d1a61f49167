"""Multipart uploads in S3: begin, store parts, list, complete, abort."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager, suppress
from typing import Any

from msgspec import Struct

from wavemill_common.errors import AppError, ObjectNotFound, StorageUnavailable
from wavemill_common.objects import ObjectInfo, Part
from wavemill_common.objects.s3_body import Pieces
from wavemill_common.objects.s3_calls import (
    Doubtful,
    Reply,
    S3Calls,
    checksum_of,
    clean_etag,
    etag_of_parts,
    stored,
)
from wavemill_common.objects.s3_faults import MultipartGone

MIN_PART = 5 * 1024 * 1024  # bytes; S3's rule for all parts but the last
MAX_PARTS = 10_000


class Piece(Struct, frozen=True):
    """A stored part, and the CRC32 that its upload has with it, or ""."""

    part: Part
    crc32: str = ""


class S3Multiparts:
    """The multipart half of the S3 adapter; `checked` uploads carry a CRC32 with each part."""

    def __init__(self, calls: S3Calls) -> None:
        self._call = calls

    async def start(self, key: str, *, checked: bool = False) -> str:
        """Begin an upload. One whose reply got lost is left to `clean`."""
        more = {"ChecksumAlgorithm": "CRC32"} if checked else {}
        reply = await self._call("create_multipart_upload", key, **more)
        return str(reply["UploadId"])

    async def put(
        self, key: str, upload_id: str, number: int, data: Pieces, *, checked: bool
    ) -> Piece:
        """Store one part; a failure is final: who has its bytes decides about another try."""
        more = checksum_of(data) if checked else {}
        reply = await self._call.once(
            "upload_part", key, UploadId=upload_id, PartNumber=number, Body=data, **more
        )
        return Piece(
            Part(number=number, size=data.size, etag=clean_etag(reply["ETag"])),
            more.get("ChecksumCRC32", ""),
        )

    async def copy(
        self, key: str, upload_id: str, number: int, source: ObjectInfo, start: int, end: int
    ) -> Piece:
        """Make a part of a stored object's bytes, on S3's side.

        A range may only be asked of objects over 5 MiB, so of a whole object none is.
        """
        whole = (start, end) == (0, source.size)
        more = {} if whole else {"CopySourceRange": f"bytes={start}-{end - 1}"}
        reply = await self._call(
            "upload_part_copy",
            key,
            UploadId=upload_id,
            PartNumber=number,
            CopySource={"Bucket": self._call.bucket, "Key": source.key},
            CopySourceIfMatch=f'"{source.etag}"',
            **more,
        )
        etag = clean_etag(reply["CopyPartResult"]["ETag"])
        return Piece(Part(number=number, size=end - start, etag=etag))

    async def parts(self, key: str, upload_id: str) -> list[Part]:
        """List the parts by number."""
        pages = self._call.pages(
            "list_parts", {"NextPartNumberMarker": "PartNumberMarker"}, key, UploadId=upload_id
        )
        return [_part(one) async for page in pages for one in page.get("Parts", ())]

    async def complete(
        self, key: str, upload_id: str, pieces: Sequence[Piece], *, if_absent: bool
    ) -> ObjectInfo:
        """Publish. If a reply got lost, the next try finds the upload gone: then look."""
        ordered = sorted(pieces, key=lambda one: one.part.number)
        more: dict[str, Any] = {"IfNoneMatch": "*"} if if_absent else {}
        more["MultipartUpload"] = {"Parts": [_named(piece) for piece in ordered]}
        try:
            reply = await self._call.unrepeatable(
                "complete_multipart_upload", key, UploadId=upload_id, **more
            )
        except Doubtful as doubt:
            found = await self._found_done(key, upload_id, ordered)
            if found is None:
                raise doubt.refusal from None
            return found
        return stored(key, sum(piece.part.size for piece in ordered), reply)

    async def abort(self, key: str, upload_id: str) -> None:
        """Drop an upload, if it is there."""
        with suppress(ObjectNotFound):
            await self._call("abort_multipart_upload", key, UploadId=upload_id)

    @asynccontextmanager
    async def begun(self, key: str, *, checked: bool = False) -> AsyncIterator[str]:
        """Have an upload for a block that completes it; it is aborted when the block fails.

        Raises:
            StorageUnavailable: somebody else ended the upload meanwhile; begin again.
        """
        upload_id = await self.start(key, checked=checked)
        try:
            yield upload_id
        except BaseException as error:
            await self._give_up(key, upload_id)
            if isinstance(error, MultipartGone):
                raise StorageUnavailable(f"the upload of {key} was aborted meanwhile") from error
            raise

    async def _give_up(self, key: str, upload_id: str) -> None:
        """Abort behind a shield: the failure may be a cancellation. `clean` does what fails."""
        with suppress(AppError):
            await asyncio.shield(asyncio.ensure_future(self.abort(key, upload_id)))

    async def _found_done(
        self, key: str, upload_id: str, ordered: Sequence[Piece]
    ) -> ObjectInfo | None:
        """The object, if it is the one that these parts make and so our lost reply told of."""
        with suppress(ObjectNotFound):
            await self.parts(key, upload_id)
            return None  # the upload is still there, so it was not completed
        with suppress(ObjectNotFound):
            found = await self._call.head(key)
            if found.etag == etag_of_parts([piece.part.etag for piece in ordered]):
                return found
        return None


def _part(one: Reply) -> Part:
    return Part(number=int(one["PartNumber"]), size=int(one["Size"]), etag=clean_etag(one["ETag"]))


def _named(piece: Piece) -> dict[str, Any]:
    named: dict[str, Any] = {"PartNumber": piece.part.number, "ETag": f'"{piece.part.etag}"'}
    if piece.crc32:
        named["ChecksumCRC32"] = piece.crc32
    return named
