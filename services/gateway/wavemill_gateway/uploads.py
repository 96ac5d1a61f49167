"""Uploads: POST /api/upload-audio in its three forms, and what can be done with an upload."""

import re
from collections.abc import AsyncIterator, Collection, Mapping
from datetime import UTC, datetime

import structlog
from aiohttp import web
from msgspec import Struct

from wavemill_common.errors import (
    InvalidChunk,
    RequestError,
    UnsupportedMediaType,
)
from wavemill_common.ids import check_id
from wavemill_common.media import MediaInfo
from wavemill_common.uploads import Chunk, Upload, count_chunks, describe_ranges
from wavemill_gateway.access.caller import Opener, caller_of, opener_of
from wavemill_gateway.bodies import (
    CHUNK_TIMEOUT,
    FORM_BYTES,
    form_parts,
    part_blocks,
    raw_blocks,
    read_field,
    within,
)
from wavemill_gateway.intake import Intake, Received
from wavemill_gateway.keys import INTAKE
from wavemill_gateway.replies import json_reply, read_json

log = structlog.get_logger(__name__)

routes = web.RouteTableDef()

_SHA256 = re.compile(r"[0-9a-fA-F]{64}")
_NUMBER = re.compile(r"[0-9]{1,15}")
_MULTIPART = "multipart/form-data"
_RAW = "application/octet-stream"


class UploadView(Struct, frozen=True, kw_only=True, rename="camel"):
    """The upload object of the interface."""

    file_id: str
    file_name: str
    size: int | None
    chunk_size: int
    total_chunks: int
    received: str
    complete: bool
    expires_at: str
    media: MediaInfo | None


class OpenRequest(Struct, frozen=True, rename="camel"):
    """The body of POST /api/uploads."""

    file_name: str
    file_size: int
    chunk_size: int | None = None


@routes.post("/api/upload-audio")
async def upload_audio(request: web.Request) -> web.Response:
    """Take in a whole file, or one chunk as a form or as a raw body."""
    intake = request.app[INTAKE]
    if request.content_type == _MULTIPART:
        received = await _receive_form(request, intake)
    elif request.content_type == _RAW:
        received = await _receive_chunk(request, request.query, raw_blocks(request))
    else:
        raise UnsupportedMediaType(
            f"send a form ({_MULTIPART}) with a part 'file' or 'chunk', "
            f"or one chunk as {_RAW} with chunkIndex and the rest in the query"
        )
    view = view_of(received.upload, received.indexes)
    return json_reply(view, 201 if received.completed else 200)


@routes.post("/api/uploads")
async def open_upload(request: web.Request) -> web.Response:
    """Open an upload: tells its id and its chunk size."""
    asked = await read_json(request, OpenRequest)
    intake = request.app[INTAKE]
    upload = await intake.open(
        asked.file_name, asked.file_size, asked.chunk_size, opener_of(request)
    )
    return json_reply(view_of(upload, await intake.received(upload)), 201)


@routes.get("/api/uploads/{fileId}")
async def show_upload(request: web.Request) -> web.Response:
    """Tell what has arrived: how a client resumes."""
    intake = request.app[INTAKE]
    upload = await intake.find(_file_id(request), caller_of(request))
    return json_reply(view_of(upload, await intake.received(upload)))


@routes.post("/api/uploads/{fileId}/complete")
async def complete_upload(request: web.Request) -> web.Response:
    """Assemble the file; a repeat gets the same answer."""
    intake = request.app[INTAKE]
    upload = await intake.complete(_file_id(request), caller_of(request))
    return json_reply(view_of(upload, await intake.received(upload)))


@routes.delete("/api/uploads/{fileId}")
async def abort_upload(request: web.Request) -> web.Response:
    """Remove an upload; when this answers, its bytes are gone."""
    await request.app[INTAKE].abort(_file_id(request), caller_of(request))
    return web.Response(status=204)


async def _receive_form(request: web.Request, intake: Intake) -> Received:
    fields: dict[str, str] = {}
    async for part in form_parts(request):
        if part.name == "file":
            announced = (request.content_length or 0) - FORM_BYTES
            name = part.filename or ""
            upload = await intake.receive_file(
                name, part_blocks(part), announced, opener_of(request)
            )
            return Received(upload, await intake.received(upload), completed=True)
        if part.name == "chunk":
            fields.setdefault("fileName", part.filename or "")
            return await _receive_chunk(request, fields, part_blocks(part))
        fields[part.name or ""] = await read_field(part)
    raise RequestError("the form has no part 'file' (a whole file) or 'chunk' (one chunk)")


async def _receive_chunk(
    request: web.Request, fields: Mapping[str, str], blocks: AsyncIterator[bytes]
) -> Received:
    intake = request.app[INTAKE]
    index = _number(fields, "chunkIndex")
    sha256 = fields.get("chunkSha256") or None
    if sha256 is not None and not _SHA256.fullmatch(sha256):
        raise InvalidChunk("chunkSha256 must be the chunk's SHA-256 as 64 hexadecimal digits")
    blocks = within(CHUNK_TIMEOUT, blocks)
    file_id = fields.get("fileId")
    if not file_id:
        upload = await _open(intake, fields, opener_of(request))
        return await intake.receive_first_chunk(Chunk(upload, index), blocks, sha256)
    chunk = await intake.find_chunk(check_id("fileId", file_id), index, caller_of(request))
    _check_unchanged(chunk.upload, fields)
    return await intake.receive_chunk(chunk, blocks, sha256)


async def _open(intake: Intake, fields: Mapping[str, str], opener: Opener) -> Upload:
    """Open an upload, as a first chunk without fileId does."""
    size = _number(fields, "fileSize")
    chunk_size = _number(fields, "chunkSize") if "chunkSize" in fields else None
    if "totalChunks" in fields and size:
        asked, chunk = _number(fields, "totalChunks"), chunk_size or intake.limits.chunk_bytes
        _check_total(asked, count_chunks(size, chunk), chunk)
    return await intake.open(fields.get("fileName", ""), size, chunk_size, opener)


def _check_unchanged(upload: Upload, fields: Mapping[str, str]) -> None:
    if "totalChunks" in fields:
        _check_total(_number(fields, "totalChunks"), upload.total_chunks, upload.chunk_size)
    if "fileSize" in fields and _number(fields, "fileSize") != upload.size:
        raise InvalidChunk(f"fileSize must be {upload.size}, as when this upload was opened")


def _check_total(asked: int, actual: int, chunk_size: int) -> None:
    if asked != actual:
        raise InvalidChunk(
            f"totalChunks must be {actual}: fileSize divided by the chunk size of "
            f"{chunk_size} bytes, rounded up"
        )


def _number(fields: Mapping[str, str], name: str) -> int:
    text = fields.get(name)
    if text is None:
        raise InvalidChunk(f"{name} is missing; form fields stand before the part")
    if not _NUMBER.fullmatch(text):
        raise InvalidChunk(f"{name} must be a whole number of 0 or more, not {text[:20]!r}")
    return int(text)


def _file_id(request: web.Request) -> str:
    return check_id("fileId", request.match_info["fileId"])


def view_of(upload: Upload, received: Collection[int]) -> UploadView:
    """An upload, of which these chunks have arrived, as the interface shows it."""
    return UploadView(
        file_id=upload.file_id,
        file_name=upload.file_name,
        size=upload.size,
        chunk_size=upload.chunk_size,
        total_chunks=upload.total_chunks,
        received=describe_ranges(received),
        complete=upload.is_complete,
        expires_at=datetime.fromtimestamp(upload.expires_at, UTC).strftime("%Y-%m-%dT%H:%M:%SZ"),
        media=upload.media,
    )
