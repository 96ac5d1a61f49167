"""Events: GET /api/events, the state of up to 50 jobs as Server-Sent Events.

A snapshot of each job comes first, then what changes, at last one final event per job. Streams
are short (proxies cut long ones): the client comes back with Last-Event-ID and misses nothing.
"""

import asyncio
import random
from collections.abc import Iterable
from functools import lru_cache

import msgspec
import orjson
from aiohttp import web
from multidict import MultiMapping

from wavemill_common.errors import JobNotFound, RequestError
from wavemill_common.ids import check_id
from wavemill_common.progress.feed import Watch
from wavemill_common.progress.snapshot import Progress
from wavemill_gateway.access.caller import caller_of
from wavemill_gateway.access.streams import STREAMS
from wavemill_gateway.keys import FEED, READER, STOPPING

routes = web.RouteTableDef()

MAX_JOBS = 50
HEARTBEAT_EVERY = 15.0  # seconds
STREAM_FOR = 100.0  # seconds
RETRY_MS, RETRY_JITTER_MS = 2000, 1000
_HEADERS = {
    "Content-Type": "text/event-stream",
    "Cache-Control": "no-cache, no-store, must-revalidate",
    "X-Accel-Buffering": "no",
}


@routes.get("/api/events", allow_head=False)
async def stream_events(request: web.Request) -> web.StreamResponse:
    """Stream what happens to jobs until each has ended, or the stream's time is over."""
    with request.app[STREAMS].place(caller_of(request).account):
        return await _stream(request)


async def _stream(request: web.Request) -> web.StreamResponse:
    job_ids = _job_ids(request.query)
    seen = parse_event_id(request.headers.get("Last-Event-ID", ""))
    known = await request.app[READER].many(caller_of(request), job_ids)
    if not known:
        raise JobNotFound("none of these jobs is there; they may have expired")
    if seen and all(_is_told(progress, seen) for progress in known.values()):
        return web.Response(status=204)
    response = web.StreamResponse(headers=_HEADERS)
    await response.prepare(request)
    stream = EventStream(response, known, seen)
    await stream.begin(job_id for job_id in job_ids if job_id not in known)
    watched = list(known)
    response.headers.clear()  # they are sent; and a stream is held for long
    del known
    async with request.app[FEED].watch(watched, seen) as watch:
        await stream.follow(watch, request.app[STOPPING])
    await response.write_eof()
    return response


class EventStream:
    """One client's stream: what it has been told, and what it still waits for."""

    __slots__ = ("_open", "_response", "_told")

    def __init__(
        self, response: web.StreamResponse, known: dict[str, Progress], seen: dict[str, int]
    ) -> None:
        self._response = response
        self._told = {job_id: seen[job_id] for job_id in known if job_id in seen}
        self._open = {job_id for job_id, one in known.items() if not _is_told(one, seen)}

    async def begin(self, unknown: Iterable[str]) -> None:
        """Say how soon to come back, and which jobs there are not."""
        retry = RETRY_MS + random.randrange(RETRY_JITTER_MS)
        lines = [f"retry: {retry}\n\n"]
        for job_id in unknown:
            data = {"jobId": job_id, "code": "job_not_found", "error": "there is no such job"}
            lines.append(f"event: error\ndata: {orjson.dumps(data).decode()}\n\n")
        await self._response.write("".join(lines).encode())

    async def follow(self, watch: Watch, stopping: asyncio.Event) -> None:
        """Tell the news until all jobs have ended, time is over, or the server stops."""
        loop = asyncio.get_running_loop()
        ends, beat = loop.time() + STREAM_FOR, loop.time() + HEARTBEAT_EVERY
        while self._open and loop.time() < ends and not stopping.is_set():
            news = await watch.next(max(0.0, min(ends, beat) - loop.time()))
            if news:
                await self._tell(news)
            elif loop.time() >= beat:
                await self._response.write(b": still here\n\n")
            if news or loop.time() >= beat:
                beat = loop.time() + HEARTBEAT_EVERY

    async def _tell(self, news: list[Progress]) -> None:
        blocks = []
        for progress in news:
            self._told[progress.job_id] = progress.revision
            name = "progress"
            if progress.is_terminal:
                name = progress.status.value
                self._open.discard(progress.job_id)
            blocks.append(f"id: {self._event_id()}\nevent: {name}\ndata: ".encode())
            blocks.append(_encoded(progress))
        await self._response.write(b"".join(blocks))

    def _event_id(self) -> str:
        return ",".join(f"{job_id}:{revision}" for job_id, revision in self._told.items())


@lru_cache(maxsize=1024)  # many may watch one job
def _encoded(progress: Progress) -> bytes:
    return orjson.dumps(msgspec.to_builtins(progress)) + b"\n\n"


def parse_event_id(text: str) -> dict[str, int]:
    """Read `jobId:revision,…`; what is malformed counts as not seen."""
    seen = {}
    for item in text.split(",")[:MAX_JOBS]:
        job_id, _, revision = item.partition(":")
        if revision.isascii() and revision.isdigit():
            seen[job_id] = int(revision[:15])
    return seen


def _is_told(progress: Progress, seen: dict[str, int]) -> bool:
    """Whether the client has had a job's final event."""
    return progress.is_terminal and seen.get(progress.job_id, -1) >= progress.revision


def _job_ids(query: MultiMapping[str]) -> list[str]:
    job_ids = list(dict.fromkeys(query.getall("jobId", [])))
    if not 1 <= len(job_ids) <= MAX_JOBS:
        raise RequestError(f"name 1 to {MAX_JOBS} jobs, each as jobId=…")
    return [check_id("jobId", job_id) for job_id in job_ids]
