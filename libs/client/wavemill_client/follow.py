"""Follow: a job's states, by Server-Sent Events; by long polling where these do not get through.

A stream that breaks is taken up where it broke (Last-Event-ID), and no state is told twice.
"""

import asyncio
from collections.abc import AsyncGenerator
from contextlib import AsyncExitStack, aclosing
from functools import partial
from http import HTTPStatus

import msgspec

from wavemill_client.errors import JobFailed, NotFound, ServerUnreachable, WavemillError
from wavemill_client.retry import Patience, Retry, retried
from wavemill_client.sse import Event, EventParser
from wavemill_client.steps import OnProgress, Step
from wavemill_client.transport import Transport, query, read_all
from wavemill_client.values import Progress

STREAM_TRIES = 4  # streams in a row that break at once; then it is polled
LIVELY = 5.0  # seconds after which a stream counts as having worked
FIRST_WORD = 5.0  # seconds; a server says something at once, unless a proxy holds it back
WAIT = 25  # seconds that a poll is held; proxies cut what takes much longer


class HeldBack(ServerUnreachable):
    """A proxy keeps the events until it has many or all: another stream would not help."""


async def follow(transport: Transport, job_id: str) -> AsyncGenerator[Progress, None]:
    """Tell a job's state, then each new one, until it has ended.

    Raises:
        NotFound, Expired: there is no such job, or not any more.
    """
    seen = -1
    for source in (_streams, _polls):
        async with aclosing(source(transport, job_id, seen)) as told:
            async for progress in told:
                if progress.revision <= seen:
                    continue
                seen = progress.revision
                yield progress
                if progress.is_terminal:
                    return


async def _streams(transport: Transport, job_id: str, seen: int) -> AsyncGenerator[Progress, None]:
    """One stream after the other; ends when several in a row broke at once."""
    loop = asyncio.get_running_loop()
    patience = Patience(Retry(tries=STREAM_TRIES))
    while True:
        began = loop.time()
        error: WavemillError = ServerUnreachable("the stream of events has ended")
        try:
            async with aclosing(_stream(transport, job_id, seen)) as told:
                async for progress in told:
                    seen = max(seen, progress.revision)
                    yield progress
        except HeldBack:
            return
        except WavemillError as broken:
            error = broken
        if loop.time() - began > LIVELY:
            patience.refresh()
        try:
            await patience.bear(error)
        except WavemillError:  # a poll will tell whether that is the end of it
            return


async def _stream(transport: Transport, job_id: str, seen: int) -> AsyncGenerator[Progress, None]:
    """One stream of events, to its end."""
    headers = {"Accept": "text/event-stream"}
    if seen >= 0:
        headers["Last-Event-ID"] = f"{job_id}:{seen}"
    parser = EventParser()
    answer = transport.stream("GET", "/api/events", query(jobId=job_id), headers)
    async with AsyncExitStack() as stack:
        try:
            async with asyncio.timeout(FIRST_WORD):
                response = await stack.enter_async_context(answer)
                pieces = response.content.iter_any()
                piece = await anext(pieces, b"")
        except TimeoutError:
            raise HeldBack("events are held back on their way") from None
        if response.status != HTTPStatus.OK or response.content_type != "text/event-stream":
            raise ServerUnreachable("no stream of events came")
        while piece:
            for event in parser.feed(piece):
                yield _read(event)
            piece = await anext(pieces, b"")


def _read(event: Event) -> Progress:
    """Understand an event.

    Raises:
        NotFound: there is no such job.
    """
    try:
        return msgspec.json.decode(event.data, type=Progress)
    except msgspec.MsgspecError:
        pass
    if event.name == "error":
        raise NotFound("there is no such job", status=404, code="job_not_found")
    raise ServerUnreachable("an event came that is none of wavemill's")


async def _polls(transport: Transport, job_id: str, seen: int) -> AsyncGenerator[Progress, None]:
    """Ask again and again; each answer is held until there is news."""
    while True:
        progress = await retried(transport.retry, partial(_poll, transport, job_id, seen))
        if progress is not None:
            seen = progress.revision
            yield progress


async def _poll(transport: Transport, job_id: str, seen: int) -> Progress | None:
    headers = {"If-None-Match": f'"{seen}"'} if seen >= 0 else {}
    params = query(jobId=job_id, wait=WAIT if seen >= 0 else None)
    async with transport.stream("GET", "/api/progress", params, headers) as response:
        if response.status == HTTPStatus.NOT_MODIFIED:
            return None
        return transport.decode(await read_all(response), Progress)


async def until_completed(transport: Transport, job_id: str, tell: OnProgress) -> Progress:
    """Follow a job to its end, telling of each step.

    Raises:
        JobFailed: it failed, or was cancelled.
    """
    async with aclosing(follow(transport, job_id)) as states:
        async for progress in states:
            percent = max(0, progress.progress)
            tell(Step(doing="converting", done=percent, total=100, job=progress))
    if progress.status != "completed":
        raise JobFailed(job_id, progress.error)
    return progress
