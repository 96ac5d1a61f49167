"""Routes: the verbs of tus 1.0 at /api/tus. An upload's id is its fileId everywhere else."""

from collections.abc import Awaitable, Callable
from contextlib import suppress
from email.utils import formatdate

from aiohttp import web

from wavemill_common.errors import AppError, NotFound, UnsupportedMediaType, UploadNotFound
from wavemill_common.ids import check_id
from wavemill_common.uploads import Upload
from wavemill_gateway.access.caller import caller_of, opener_of
from wavemill_gateway.bodies import raw_blocks
from wavemill_gateway.keys import INTAKE, OBJECTS, RECORDS
from wavemill_gateway.tus.appending import Appender, Sent
from wavemill_gateway.tus.errors import OffsetConflict, Stopping, UploadInterrupted
from wavemill_gateway.tus.headers import (
    ALGORITHMS,
    EXTENSIONS,
    VERSION,
    check_version,
    file_name,
    read_checksum,
    read_length,
    read_metadata,
    read_offset,
)
from wavemill_gateway.tus.turns import Turns

PATH = "/api/tus"
OFFSET_OCTETS = "application/offset+octet-stream"
TURNS = web.AppKey("turns", Turns)


def install(app: web.Application) -> None:
    """Put tus into the gateway: its routes, its turns, its version on every answer."""
    app[TURNS] = Turns()
    app.on_response_prepare.append(_name_version)
    app.on_shutdown.append(_interrupt_all)
    app.add_routes(_ROUTES)


async def tell_abilities(request: web.Request) -> web.Response:
    """What can be done here."""
    headers = {
        "Tus-Version": VERSION,
        "Tus-Extension": EXTENSIONS,
        "Tus-Max-Size": str(request.app[INTAKE].limits.max_bytes),
        "Tus-Checksum-Algorithm": ",".join(ALGORITHMS),
    }
    return web.Response(status=204, headers=headers)


async def create(request: web.Request) -> web.Response:
    """Open an upload, and take in its first bytes where they come along."""
    check_version(request.headers)
    text = request.headers.get("Upload-Metadata", "")
    name = file_name(read_metadata(text))
    intake = request.app[INTAKE]
    upload = await intake.open_tus(name, read_length(request.headers), text, opener_of(request))
    headers = {"Location": f"{PATH}/{upload.file_id}"}
    if request.content_type == OFFSET_OCTETS:
        headers["Upload-Offset"] = str(await _append_first(request, upload))
    return web.Response(status=201, headers=headers | _expiry(upload))


async def tell_offset(request: web.Request) -> web.Response:
    """How many bytes are kept: where the client goes on. A file that is all there is completed."""
    check_version(request.headers)
    upload = await _find(request)
    async with request.app[TURNS].take(upload.file_id, lambda _: None):
        upload = await _find(request)
        offset = await _appender(request).offset(upload)
        upload = await _completed(request, upload, offset)
    headers = {
        "Upload-Offset": str(offset),
        "Upload-Length": str(upload.size),
        "Cache-Control": "no-store",
        **_expiry(upload),
    }
    if upload.tus and upload.tus.metadata:
        headers["Upload-Metadata"] = upload.tus.metadata
    return web.Response(headers=headers)


async def append(request: web.Request) -> web.Response:
    """Put bytes behind those that are kept. The last one completes the file."""
    check_version(request.headers)
    if request.content_type != OFFSET_OCTETS:
        raise UnsupportedMediaType(f"send the bytes as {OFFSET_OCTETS}")
    upload = await _find(request)
    offset = await _append(request, upload, read_offset(request.headers))
    headers = {"Upload-Offset": str(offset), **_expiry(upload)}
    return web.Response(status=204, headers=headers)


async def terminate(request: web.Request) -> web.Response:
    """Remove an upload; when this answers, its bytes are gone."""
    check_version(request.headers)
    upload = await _find(request)
    async with request.app[TURNS].take(upload.file_id, lambda _: None):
        await request.app[INTAKE].abort(upload.file_id, caller_of(request))
    return web.Response(status=204)


async def override(request: web.Request) -> web.Response:
    """Do what X-HTTP-Method-Override says: for clients that can send no PATCH or DELETE."""
    meant = _OVERRIDABLE.get(request.headers.get("X-HTTP-Method-Override", "").upper())
    if meant is None:
        raise web.HTTPMethodNotAllowed("POST", ["HEAD", "PATCH", "DELETE", "OPTIONS"])
    return await meant(request)


async def _append_first(request: web.Request, upload: Upload) -> int:
    """Take in what came with the creation; without it the client knows of no upload."""
    try:
        return await _append(request, upload, 0)
    except BaseException:
        with suppress(NotFound):  # no audio: it is gone already
            await request.app[INTAKE].abort(upload.file_id, caller_of(request))
        raise


async def _append(request: web.Request, upload: Upload, offset: int) -> int:
    def interrupt(error: AppError) -> None:
        request.content.set_exception(error)  # whoever reads the body gets it

    sent = Sent(offset, raw_blocks(request), request.content_length, read_checksum(request.headers))
    async with request.app[TURNS].take(upload.file_id, interrupt):
        upload = await request.app[INTAKE].find(upload.file_id, caller_of(request))
        try:
            kept = await _appender(request).append(upload, sent)
        except (OffsetConflict, UploadInterrupted, Stopping):
            _read_no_further(request)
            raise
        await _completed(request, upload, kept)
        return kept


def _read_no_further(request: web.Request) -> None:
    """Spare a client the rest of a body that it must send again: aiohttp would take it for 10 s.

    What ends that wait in aiohttp is a TimeoutError. Browsers repeat a PATCH that was cut by
    themselves, and never look at an answer before they have sent all of it.
    """
    request.content.set_exception(TimeoutError())


async def _completed(request: web.Request, upload: Upload, kept: int) -> Upload:
    """The upload, whole if all its bytes are there: whoever took in the last one may have died.

    Raises:
        InvalidFormat: it is no audio; nothing of it is kept.
    """
    if kept < (upload.size or 0) or upload.is_complete:
        return upload
    return await request.app[INTAKE].complete(upload.file_id, caller_of(request))


async def _find(request: web.Request) -> Upload:
    file_id = check_id("fileId", request.match_info["fileId"])
    upload = await request.app[INTAKE].find(file_id, caller_of(request))
    if upload.tus is None:
        raise UploadNotFound("this upload was not begun by tus; see GET /api/uploads/{fileId}")
    return upload


def _appender(request: web.Request) -> Appender:
    return Appender(request.app[OBJECTS], request.app[RECORDS])


def _expiry(upload: Upload) -> dict[str, str]:
    return {"Upload-Expires": formatdate(upload.expires_at, usegmt=True)}


async def _name_version(request: web.Request, response: web.StreamResponse) -> None:
    if request.path == PATH or request.path.startswith(PATH + "/"):
        response.headers["Tus-Resumable"] = VERSION
        if response.status == web.HTTPPreconditionFailed.status_code:
            response.headers["Tus-Version"] = VERSION


async def _interrupt_all(app: web.Application) -> None:
    app[TURNS].interrupt_all()


_OVERRIDABLE: dict[str, Callable[[web.Request], Awaitable[web.Response]]] = {
    "PATCH": append,
    "DELETE": terminate,
    "HEAD": tell_offset,
}
_ONE = PATH + "/{fileId}"
_ROUTES = (
    *(web.options(path, tell_abilities) for path in (PATH, PATH + "/", _ONE)),
    *(web.post(path, create) for path in (PATH, PATH + "/")),
    web.post(_ONE, override),
    web.head(_ONE, tell_offset),
    web.patch(_ONE, append),
    web.delete(_ONE, terminate),
)
