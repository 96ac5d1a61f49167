"""Problems: every error leaves as application/problem+json (RFC 9457), made in this one place."""

import asyncio
import math
from collections.abc import Awaitable, Callable
from http import HTTPStatus
from http.client import responses

import orjson
import structlog
from aiohttp import web

from wavemill_common.errors import (
    AppError,
    RangeNotSatisfiable,
    TooBusy,
    Unauthorized,
    UnsupportedMediaType,
)
from wavemill_gateway.request_ids import new_request_id

log = structlog.get_logger(__name__)

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]

REQUEST_ID = web.RequestKey("request_id", str)
SERVER_ERRORS = 500
PHRASES = {**responses, 460: "Checksum Mismatch"}  # the last is of tus
_FRAMEWORK_MESSAGES = {
    HTTPStatus.NOT_FOUND: "there is no {path} here",
    HTTPStatus.METHOD_NOT_ALLOWED: "{method} cannot be done on {path}; use {allowed}",
}


@web.middleware
async def problems(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Turn what a handler raises into a problem body; name every request."""
    request_id = new_request_id()
    request[REQUEST_ID] = request_id
    try:
        _refuse_encoded_bodies(request)
        response = await handler(request)
    except AppError as error:
        _check_unanswered(request, error)
        if error.status >= SERVER_ERRORS and not isinstance(error, TooBusy):
            log.warning("request_failed", code=error.code, reason=error.message, id=request_id)
        response = problem_of(error, request_id)
    except web.HTTPException as error:
        response = _http_problem(error, request)
    except (ConnectionResetError, asyncio.CancelledError):
        raise  # the client has left: nobody is there to be answered
    except Exception as error:
        log.exception("request_crashed", id=request_id, path=request.path)
        _check_unanswered(request, error)
        response = problem_of(AppError("something went wrong on our side"), request_id)
    if not response.prepared:
        response.headers["X-Request-Id"] = request_id
    return response


def _check_unanswered(request: web.Request, error: Exception) -> None:
    """Cut off an answer that failed half-way: a problem in its midst would pass for its bytes.

    Raises:
        ConnectionResetError: something was sent already.
    """
    if request.writer.output_size > 0:
        log.warning("answer_cut", reason=repr(error), id=request[REQUEST_ID])
        if request.transport is not None:
            request.transport.abort()
        raise ConnectionResetError from error


def problem_of(error: AppError, request_id: str) -> web.Response:
    """Write an expected failure as a problem."""
    members = dict(error.members)
    headers = {}
    if error.retry_after is not None:
        seconds = math.ceil(error.retry_after)
        members["retryAfter"] = seconds
        headers["Retry-After"] = str(seconds)
    if isinstance(error, RangeNotSatisfiable):
        headers["Content-Range"] = f"bytes */{members['size']}"
    if isinstance(error, Unauthorized):
        headers["WWW-Authenticate"] = "Bearer"
    return _problem(error.status, error.code, error.message, request_id, members, headers)


def _http_problem(error: web.HTTPException, request: web.Request) -> web.Response:
    """The framework's own answers (no such path, method not allowed, …) speak the same language."""
    status = HTTPStatus(error.status)
    code = status.phrase.lower().replace(" ", "_").replace("-", "_")
    kept = {name: error.headers[name] for name in ("Allow", "Location") if name in error.headers}
    message = error.text or status.phrase
    if status in _FRAMEWORK_MESSAGES:
        message = _FRAMEWORK_MESSAGES[status].format(
            method=request.method, path=request.path[:100], allowed=kept.get("Allow")
        )
    return _problem(error.status, code, message, request[REQUEST_ID], {}, kept)


def _problem(
    status: int,
    code: str,
    message: str,
    request_id: str,
    members: dict[str, object],
    headers: dict[str, str],
) -> web.Response:
    body = {
        "type": "about:blank",
        "title": PHRASES[status],
        "status": status,
        "detail": message,
        "code": code,
        "error": message,
        "requestId": request_id,
        **members,
    }
    return web.Response(
        status=status,
        body=orjson.dumps(body, default=str),
        content_type="application/problem+json",
        headers={"Cache-Control": "no-store", **headers},
    )


def _refuse_encoded_bodies(request: web.Request) -> None:
    """A compressed body is a bomb in disguise, and no client of ours sends one."""
    encoding = request.headers.get("Content-Encoding", "identity")
    if encoding.lower() != "identity":
        raise UnsupportedMediaType(
            f"a body with Content-Encoding {encoding[:20]!r} is not taken; send it as it is"
        )
