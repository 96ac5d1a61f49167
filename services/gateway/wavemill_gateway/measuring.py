"""Measuring: what is counted of each request, of connections and of streams."""

import asyncio
import time
from functools import cache
from http import HTTPStatus

from aiohttp import hdrs, web
from prometheus_client import Counter, Gauge, Histogram

from wavemill_gateway.problems import Handler

UNMATCHED, OTHER = "unmatched", "OTHER"
CLIENT_LEFT = 499  # no status was sent: as proxies write it

REQUESTS = Counter(
    "wavemill_http_requests_total", "Requests answered", ["method", "route", "status"]
)
DURATION = Histogram(
    "wavemill_http_request_duration_seconds",
    "Until a handler has answered; of an event stream: all of it",
    ["method", "route"],
    buckets=(0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 10, 30, 120),
)
RECEIVED = Counter(
    "wavemill_http_request_body_bytes_total",
    "Bytes of request bodies: on the routes that take files, uploads",
    ["route"],
)
STREAMS_OPEN = Gauge("wavemill_sse_connections", "Event streams that are open")
CONNECTIONS = Gauge("wavemill_http_connections", "Connections that are open")
REFUSED = Counter("wavemill_http_connections_refused_total", "Connections that were one too many")


@web.middleware
async def measured(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Count a request, however it ends."""
    began, status = time.perf_counter(), HTTPStatus.INTERNAL_SERVER_ERROR.value
    try:
        response = await handler(request)
        status = response.status
    except (ConnectionResetError, asyncio.CancelledError):
        status = CLIENT_LEFT
        raise
    finally:
        method = request.method if request.method in hdrs.METH_ALL else OTHER
        route = route_of(request)
        requests, duration = _series(method, route, status)
        requests.inc()
        duration.observe(time.perf_counter() - began)
        if received := request.content.total_bytes:
            RECEIVED.labels(route).inc(received)
    return response


def route_of(request: web.Request) -> str:
    """The template of the route, such as `/api/jobs/{jobId}`: never what fills it."""
    resource = request.match_info.route.resource
    return UNMATCHED if resource is None else resource.canonical


@cache  # routes, methods and statuses are few
def _series(method: str, route: str, status: int) -> tuple[Counter, Histogram]:
    return REQUESTS.labels(method, route, status), DURATION.labels(method, route)
