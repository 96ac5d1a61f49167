"""Traces of the gateway: a span for each request, and one for each job that it sends."""

from collections.abc import Awaitable, Callable
from functools import wraps
from typing import Any, ParamSpec

from aiohttp import web

from wavemill_common.jobs import Job
from wavemill_common.tracing import is_on, span
from wavemill_gateway.measuring import route_of
from wavemill_gateway.problems import Handler

P = ParamSpec("P")

QUIET = frozenset({"/healthz", "/readyz", "/metrics"})  # asked every few seconds
SENDING = {
    "messaging.system": "redis",
    "messaging.destination.name": "jobs",
    "messaging.operation.name": "send",
    "messaging.operation.type": "send",
}


def spans() -> list[Any]:
    """The middleware that records requests; none where nothing is traced."""
    return [traced] if is_on() else []


@web.middleware
async def traced(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Record a request, as a part of the trace that its caller may be in."""
    route = route_of(request)
    if route in QUIET:
        return await handler(request)
    about = {"http.request.method": request.method, "http.route": route}
    with span(
        f"{request.method} {route}", "server", parent=request.headers, attributes=about
    ) as made:
        response = await handler(request)
        if made is not None:
            made.set_attribute("http.response.status_code", response.status)
        return response


def sending(submit: Callable[P, Awaitable[Job]]) -> Callable[P, Awaitable[Job]]:
    """Record the acceptance of a job: its converter's span will be linked to this one."""

    @wraps(submit)
    async def recorded(*args: P.args, **kwargs: P.kwargs) -> Job:
        with span("send jobs", "producer", attributes=SENDING) as made:
            job = await submit(*args, **kwargs)
            if made is not None:
                made.set_attribute("messaging.message.id", job.job_id)
            return job

    return recorded
