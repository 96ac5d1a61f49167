"""Health: GET /healthz (this loop turns) and /readyz (what it needs is there)."""

import asyncio
from collections.abc import Awaitable, Sequence

from aiohttp import web
from msgspec import Struct

from wavemill_common.connections import REDIS_ERRORS
from wavemill_common.errors import AppError
from wavemill_common.queue.converters import ConverterStatus
from wavemill_common.settings import Settings
from wavemill_gateway.access.streams import STREAMS
from wavemill_gateway.keys import DOOR, OBJECTS, QUEUE, RECORDS, REGISTRY, SETTINGS, STOPPING
from wavemill_gateway.replies import json_reply

routes = web.RouteTableDef()

OK = "ok"
NO_FFMPEG = "ffmpeg is missing"
SANDBOX = "sandbox"
CHECK_TIMEOUT = 2.0  # seconds


class Readiness(Struct, frozen=True):
    """What /readyz says: `ready`, `degraded` or `unavailable`, why, and what it holds open."""

    status: str
    checks: dict[str, str]
    load: dict[str, int]


@routes.get("/healthz")
async def healthz(_: web.Request) -> web.Response:
    """Answer at all."""
    return json_reply({"status": OK})


@routes.get("/readyz")
async def readyz(request: web.Request) -> web.Response:
    """Check every dependency; 503 where requests could not be served."""
    app = request.app
    jobs, objects, redis, alive = await asyncio.gather(
        _check(app[RECORDS].check()),
        _check(app[OBJECTS].check()),
        _check(app[QUEUE].check(), redis_advice(app[SETTINGS])),
        _alive(request),
    )
    converters, sandbox = judge_converters(alive), describe_sandbox(alive)
    checks = {"jobStore": jobs, "objectStore": objects, "redis": redis, "converters": converters}
    if sandbox is not None:
        checks[SANDBOX] = sandbox
    if app[STOPPING].is_set():
        checks["gateway"] = "stopping"
    status = judge(checks)
    return json_reply(
        Readiness(status, checks, _load(app)), 503 if status == "unavailable" else 200
    )


def _load(app: web.Application) -> dict[str, int]:
    return {"connections": len(app[DOOR]), "streams": len(app[STREAMS])}


def judge(checks: dict[str, str]) -> str:
    """Weigh the checks: without stores or ffmpeg nothing works, without Redis much does.

    The sandbox is told, not weighed: a converter that must have one does not start without it.
    """
    needed = ("jobStore", "objectStore", "gateway")
    if any(checks.get(name, OK) != OK for name in needed) or checks["converters"] == NO_FFMPEG:
        return "unavailable"
    return (
        "ready"
        if all(value == OK for name, value in checks.items() if name != SANDBOX)
        else "degraded"
    )


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


async def _alive(request: web.Request) -> Sequence[ConverterStatus] | None:
    try:
        return await request.app[REGISTRY].alive()
    except REDIS_ERRORS:
        return None


def judge_converters(alive: Sequence[ConverterStatus] | None) -> str:
    """Say whether any converter can work; None stands for not known."""
    if alive is None:
        return "unknown while Redis is down"
    if not alive:
        return "none is up yet"
    return OK if any(status.ffmpeg_version for status in alive) else NO_FFMPEG


def describe_sandbox(alive: Sequence[ConverterStatus] | None) -> str | None:
    """Name what contains ffmpeg in every converter that has one; None if there is none to ask."""
    working = [status for status in alive or () if status.ffmpeg_version]
    if not working:
        return None
    everywhere = [
        layer for layer in working[0].sandbox if all(layer in one.sandbox for one in working)
    ]
    return ", ".join(everywhere) or "none"
