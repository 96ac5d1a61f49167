"""Downloads: GET and HEAD /api/download, with ranges, and a name that every client understands."""

import re
from datetime import UTC, datetime
from email.utils import format_datetime

from aiohttp import web

from wavemill_common.errors import (
    AppError,
    Gone,
    NotReady,
    ObjectNotFound,
    RangeNotSatisfiable,
    RequestError,
)
from wavemill_common.jobs import Job, JobError, JobStatus, Output
from wavemill_common.objects import ObjectStore, Presigner
from wavemill_gateway.access.caller import caller_of
from wavemill_gateway.jobs import job_id_of
from wavemill_gateway.keys import DESK, OBJECTS
from wavemill_gateway.names import attachment
from wavemill_gateway.removal import went_out
from wavemill_gateway.replies import SECRET, is_known
from wavemill_gateway.sending import send_object

routes = web.RouteTableDef()

LOOK_AGAIN_AFTER = 2.0  # seconds
PRESIGNED_FOR = 300.0  # seconds
_OUTPUT = re.compile(r"[0-9]{1,3}")
_RANGE = re.compile(r"bytes=([0-9]{0,99})-([0-9]{0,99})")


@routes.get("/api/download")
async def download(request: web.Request) -> web.StreamResponse:
    """Stream a result, whole or in part."""
    job = await request.app[DESK].find(job_id_of(request), caller_of(request))
    return await send_result(request, job)


async def send_result(request: web.Request, job: Job) -> web.StreamResponse:
    """Stream the output of a job that the request asks for.

    Raises:
        NotReady, JobFailed: there is none.
        Gone: it has expired.
    """
    output = job.outputs[asked_output(request, job)]
    headers = _headers(job, output)
    if is_known(request, headers["ETag"]):
        return web.Response(status=304, headers=headers)
    await check_there(request.app[OBJECTS], output)
    # What is to be deleted once it went out whole must go out here.
    if not job.delete_after_download and (url := await _presigned(request, output)):
        return web.Response(status=302, headers={"Location": url, **SECRET})
    span = _span(request, headers, output.size)
    start, end = span or (0, output.size)
    if span:
        headers["Content-Range"] = f"bytes {start}-{end - 1}/{output.size}"
    response = web.StreamResponse(status=206 if span else 200, headers=headers)
    response.content_length = end - start
    await response.prepare(request)
    if request.method != "HEAD":
        await send_object(request, response, request.app[OBJECTS], output.key, (start, end))
    await response.write_eof()
    if request.method != "HEAD" and (start, end) == (0, output.size):
        await went_out(request.app, job, job.outputs.index(output))
    return response


async def _presigned(request: web.Request, output: Output) -> str | None:
    """Where the object store itself hands the result out, if that was asked for and can be."""
    objects = request.app[OBJECTS]
    asked = request.query.get("presigned") == "1" and request.method == "GET"
    if not (asked and isinstance(objects, Presigner)):
        return None
    return await objects.presigned_get(
        output.key,
        seconds=PRESIGNED_FOR,
        disposition=attachment(output.file_name),
        mime=output.mime,
    )


def parse_range(header: str, size: int) -> tuple[int, int] | None:
    """Read one byte range as (start, end), end not included; None: serve the whole.

    Whatever is not exactly one well-formed range is ignored, as RFC 9110 allows.

    Raises:
        RangeNotSatisfiable: it lies outside of the file.
    """
    found = _RANGE.fullmatch(header.strip())
    if found is None or found[0] == "bytes=-":
        return None
    first, last = found[1], found[2]
    if first == "":
        start, end = max(0, size - int(last)), size
    else:
        start, end = int(first), min(size, int(last) + 1) if last else size
        if last and int(last) < start:
            return None
    if start >= end:
        raise RangeNotSatisfiable(f"the file has {size} bytes", size=size)
    return start, end


class JobFailed(AppError):
    """The job's own failure, told where its result was asked for."""

    def __init__(self, error: JobError, status: int = 409) -> None:
        super().__init__(error.message, httpStatus=error.http_status, retryable=error.retryable)
        self.code = error.code  # type: ignore[misc]  # each failed job has its own
        self.status = status  # type: ignore[misc]  # and so has each way to ask for it


def outputs_of(job: Job) -> tuple[Output, ...]:
    """The results of a job that has completed.

    Raises:
        NotReady, JobFailed: there are none.
    """
    if job.status is JobStatus.FAILED and job.error is not None:
        raise JobFailed(job.error)
    if job.status is JobStatus.CANCELLED:
        raise JobFailed(JobError(code="cancelled", message="the job was cancelled"))
    if job.status is not JobStatus.COMPLETED:
        raise NotReady("the result is not ready yet", retry_after=LOOK_AGAIN_AFTER)
    return job.outputs


def asked_output(request: web.Request, job: Job) -> int:
    """The number of the output that a request asks for.

    Raises:
        NotReady, JobFailed: there is none.
    """
    outputs = outputs_of(job)
    text = request.query.get("output", "0")
    if not (_OUTPUT.fullmatch(text) and int(text) < len(outputs)):
        raise RequestError(f"output must be from 0 to {len(outputs) - 1}")
    return int(text)


def _headers(job: Job, output: Output) -> dict[str, str]:
    modified = datetime.fromtimestamp(job.ended_at or job.updated_at, UTC)
    return {
        "Accept-Ranges": "bytes",
        "Content-Type": output.mime,
        "Content-Disposition": attachment(output.file_name),
        "Content-Security-Policy": "sandbox",
        "X-Content-Type-Options": "nosniff",
        "Cache-Control": "private, no-cache",
        "ETag": f'"{output.sha256}"',
        "Last-Modified": format_datetime(modified, usegmt=True),
    }


def _span(request: web.Request, ours: dict[str, str], size: int) -> tuple[int, int] | None:
    """The range to serve; None for the whole, also where If-Range names another version."""
    header = request.headers.get("Range")
    if header is None or request.method != "GET":
        return None
    if request.headers.get("If-Range", ours["ETag"]) not in {ours["ETag"], ours["Last-Modified"]}:
        return None
    return parse_range(header, size)


async def check_there(objects: ObjectStore, output: Output) -> None:
    """Look a result up before a byte of the answer is sent.

    Raises:
        Gone: it has expired.
    """
    try:
        await objects.stat(output.key)
    except ObjectNotFound:
        raise Gone("the result has expired; convert the file again") from None
