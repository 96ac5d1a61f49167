"""Jobs: POST /api/convert-audio, and what can be done with a job."""

import re
from typing import Any

import msgspec
from aiohttp import web
from msgspec import structs

from wavemill_common.errors import RequestError
from wavemill_common.ids import check_id
from wavemill_common.jobs import Job
from wavemill_common.options import Wanted
from wavemill_common.progress.snapshot import progress_of
from wavemill_gateway.access.caller import caller_of
from wavemill_gateway.access.links import Links, links_of
from wavemill_gateway.access.tokens import TOKENS
from wavemill_gateway.asked import understand
from wavemill_gateway.keys import DESK, READER
from wavemill_gateway.removal import remove_job
from wavemill_gateway.replies import json_reply, read_object

routes = web.RouteTableDef()

_KEY = re.compile(r"[\x21-\x7e]{1,255}")
PRIVATE = (
    *("owner", "requestHash", "claimId", "tombstone", "more", "peaksKey", "traceparent"),
    *("inputS3Location", "outputS3Location"),
)
CONVERT_BODY_BYTES = 4 * 1024 * 1024  # covers come in it


class Accepted(Links, frozen=True, kw_only=True, rename="camel"):
    """The answer to an accepted job."""

    job_id: str
    status: str


@routes.post("/api/convert-audio")
async def convert_audio(request: web.Request) -> web.Response:
    """Accept a job: durable before this answers."""
    asked = understand(await read_object(request, CONVERT_BODY_BYTES))
    check_id("fileId", asked.file_id)
    key = request.headers.get("Idempotency-Key")
    if key is not None and not _KEY.fullmatch(key):
        raise RequestError("Idempotency-Key must be 1 to 255 visible ASCII characters")
    body = msgspec.json.encode(asked, order="deterministic")
    job = await request.app[DESK].submit(asked, key, body, caller_of(request))
    request.app[READER].note(job)
    return json_reply(accepted(request, job), 202)


@routes.get("/api/jobs/{jobId}")
async def show_job(request: web.Request) -> web.Response:
    """Tell the whole record, but for what is ours alone."""
    job = await request.app[DESK].find(job_id_of(request), caller_of(request))
    return json_reply(record_of(request, job))


def record_of(request: web.Request, job: Job) -> dict[str, Any]:
    """A job's record as its owner sees it, with links that are good from now on."""
    record: dict[str, Any] = msgspec.to_builtins(job)
    for name in PRIVATE:
        record.pop(name, None)
    record["wanted"] = [_public(one) for one in job.wanted]
    record["options"] = record["wanted"][0]["options"]
    for output in record["outputs"]:
        output.pop("key")
    links = links_of(job, request.app[TOKENS], caller_of(request))
    record |= msgspec.to_builtins(links)
    return record


@routes.delete("/api/jobs/{jobId}")
async def cancel_or_remove(request: web.Request) -> web.Response:
    """Cancel a job that runs; remove one that has ended."""
    desk, caller = request.app[DESK], caller_of(request)
    job = await desk.find(job_id_of(request), caller)
    if job.is_terminal:
        await remove_job(request.app, job)
        return web.Response(status=204)
    return json_reply(progress_of(await desk.cancel(job.job_id, caller)))


@routes.post("/api/jobs/{jobId}/retry")
async def retry_job(request: web.Request) -> web.Response:
    """Run a failed or cancelled job again."""
    job = await request.app[DESK].retry(job_id_of(request), caller_of(request))
    return json_reply(accepted(request, job), 202)


def _public(wanted: Wanted) -> dict[str, Any]:
    """What is wanted, without where we keep the cover that came with it."""
    shown: dict[str, Any] = msgspec.to_builtins(wanted)
    shown.setdefault("options", {})
    if wanted.options.gives_cover:
        shown["options"]["cover"] = "replaced"
    return shown


def accepted(request: web.Request, job: Job) -> Accepted:
    """Tell where to follow a job."""
    links = links_of(job, request.app[TOKENS], caller_of(request))
    return Accepted(job_id=job.job_id, status=job.status.value, **structs.asdict(links))


def job_id_of(request: web.Request) -> str:
    """The job that a path or a query names."""
    value = request.match_info.get("jobId", request.query.get("jobId"))
    if value is None:
        raise RequestError("jobId is missing")
    return check_id("jobId", value)
