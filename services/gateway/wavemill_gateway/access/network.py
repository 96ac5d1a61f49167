"""Network: what one visitor may be taken to hold of the address space. Pure."""

from functools import lru_cache
from ipaddress import IPv6Address, ip_address, ip_network

_HOUSEHOLD = 64  # bits: a household gets a /64 at least, and may call from any address in it


@lru_cache(maxsize=4096)  # every request asks
def network_of(address: str | None) -> str:
    """Turn a client's address into what is counted: `203.0.113.7`, `2001:db8::/64`."""
    if address is None:
        return "unknown"
    try:
        found = ip_address(address)
    except ValueError:
        return "unknown"
    if not isinstance(found, IPv6Address):
        return str(found)
    if found.ipv4_mapped is not None:
        return str(found.ipv4_mapped)
    return str(ip_network((found, _HOUSEHOLD), strict=False))
