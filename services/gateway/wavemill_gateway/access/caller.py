"""Caller: whom a request comes from; ownership, quotas and rates count by it."""

from aiohttp import web
from msgspec import Struct

from wavemill_gateway.access.network import network_of
from wavemill_gateway.access.proxies import address_of
from wavemill_gateway.problems import Handler

_CALLER: web.RequestKey["Caller"] = web.RequestKey("caller")


class Caller(Struct, frozen=True, kw_only=True):
    """Whom a request comes from: an API key, else a network (an IPv4 address or an IPv6 /64)."""

    network: str
    key_id: str | None = None

    @property
    def account(self) -> str:
        """What the caller's uploads, jobs and requests are counted under."""
        return f"net:{self.network}" if self.key_id is None else f"key:{self.key_id}"


@web.middleware
async def identify(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Find out who calls, before anything else is done for them."""
    request[_CALLER] = Caller(network=network_of(address_of(request)))
    return await handler(request)


def caller_of(request: web.Request) -> Caller:
    """Whom a request comes from."""
    return request[_CALLER]
