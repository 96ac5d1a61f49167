"""Health: GET /healthz (this loop turns) and /readyz (what it needs is there)."""

import asyncio
from collections.abc import Awaitable

from aiohttp import web
from msgspec import Struct

from wavemill_common.connections import REDIS_ERRORS
from wavemill_common.errors import AppError
from wavemill_common.settings import Settings
from wavemill_gateway.keys import OBJECTS, QUEUE, RECORDS, REGISTRY, SETTINGS, STOPPING
from wavemill_gateway.replies import json_reply

routes = web.RouteTableDef()

OK = "ok"
CHECK_TIMEOUT = 2.0  # seconds


class Readiness(Struct, frozen=True):
    """What /readyz says: `ready`, `degraded` or `unavailable`, and why."""

    status: str
    checks: dict[str, str]


@routes.get("/healthz")
async def healthz(_: web.Request) -> web.Response:
    """Answer at all."""
    return json_reply({"status": OK})


@routes.get("/readyz")
async def readyz(request: web.Request) -> web.Response:
    """Check every dependency; 503 where requests could not be served."""
    app = request.app
    jobs, objects, redis, converters = await asyncio.gather(
        _check(app[RECORDS].check()),
        _check(app[OBJECTS].check()),
        _check(app[QUEUE].check(), redis_advice(app[SETTINGS])),
        _converters(request),
    )
    checks = {"jobStore": jobs, "objectStore": objects, "redis": redis, "converters": converters}
    if app[STOPPING].is_set():
        checks["gateway"] = "stopping"
    status = judge(checks)
    return json_reply(Readiness(status, checks), 503 if status == "unavailable" else 200)


def judge(checks: dict[str, str]) -> str:
    """Weigh the checks: without stores or ffmpeg nothing works, without Redis much does."""
    needed = ("jobStore", "objectStore", "gateway")
    if any(checks.get(name, OK) != OK for name in needed) or checks["converters"] == NO_FFMPEG:
        return "unavailable"
    return "ready" if all(value == OK for value in checks.values()) else "degraded"


NO_FFMPEG = "ffmpeg is missing"


def redis_advice(settings: Settings) -> str:
    """What to look at where Redis does not answer: one side may wait for TLS in vain. Pure."""
    if settings.redis_server.startswith("rediss://"):
        return "; check that it runs and speaks TLS (without: REDIS_TLS=0 or redis://)"
    return "; check that it runs and asks for no TLS (with: REDIS_TLS=1 or rediss://)"


async def _check(call: Awaitable[None], advice: str = "") -> str:
    try:
        async with asyncio.timeout(CHECK_TIMEOUT):
            await call
    except TimeoutError:
        return f"no answer in {CHECK_TIMEOUT:.0f} s{advice}"
    except AppError as error:
        return error.message
    except REDIS_ERRORS as error:
        return f"{type(error).__name__}: {error}{advice}"
    return OK


async def _converters(request: web.Request) -> str:
    try:
        alive = await request.app[REGISTRY].alive()
    except REDIS_ERRORS:
        return "unknown while Redis is down"
    if not alive:
        return "none is up yet"
    return OK if any(status.ffmpeg_version for status in alive) else NO_FFMPEG
