"""One shot: POST /api/convert, a file in, the converted file out, in one request."""

import msgspec
from aiohttp import BodyPartReader, web

from wavemill_common.errors import InvalidOption, RequestError
from wavemill_common.options import Wanted
from wavemill_common.uploads import Upload
from wavemill_gateway.access.caller import caller_of, opener_of
from wavemill_gateway.asked import ConvertRequest, understand_one
from wavemill_gateway.bodies import FORM_BYTES, form_parts, part_blocks, read_field
from wavemill_gateway.downloads import JobFailed, send_result
from wavemill_gateway.jobs import accepted
from wavemill_gateway.keys import DESK, FEED, INTAKE, READER
from wavemill_gateway.polling import read_wait
from wavemill_gateway.replies import json_reply, parse_object

routes = web.RouteTableDef()

MAX_WAIT = 100.0  # seconds; proxies cut longer requests
_ONE = ("format", "quality")
_FIELDS = (*_ONE, "options", "wait", "deleteAfterDownload")


@routes.post("/api/convert")
async def convert(request: web.Request) -> web.StreamResponse:
    """Answer with the result itself, or with 202 and the job's URLs when it takes too long."""
    fields, upload = await _receive(request)
    asked = ConvertRequest(
        file_id=upload.file_id,
        wanted=(_wanted(fields),),
        delete_after_download=fields.get("deleteAfterDownload") == "true",
    )
    wait = _wait(fields)
    desk = request.app[DESK]
    caller = caller_of(request)
    job = await desk.submit(asked, None, msgspec.json.encode(asked), caller)
    request.app[READER].note(job)
    if not await _has_ended(request, job.job_id, wait):
        return json_reply(accepted(request, job), 202)
    ended = await desk.find(job.job_id, caller)
    if ended.error is not None:  # the failure is this request's own
        raise JobFailed(ended.error, ended.error.http_status)
    return await send_result(request, ended)


async def _receive(request: web.Request) -> tuple[dict[str, str], Upload]:
    """Read the form; what is wrong with its fields is said before the file is taken in.

    A file that came in with a form that cannot be served is not kept.
    """
    fields, uploads = dict(request.query), list[Upload]()
    try:
        async for part in form_parts(request):
            if part.name == "file":
                uploads.append(await _receive_file(request, part, fields))
            else:
                fields[_known(part.name)] = await read_field(part)
        upload = _only(uploads, fields)
        _check(fields)
    except BaseException:
        for upload in uploads:
            await request.app[INTAKE].abort(upload.file_id, caller_of(request))
        raise
    return fields, upload


async def _receive_file(
    request: web.Request, part: BodyPartReader, fields: dict[str, str]
) -> Upload:
    if "format" in fields:
        _check(fields)
    announced = (request.content_length or 0) - FORM_BYTES
    return await request.app[INTAKE].receive_file(
        part.filename or "", part_blocks(part), announced, opener_of(request)
    )


def _known(name: str | None) -> str:
    """Refuse a field that would have no effect."""
    if name not in _FIELDS:
        fields = ", ".join(_FIELDS)
        raise RequestError(f"unknown field {(name or '')[:40]!r}; there are file, {fields}")
    return name


def _check(fields: dict[str, str]) -> None:
    _wanted(fields)
    _wait(fields)


def _wanted(fields: dict[str, str]) -> Wanted:
    """What the form asks for; `options` is a JSON object, as in POST /api/convert-audio."""
    asked: dict[str, object] = {name: fields[name] for name in _ONE if name in fields}
    if "options" in fields:
        asked["options"] = parse_object(fields["options"].encode())
    wanted = understand_one(asked)
    if wanted.options.split is not None:
        raise InvalidOption("split makes several files: use POST /api/convert-audio for it")
    return wanted


def _wait(fields: dict[str, str]) -> float:
    return read_wait(fields.get("wait", str(MAX_WAIT)), MAX_WAIT)


def _only(uploads: list[Upload], fields: dict[str, str]) -> Upload:
    if len(uploads) != 1:
        raise RequestError(f"the form must have one part 'file', but has {len(uploads)}")
    if "format" not in fields:
        raise RequestError("the form has no field 'format', such as mp3")
    return uploads[0]


async def _has_ended(request: web.Request, job_id: str, wait: float) -> bool:
    """Wait for a job's end, at most `wait` seconds."""
    progress = await request.app[READER].one(caller_of(request), job_id)
    loop_ends = request.loop.time() + wait
    async with request.app[FEED].watch([job_id]) as watch:
        while not progress.is_terminal:
            left = loop_ends - request.loop.time()
            if left <= 0:
                return False
            news = await watch.next(left)
            progress = news[-1] if news else progress
    return True
