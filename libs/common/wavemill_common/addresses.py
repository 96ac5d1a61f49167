"""Addresses: where a webhook may go. Not into our own network, whatever the name resolves to."""

import socket
from ipaddress import ip_address
from urllib.parse import urlsplit

from aiohttp.abc import AbstractResolver, ResolveResult
from aiohttp.resolver import ThreadedResolver

from wavemill_common.errors import InvalidWebhook

MAX_URL = 2048  # characters
_SCHEMES = frozenset({"http", "https"})


def check_webhook_url(url: str, *, allow_private: bool) -> None:
    """Look at a URL without resolving it; `PublicResolver` looks at what it resolves to.

    Raises:
        InvalidWebhook: it is no http(s) URL, holds credentials, or names a private address.
    """
    try:
        parts = urlsplit(url)
        host, _ = parts.hostname, parts.port
    except ValueError:
        host, parts = None, None
    if parts is None or not host or parts.scheme not in _SCHEMES or len(url) > MAX_URL:
        raise InvalidWebhook(f"webhookUrl must be an http(s) URL of at most {MAX_URL} characters")
    if parts.username or parts.password:
        raise InvalidWebhook("webhookUrl must not hold a user name or password")
    if not allow_private and is_private(host):
        raise InvalidWebhook("webhookUrl must lead to a public address")


def is_private(host: str) -> bool:
    """Whether a literal address is none of the public internet; a name is not judged here."""
    try:
        address = ip_address(host.split("%", maxsplit=1)[0])
    except ValueError:
        return host == "localhost" or host.endswith((".localhost", ".local", ".internal"))
    mapped = getattr(address, "ipv4_mapped", None)
    judged = mapped or address
    return not judged.is_global or judged.is_multicast


class PublicResolver(AbstractResolver):
    """Resolves names, and refuses those of which any address is private.

    The addresses that were judged are those that are connected to: a name cannot answer one
    thing to the check and another to the connection.
    """

    def __init__(self, *, allow_private: bool) -> None:
        self._resolver = ThreadedResolver()
        self._allow_private = allow_private

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_INET
    ) -> list[ResolveResult]:
        """Resolve a name.

        Raises:
            InvalidWebhook: it leads to a private address.
        """
        found = await self._resolver.resolve(host, port, family)
        if not self._allow_private and any(is_private(one["host"]) for one in found):
            raise InvalidWebhook("webhookUrl must lead to a public address")
        return found

    async def close(self) -> None:
        """Hold nothing."""
        await self._resolver.close()
