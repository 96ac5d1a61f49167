"""The port for those who run a service: /healthz (the loop turns), /readyz (it works), /metrics.

The gateway answers on its own port, too, which its users reach. Converters and janitors have no
other port: where something looks after them (WAVEMILL_HEALTH_PORT), they answer here.
"""

import asyncio
import os
import socket
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

from aiohttp import web

from wavemill_common.connections import REDIS_ERRORS, connect
from wavemill_common.metrics.exposition import metrics_response
from wavemill_common.queue.consumer import consumer_name
from wavemill_common.queue.converters import ConverterRegistry
from wavemill_common.settings import Environment, Settings
from wavemill_common.stores import redis_url

OK = "ok"
CHECK_TIMEOUT = 2.0  # seconds
ANYWHERE = "0.0.0.0"  # noqa: S104 - whoever looks is outside the container

Check = Callable[[Settings], Awaitable[str]]  # returns OK, or what is wrong
Look = Callable[[Settings], Awaitable[None]]  # brings up to date what is measured only when asked


@asynccontextmanager
async def serving_health(
    settings: Settings, check: Check | None, stopping: asyncio.Event, look: Look | None = None
) -> AsyncIterator[None]:
    """Answer on the health port for the time of a block; do nothing where none is set."""
    if not settings.health_port:
        yield
        return

    async def readyz(_: web.Request) -> web.Response:
        assert check is not None  # noqa: S101 - else there is no such route
        wrong = "stopping" if stopping.is_set() else await _checked(check, settings)
        status = "ready" if wrong == OK else "unavailable"
        body = {"status": status, "reason": wrong}
        return web.json_response(body, status=200 if wrong == OK else 503)

    async def metrics(request: web.Request) -> web.Response:
        if look is not None:
            await look(settings)
        return metrics_response(request.headers)

    app = web.Application()
    app.router.add_get("/metrics", metrics)
    app.router.add_get("/healthz", _healthz)
    if check is not None:  # the gateway tells on its own port
        app.router.add_get("/readyz", readyz)
    runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.5)
    await runner.setup()
    try:
        await web.TCPSite(runner, _address(settings), settings.health_port).start()
        yield
    finally:
        await runner.cleanup()


def _address(settings: Settings) -> str:
    """On a machine of its owner's: where the gateway listens, no more."""
    return settings.host if settings.env is Environment.EMBEDDED else ANYWHERE


async def _healthz(_: web.Request) -> web.Response:
    return web.json_response({"status": OK})


async def _checked(check: Check, settings: Settings) -> str:
    try:
        async with asyncio.timeout(CHECK_TIMEOUT):
            return await check(settings)
    except TimeoutError:
        return f"no answer in {CHECK_TIMEOUT:.0f} s"
    except REDIS_ERRORS as error:
        return f"Redis: {type(error).__name__}: {error}"


async def redis_answers(settings: Settings) -> str:
    """Work comes by way of Redis: without it there is none."""
    async with connect(redis_url(settings)) as client:
        await client.execute_command("PING")  # type: ignore[no-untyped-call]
    return OK


async def converter_is_announced(settings: Settings) -> str:
    """A converter announces itself when all that it needs is there; ffmpeg may be missing."""
    own = consumer_name(socket.gethostname(), os.getpid(), "")
    async with connect(redis_url(settings)) as client:
        alive = await ConverterRegistry(client).alive()
    mine = [status for status in alive if status.name.startswith(own)]
    if not mine:
        return "not announced in Redis yet"
    return OK if any(status.ffmpeg_version for status in mine) else "ffmpeg is missing"
