"""Caller: whom a request comes from; ownership, quotas and rates count by it."""

import hmac
from functools import lru_cache

from aiohttp import web
from msgspec import Struct

from wavemill_gateway.access.gate import GATE
from wavemill_gateway.access.network import network_of
from wavemill_gateway.access.proxies import address_of
from wavemill_gateway.problems import Handler

OF_KEY, OF_NETWORK = "key:", "net:"  # what accounts and owners begin with
_CALLER: web.RequestKey["Caller"] = web.RequestKey("caller")


class Caller(Struct, frozen=True, kw_only=True):
    """Whom a request comes from: an API key, else a network (an IPv4 address or an IPv6 /64).

    `rate_limit` and `max_open_uploads` are the key's own limits; None: the server's hold.
    `granted` are the jobs that tokens of links open to it: it may use no other then.
    """

    network: str
    key_id: str | None = None
    rate_limit: str | None = None
    max_open_uploads: int | None = None
    granted: frozenset[str] = frozenset()

    @property
    def account(self) -> str:
        """What the caller's uploads, jobs and requests are counted under."""
        return f"{OF_NETWORK}{self.network}" if self.key_id is None else f"{OF_KEY}{self.key_id}"

    def owner(self, secret: bytes) -> str:
        """What records say of whose they are: no address, but what only we can make of one."""
        if self.key_id is not None:
            return self.account
        return _disguised(self.account, secret)


@lru_cache(maxsize=4096)  # every request asks
def _disguised(account: str, secret: bytes) -> str:
    mac = hmac.digest(secret, f"wavemill owner\n{account}".encode(), "sha256")
    return f"{OF_NETWORK}{mac.hex()[:32]}"


ANYONE = Caller(network="unknown")  # of whom nothing is known: may use what has no key

SECRET = web.AppKey("secret", bytes)  # the server's own


@web.middleware
async def identify(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Find out who calls, before anything else is done for them."""
    network = network_of(address_of(request))
    request[_CALLER] = Caller(network=network)  # for whoever counts those who are refused
    admission = await request.app[GATE].admit(request)
    key = admission.key
    request[_CALLER] = Caller(
        network=network,
        key_id=key.key_id if key else None,
        rate_limit=key.rate_limit if key else None,
        max_open_uploads=key.max_open_uploads if key else None,
        granted=admission.granted,
    )
    return await handler(request)


def caller_of(request: web.Request) -> Caller:
    """Whom a request comes from."""
    return request[_CALLER]


def owner_of(request: web.Request) -> str:
    """Whose shall be what a request makes."""
    return caller_of(request).owner(request.app[SECRET])


class Opener(Struct, frozen=True):
    """Who opens an upload, and how many that one may have under way; None: as all others."""

    owner: str = ""
    most: int | None = None


NOBODY = Opener()


def opener_of(request: web.Request) -> Opener:
    """Who opens the upload that a request begins."""
    return Opener(owner_of(request), caller_of(request).max_open_uploads)
