"""Metrics: GET /metrics, and whom it tells them.

The port is open to the world, so the numbers are not: they are for who has the token
(WAVEMILL_METRICS_TOKEN) or, where none is set, for who asks on this machine itself. Behind
WAVEMILL_HEALTH_PORT, which no stranger reaches, they are for whoever asks.
"""

import hmac
from ipaddress import ip_address

from aiohttp import hdrs, web

from wavemill_common.errors import NotFound, Unauthorized
from wavemill_common.metrics.exposition import metrics_response
from wavemill_gateway.access.gate import bearer
from wavemill_gateway.access.proxies import TRUSTED_PROXIES
from wavemill_gateway.keys import SETTINGS

routes = web.RouteTableDef()

# What says that a request came by way of something else on this machine.
_PASSED_ON = ("Forwarded", "X-Forwarded-For", "X-Forwarded-Host", "X-Real-IP", "Via")


@routes.get("/metrics")
async def show_metrics(request: web.Request) -> web.Response:
    """Tell the numbers to whom they are for."""
    check_reader(request)
    return metrics_response(request.headers)


def check_reader(request: web.Request) -> None:
    """Return if the numbers are for whom a request comes from.

    Raises:
        Unauthorized: a token is set, and this is not it.
        NotFound: none is set, and the request comes from elsewhere.
    """
    token = request.app[SETTINGS].metrics_token
    if token:
        shown = bearer(request.headers.get(hdrs.AUTHORIZATION, "")) or ""
        if not hmac.compare_digest(shown.encode(), token.encode()):
            raise Unauthorized("this needs the token that is set as WAVEMILL_METRICS_TOKEN")
    elif request.app[TRUSTED_PROXIES] or not is_local(request):
        raise NotFound("there is no /metrics here")


def is_local(request: web.Request) -> bool:
    """Whether a request was made on this machine, and not passed on by a proxy on it.

    A page of a site that calls itself by our address is refused by its name.
    """
    passed_on = any(name in request.headers for name in _PASSED_ON)
    return not passed_on and _is_loopback(request.remote) and _is_loopback(request.url.host)


def _is_loopback(host: str | None) -> bool:
    if host == "localhost":
        return True
    try:
        return ip_address(host or "").is_loopback
    except ValueError:
        return False
