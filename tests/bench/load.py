"""Load: many keep-alive connections that ask again as soon as they were answered.

A program of its own, so that it has a core of its own; it prints one line of JSON.

    python -m bench.load URL CONNECTIONS SECONDS PATH...

Connection n asks for path n, n + CONNECTIONS, … in turn. Nothing is parsed that need not be: what
the load costs must not hide what the server does.
"""

import asyncio
import json
import subprocess
import sys
import time
from collections.abc import Sequence
from urllib.parse import urlsplit

from msgspec import Struct
from msgspec import json as codec

from bench.services import LOAD_CORE
from bench.usage import pin

_LENGTH = b"content-length: "


class Served(Struct, frozen=True):
    """What came of it: answers in a time, and how long they took, in seconds."""

    answers: int
    seconds: float
    p50: float
    p99: float

    @property
    def rate(self) -> float:
        """Answers per second."""
        return self.answers / self.seconds

    def __str__(self) -> str:
        return f"{self.rate:7.0f}/s, p50 {self.p50 * 1e3:6.2f} ms, p99 {self.p99 * 1e3:6.2f} ms"


def loaded(url: str, connections: int, seconds: float, paths: Sequence[str]) -> Served:
    """Run this program on a core of its own."""
    argv = [sys.executable, "-m", "bench.load", url, str(connections), str(seconds), *paths]
    done = subprocess.run(argv, check=True, capture_output=True)
    return codec.decode(done.stdout, type=Served)


class _Client(asyncio.Protocol):
    """One connection."""

    def __init__(self, requests: Sequence[bytes], times: list[float], ends: float) -> None:
        self._requests = requests
        self._times = times
        self._ends = ends
        self._next = 0
        self._data = b""
        self._missing = -1
        self.over: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport
        self._ask()

    def data_received(self, data: bytes) -> None:
        self._data += data
        head, found, _ = self._data.partition(b"\r\n\r\n")
        if not found:
            return
        start = head.lower().index(_LENGTH) + len(_LENGTH)
        length = int(head[start:].split(b"\r\n", 1)[0])
        if len(self._data) < len(head) + 4 + length:
            return
        assert head.startswith(b"HTTP/1.1 200"), self._data
        now = time.perf_counter()
        self._times.append(now - self._began)
        if now < self._ends:
            self._ask()
        else:
            self._transport.close()

    def connection_lost(self, exc: Exception | None) -> None:
        if exc is None and time.perf_counter() >= self._ends:
            self.over.set_result(None)
        else:
            self.over.set_exception(exc or ConnectionError("the server has hung up"))

    def _ask(self) -> None:
        self._data = b""
        self._began = time.perf_counter()
        self._transport.write(self._requests[self._next])
        self._next = (self._next + 1) % len(self._requests)


async def _load(url: str, connections: int, seconds: float, paths: Sequence[str]) -> Served:
    parts, times = urlsplit(url), list[float]()
    loop, began = asyncio.get_running_loop(), time.perf_counter()
    clients = []
    for number in range(connections):
        mine = paths[number % len(paths) :: connections] or [paths[number % len(paths)]]
        requests = [f"GET {one} HTTP/1.1\r\nHost: {parts.netloc}\r\n\r\n".encode() for one in mine]
        _, client = await loop.create_connection(
            lambda requests=requests: _Client(requests, times, began + seconds),  # type: ignore[misc]
            parts.hostname or "",
            parts.port or 0,
        )
        clients.append(client)
    await asyncio.gather(*(client.over for client in clients))
    took = time.perf_counter() - began
    times.sort()
    return Served(len(times), took, times[len(times) // 2], times[len(times) * 99 // 100])


def main() -> None:
    """Load a server, as the command line says."""
    pin(0, LOAD_CORE)
    url, connections, seconds, *paths = sys.argv[1:]
    served = asyncio.run(_load(url, int(connections), float(seconds), paths))
    print(json.dumps(codec.decode(codec.encode(served))))


if __name__ == "__main__":
    main()
