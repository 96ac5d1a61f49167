"""Limiting: requests are counted before anything is done for them; failed keys are, too."""

from http import HTTPStatus

from aiohttp import web

from wavemill_common.errors import AppError, RateLimited
from wavemill_gateway.access.caller import SECRET, Caller, caller_of, owner_of
from wavemill_gateway.access.network import network_of
from wavemill_gateway.access.proxies import address_of
from wavemill_gateway.access.rates import Rates
from wavemill_gateway.problems import Handler

RATES = web.AppKey("rates", Rates)
COUNTED = ("/api/", "/s3/")  # not health, not the page
JOB_COST = 5  # requests that the start of a job counts for: it takes a converter's time
FAILURE_COST = 5  # requests that a wrong key counts for
_STARTS = ("/api/convert", "/api/convert-audio")


@web.middleware
async def count_failures(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Count wrong keys by network, whatever keys they are: who guesses is told to wait."""
    try:
        return await handler(request)
    except AppError as error:
        if error.status == HTTPStatus.UNAUTHORIZED:
            caller = Caller(network=network_of(address_of(request)))
            await _count(request, caller.owner(request.app[SECRET]), FAILURE_COST)
        raise


@web.middleware
async def limited(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Count a request by its caller.

    Raises:
        RateLimited: there were too many.
    """
    if request.path.startswith(COUNTED):
        cost, own = cost_of(request.method, request.path), caller_of(request).rate_limit
        await _count(request, owner_of(request), cost, own)
    return await handler(request)


def cost_of(method: str, path: str) -> int:
    """How many plain requests a request counts for."""
    starts = method == "POST" and (path in _STARTS or path.endswith("/retry"))
    return JOB_COST if starts else 1


async def _count(request: web.Request, owner: str, cost: int, own: str | None = None) -> None:
    wait = await request.app[RATES].take(owner, cost, own)
    if wait is not None:
        raise RateLimited("too many requests; wait a little, then go on slower", retry_after=wait)
