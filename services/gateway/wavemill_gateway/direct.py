"""Direct uploads: presigned, straight to S3, by the paths of Uppy Companion under /s3.

Made for @uppy/aws-s3 (6.x) with `companionEndpoint`. Its `uploadId` is our fileId, and its `key`
is where the bytes lie: both must belong together. A small file goes up as one form (/s3/params),
and becomes an upload by POST /api/uploads/{fileId}/complete.
"""

import re
from contextlib import suppress

from aiohttp import web
from msgspec import Struct, field

from wavemill_common.errors import (
    InvalidChunk,
    NotFound,
    ObjectNotFound,
    UploadIncomplete,
    UploadNotFound,
)
from wavemill_common.ids import check_id
from wavemill_common.objects import Part, Presigner
from wavemill_common.uploads import MAX_CHUNKS, Upload, UploadState
from wavemill_gateway.access.caller import caller_of, opener_of
from wavemill_gateway.direct_parts import too_large
from wavemill_gateway.keys import INTAKE, OBJECTS
from wavemill_gateway.replies import SECRET, json_reply, read_json
from wavemill_gateway.uploads import view_of

routes = web.RouteTableDef()

PRESIGNED_FOR = 300.0  # seconds
_NUMBER = re.compile(r"[0-9]{1,15}")


class BeginRequest(Struct, frozen=True):
    """The body of POST /s3/multipart; a file's type and metadata are not needed."""

    filename: str = ""


class SentPart(Struct, frozen=True):
    """A part as the client knows it."""

    number: int = field(name="PartNumber")
    etag: str = field(name="ETag")


class CompleteRequest(Struct, frozen=True):
    """The body of POST …/complete."""

    parts: list[SentPart]


@routes.get("/s3/params")
async def sign_form(request: web.Request) -> web.Response:
    """Open an upload that comes as one form."""
    presigner = _presigner(request)
    intake = request.app[INTAKE]
    upload = await intake.open_direct(
        request.query.get("filename", ""), opener_of(request), in_parts=False
    )
    form = await presigner.presigned_post(
        upload.chunk_key(0), seconds=PRESIGNED_FOR, max_size=intake.limits.max_bytes
    )
    reply = {
        "method": "POST",
        "url": form.url,
        "fields": form.fields,
        "expires": int(PRESIGNED_FOR),
        "fileId": upload.file_id,
    }
    return json_reply(reply, headers=SECRET)


@routes.post("/s3/multipart")
async def begin(request: web.Request) -> web.Response:
    """Open an upload that comes in parts."""
    _presigner(request)
    asked = await read_json(request, BeginRequest)
    upload = await request.app[INTAKE].open_direct(
        asked.filename, opener_of(request), in_parts=True
    )
    return json_reply(
        {"key": upload.storage_key, "uploadId": upload.file_id, "fileId": upload.file_id}
    )


@routes.get("/s3/multipart/{uploadId}")
async def list_parts(request: web.Request) -> web.Response:
    """Tell which parts have arrived: how a client resumes."""
    parts = await _parts(request, await _find_open(request))
    return json_reply(
        [{"PartNumber": one.number, "Size": one.size, "ETag": f'"{one.etag}"'} for one in parts]
    )


@routes.get("/s3/multipart/{uploadId}/{partNumber}")
async def sign_part(request: web.Request) -> web.Response:
    """Sign the sending of one part, of `size` bytes if the client says how many."""
    presigner = _presigner(request)
    upload = await _find_open(request)
    number = _number("partNumber", request.match_info["partNumber"], MAX_CHUNKS)
    limit = request.app[INTAKE].limits.max_bytes
    size = _number("size", request.query["size"], limit) if "size" in request.query else None
    others = [part for part in await _parts(request, upload) if part.number != number]
    if sum(part.size for part in others) + (size or 1) > limit:
        raise too_large(limit)
    url = await presigner.presigned_part(
        upload.storage_key,
        upload.storage_upload_id or "",
        number,
        seconds=PRESIGNED_FOR,
        size=size,
    )
    return json_reply({"url": url, "expires": int(PRESIGNED_FOR)}, headers=SECRET)


@routes.post("/s3/multipart/{uploadId}/complete")
async def complete(request: web.Request) -> web.Response:
    """Make the parts a complete upload; a repeat gets the same answer."""
    upload = await _find(request)
    asked = await read_json(request, CompleteRequest)
    if upload.state is UploadState.OPEN:
        with suppress(UploadNotFound):  # completed by one that died: the intake looks further
            _check_same(await _parts(request, upload), asked.parts)
    intake = request.app[INTAKE]
    done = await intake.complete(upload.file_id, caller_of(request))
    reply = {
        "location": f"/api/uploads/{done.file_id}",
        "key": done.storage_key,
        "fileId": done.file_id,
        "upload": view_of(done, await intake.received(done)),
    }
    return json_reply(reply)


@routes.delete("/s3/multipart/{uploadId}")
async def abort(request: web.Request) -> web.Response:
    """Remove an upload; when this answers, its parts are gone."""
    upload = await _find(request)
    await request.app[INTAKE].abort(upload.file_id, caller_of(request))
    return json_reply({})


def _presigner(request: web.Request) -> Presigner:
    objects = request.app[OBJECTS]
    if not isinstance(objects, Presigner):
        raise NotFound(
            "direct uploads need S3, and this server keeps files on its own disk; "
            "upload to /api/upload-audio"
        )
    return objects


async def _find(request: web.Request) -> Upload:
    """The upload that the path and `key` name.

    Raises:
        UploadNotFound: there is none, or it is another's key, or not one that comes in parts.
    """
    _presigner(request)
    file_id = check_id("uploadId", request.match_info["uploadId"])
    upload = await request.app[INTAKE].find(file_id, caller_of(request))
    if upload.storage_upload_id is None or request.query.get("key") != upload.storage_key:
        raise UploadNotFound("there is no such upload of this key; it may have expired")
    return upload


async def _find_open(request: web.Request) -> Upload:
    upload = await _find(request)
    if upload.state is not UploadState.OPEN:
        raise UploadNotFound("this upload takes no more parts: it was completed")
    return upload


async def _parts(request: web.Request, upload: Upload) -> list[Part]:
    try:
        return await request.app[OBJECTS].list_parts(
            upload.storage_key, upload.storage_upload_id or ""
        )
    except ObjectNotFound:
        raise UploadNotFound("this upload was completed or aborted; begin a new one") from None


def _check_same(stored: list[Part], sent: list[SentPart]) -> None:
    """Refuse to make a file of other parts than the client means."""
    there = {part.number: part.etag for part in stored}
    meant = {part.number: part.etag.strip('"') for part in sent}
    differing = sorted(number for number in there | meant if there.get(number) != meant.get(number))
    if differing or not meant:
        raise UploadIncomplete(
            "the stored parts are not those that were named; send these again",
            missing=differing,
        )


def _number(name: str, text: str, most: int) -> int:
    if not (_NUMBER.fullmatch(text) and 1 <= int(text) <= most):
        raise InvalidChunk(f"{name} must be a whole number from 1 to {most}")
    return int(text)
