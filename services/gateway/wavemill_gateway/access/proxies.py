"""Proxies: whom a request comes from when some proxies stand between. Mostly pure.

Every proxy appends the address that it was called from to X-Forwarded-For, so the entries that our
own proxies wrote stand on the right; whatever stands further left, anybody may have written.
"""

from collections.abc import Sequence
from ipaddress import ip_address

from aiohttp import web

TRUSTED_PROXIES = web.AppKey("trusted_proxies", int)  # how many stand in front


def address_of(request: web.Request) -> str | None:
    """The address of the client that sent a request."""
    forwarded = request.headers.getall("X-Forwarded-For", ())
    return client_address(request.remote, forwarded, request.app[TRUSTED_PROXIES])


def is_secure(request: web.Request) -> bool:
    """Whether the client speaks TLS, as far as we or a proxy of ours can tell."""
    if request.secure:
        return True
    if request.app[TRUSTED_PROXIES] == 0:
        return False
    return "https" in hops(request.headers.getall("X-Forwarded-Proto", ()))


def client_address(peer: str | None, forwarded: Sequence[str], proxies: int) -> str | None:
    """The address that the outermost of our `proxies` saw; the peer's where that is no address."""
    if proxies == 0:
        return peer
    entries = hops(forwarded)
    if len(entries) < proxies:
        return peer
    return _bare(entries[-proxies]) or peer


def hops(lines: Sequence[str]) -> list[str]:
    """The entries of a header that several proxies have written to, in lines or with commas."""
    return [entry.strip() for line in lines for entry in line.split(",")]


def _bare(entry: str) -> str | None:
    """An address without the brackets and the port that some proxies write; None if it is none."""
    host, colon, port = entry.rpartition(":")
    without_port = host if colon and port.isdigit() and (":" not in host or "]" in host) else entry
    if without_port.startswith("[") and without_port.endswith("]"):
        without_port = without_port[1:-1]
    try:
        return str(ip_address(without_port))
    except ValueError:
        return None
