"""Door: how many connections are held, from one network and altogether."""

from collections import Counter

import orjson

from wavemill_gateway.access.headers import ALWAYS, SERVER
from wavemill_gateway.request_ids import new_request_id

WAIT = 5  # seconds


class Door:
    """Counts connections, and turns away those that are too many; 0 is any number."""

    def __init__(self, total: int, per_network: int) -> None:
        self._total = total
        self._per_network = per_network
        self._inside: Counter[str] = Counter()
        self._count = 0

    def __len__(self) -> int:
        """How many are inside."""
        return self._count

    def enter(self, network: str) -> bool:
        """Let a connection in, if there is room for it."""
        if self._total and self._count >= self._total:
            return False
        if self._per_network and self._inside[network] >= self._per_network:
            return False
        self._count += 1
        self._inside[network] += 1
        return True

    def leave(self, network: str) -> None:
        """A connection that was let in has ended."""
        self._count -= 1
        self._inside[network] -= 1
        if not self._inside[network]:
            del self._inside[network]


def refusal() -> bytes:
    """What a connection that is one too many is told, whatever it wants: a problem, 503."""
    request_id, message = new_request_id(), "too many connections; close some, or come back later"
    body = orjson.dumps(
        {
            "type": "about:blank",
            "title": "Service Unavailable",
            "status": 503,
            "detail": message,
            "code": "too_busy",
            "error": message,
            "requestId": request_id,
            "retryAfter": WAIT,
        }
    )
    headers = {
        "Server": SERVER,
        "Content-Type": "application/problem+json",
        "Content-Length": str(len(body)),
        "Cache-Control": "no-store",
        "Retry-After": str(WAIT),
        "X-Request-Id": request_id,
        "Connection": "close",
        **ALWAYS,
    }
    lines = "".join(f"{name}: {value}\r\n" for name, value in headers.items())
    return f"HTTP/1.1 503 Service Unavailable\r\n{lines}\r\n".encode() + body
