"""Owner: under what name a caller's uploads and jobs are kept, and its requests are counted."""

import hashlib
import hmac
from functools import lru_cache

from wavemill_gateway.access.caller import Caller

_DIGITS = 32  # hexadecimal: 128 bits


def owner_of(caller: Caller, secret: bytes) -> str:
    """Name a caller for the records: `key:ID`, or `net:` and a digest that tells no address."""
    if caller.key_id is not None:
        return f"key:{caller.key_id}"
    return _digest(caller.network, secret)


@lru_cache(maxsize=4096)
def _digest(network: str, secret: bytes) -> str:
    digest = hmac.new(secret, f"network:{network}".encode(), hashlib.sha256).hexdigest()
    return f"net:{digest[:_DIGITS]}"
