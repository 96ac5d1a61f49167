"""Finishing: what changes state is carried to its end, even if the client leaves half-way.

With `handler_cancellation` on, aiohttp cancels a handler when its client disconnects. That frees
abandoned event streams, but would cut a POST between two writes that belong together.
"""

import asyncio
from typing import Any

import structlog
from aiohttp import web

from wavemill_gateway.problems import Handler

log = structlog.get_logger(__name__)


class Unfinished(set[asyncio.Task[Any]]):
    """What changes state and is under way."""


UNFINISHED = web.AppKey("unfinished", Unfinished)
FINISH_TIMEOUT = 2.0  # seconds
SAFE_METHODS = frozenset({"GET", "HEAD", "OPTIONS"})


@web.middleware
async def finishing(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Run a state-changing handler as a task of the app's, and wait for it behind a shield."""
    if request.method in SAFE_METHODS:
        return await handler(request)
    tasks = request.app[UNFINISHED]
    task = asyncio.ensure_future(_as_coroutine(handler, request))
    tasks.add(task)
    task.add_done_callback(tasks.discard)
    task.add_done_callback(_retrieve)
    return await asyncio.shield(task)


async def finish_all(app: web.Application) -> None:
    """Wait for what is being carried to its end; who still sends after a while is cut off."""
    tasks = app[UNFINISHED].copy()
    if tasks:
        _, late = await asyncio.wait(tasks, timeout=FINISH_TIMEOUT)
        for task in late:
            task.cancel()
        await asyncio.gather(*late, return_exceptions=True)


async def _as_coroutine(handler: Handler, request: web.Request) -> web.StreamResponse:
    return await handler(request)


def _retrieve(task: "asyncio.Task[web.StreamResponse]") -> None:
    """Look at a failure that perhaps nobody waits for any more."""
    if not task.cancelled():
        task.exception()
