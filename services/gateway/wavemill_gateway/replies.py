"""Replies: JSON from domain values, and the parsing of small JSON bodies."""

from typing import Any, TypeVar

import msgspec
import orjson
from aiohttp import web

from wavemill_common.errors import InvalidJson, RequestError
from wavemill_gateway.bodies import SMALL_BODY_BYTES, read_object_body

T = TypeVar("T")

NO_CACHE = {"Cache-Control": "no-cache, no-store, must-revalidate", "Pragma": "no-cache"}

# For what holds a presigned URL: whoever has it may use it.
SECRET = {"Cache-Control": "no-store", "Referrer-Policy": "no-referrer"}


def is_known(request: web.Request, etag: str) -> bool:
    """Whether If-None-Match names this entity tag, compared weakly (RFC 9110, 13.1.2)."""
    known = request.if_none_match
    return known is not None and any(one.value in (etag[1:-1], "*") for one in known)


def json_reply(
    value: object, status: int = 200, headers: dict[str, str] | None = None
) -> web.Response:
    """Write a value as JSON."""
    return web.Response(
        status=status,
        body=msgspec.json.encode(value),
        content_type="application/json",
        headers=NO_CACHE if headers is None else headers,
    )


async def read_json(request: web.Request, into: type[T]) -> T:
    """Read a small JSON body as `into`.

    Raises:
        InvalidJson: the body is no JSON object.
        RequestError: it is one, but not of the right form; the message says where.
    """
    return fit(await read_object(request), into)


async def read_object(request: web.Request, limit: int = SMALL_BODY_BYTES) -> dict[str, Any]:
    """Read a JSON body of at most `limit` bytes.

    Raises:
        InvalidJson: the body is no JSON object.
    """
    return parse_object(await read_object_body(request, limit))


def parse_object(body: bytes) -> dict[str, Any]:
    """Read a JSON object.

    Raises:
        InvalidJson: it is none.
    """
    try:
        value = orjson.loads(body)
    except orjson.JSONDecodeError as error:
        raise InvalidJson(f"the body must be JSON: {error}") from None
    if not isinstance(value, dict):
        raise InvalidJson("this must be a JSON object")
    return value


def fit(value: dict[str, Any], into: type[T]) -> T:
    """Make `into` of a JSON object.

    Raises:
        RequestError: it is not of the right form; the message says where.
    """
    try:
        return msgspec.convert(value, type=into)
    except msgspec.ValidationError as error:
        raise RequestError(f"the body does not fit: {error}") from None
