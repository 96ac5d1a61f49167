"""Polling: GET /api/progress, the newest state of one job; `wait` holds the answer for news."""

from aiohttp import web
from msgspec import structs

from wavemill_common.connections import REDIS_ERRORS
from wavemill_common.errors import RequestError
from wavemill_common.jobs import JobStatus
from wavemill_common.progress.snapshot import Progress
from wavemill_gateway.access.caller import caller_of
from wavemill_gateway.jobs import job_id_of
from wavemill_gateway.keys import FEED, QUEUE, READER, RECORDS
from wavemill_gateway.replies import NO_CACHE, is_known, json_reply

routes = web.RouteTableDef()

MAX_WAIT = 60.0  # seconds; proxies cut what takes longer


@routes.get("/api/progress")
async def show_progress(request: web.Request) -> web.Response:
    """Tell a job's state; 304 where the client has it already."""
    job_id, wait = job_id_of(request), read_wait(request.query.get("wait", "0"), MAX_WAIT)
    progress = await request.app[READER].one(caller_of(request), job_id)
    if wait and not progress.is_terminal and not _is_news(request, progress):
        progress = await _await_news(request, progress, wait)
    etag = etag_of(progress)
    headers = NO_CACHE | {"ETag": etag}
    if is_known(request, etag):
        return web.Response(status=304, headers=headers)
    position = await _queue_position(request.app, progress)
    return json_reply(structs.replace(progress, queue_position=position), headers=headers)


def _is_news(request: web.Request, progress: Progress) -> bool:
    """Whether the client says what it knows, and this is something else."""
    return "If-None-Match" in request.headers and not is_known(request, etag_of(progress))


async def _queue_position(app: web.Application, progress: Progress) -> int | None:
    """How many jobs are served up to this one: no part of the state, so the ETag leaves it out."""
    if progress.status is not JobStatus.CREATED:
        return 0 if progress.status is JobStatus.PROCESSING else None
    try:
        job = await app[RECORDS].job(progress.job_id)
        return await app[QUEUE].position(job.job_id, job.lane)
    except REDIS_ERRORS:
        return None


async def _await_news(request: web.Request, known: Progress, wait: float) -> Progress:
    seen = {known.job_id: known.revision}
    async with request.app[FEED].watch([known.job_id], seen) as watch:
        news = await watch.next(wait)
    return news[-1] if news else known


def etag_of(progress: Progress) -> str:
    """The revision, as an entity tag."""
    return f'"{progress.revision}"'


def read_wait(text: str, most: float) -> float:
    """Read how many seconds a client is ready to wait.

    Raises:
        RequestError: it is not a number from 0 to `most`.
    """
    try:
        wait = float(text)
    except ValueError:
        wait = -1.0
    if not 0 <= wait <= most:
        raise RequestError(f"wait must be from 0 to {most:.0f} seconds")
    return wait
