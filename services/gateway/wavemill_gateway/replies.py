"""Replies: JSON from domain values, and the parsing of small JSON bodies."""

from typing import TypeVar

import msgspec
import orjson
from aiohttp import web

from wavemill_common.errors import InvalidJson, RequestError
from wavemill_gateway.bodies import read_small_body

T = TypeVar("T")

NO_CACHE = {"Cache-Control": "no-cache, no-store, must-revalidate", "Pragma": "no-cache"}


def json_reply(
    value: object, status: int = 200, headers: dict[str, str] | None = None
) -> web.Response:
    """Write a value as JSON."""
    return web.Response(
        status=status,
        body=orjson.dumps(msgspec.to_builtins(value)),
        content_type="application/json",
        headers=NO_CACHE if headers is None else headers,
    )


async def read_json(request: web.Request, into: type[T]) -> T:
    """Read a small JSON body as `into`.

    Raises:
        InvalidJson: the body is no JSON.
        RequestError: it is JSON, but not of the right form; the message says where.
    """
    body = await read_small_body(request)
    try:
        value = orjson.loads(body)
    except orjson.JSONDecodeError as error:
        raise InvalidJson(f"the body must be JSON: {error}") from None
    try:
        return msgspec.convert(value, type=into)
    except msgspec.ValidationError as error:
        raise RequestError(f"the body does not fit: {error}") from None
