"""Connections as rude clients make them: byte by byte, many at once, never read."""

import asyncio
import json
import resource
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from typing import Self

import pytest
from multidict import CIMultiDict

from support.problems import Reply

TIMEOUT = 60.0  # seconds
SPARE_FILES = 500  # that a process needs besides its connections


class Rude:
    """One connection."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader = reader
        self.writer = writer

    @classmethod
    async def connect(cls, port: int) -> "Rude":
        """Connect to a gateway of this machine."""
        return cls(*await asyncio.open_connection("127.0.0.1", port))

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()

    async def trickle(self, sent: bytes, every: float = 1.0) -> None:
        """Send a byte now and then until all is sent, or the other side has had enough."""
        with suppress(ConnectionError):
            for place in range(len(sent)):
                self.writer.write(sent[place : place + 1])
                await self.writer.drain()
                await asyncio.sleep(every)

    async def reply(self) -> Reply:
        """Read one reply that has a length."""
        async with asyncio.timeout(TIMEOUT):
            head = (await self.reader.readuntil(b"\r\n\r\n")).decode()
            status, *lines = head.strip().split("\r\n")
            headers: CIMultiDict[str] = CIMultiDict()
            for line in lines:
                headers.add(*line.split(": ", 1))
            body = await self.reader.readexactly(int(headers.get("Content-Length", "0")))
        parsed = json.loads(body) if "json" in headers.get("Content-Type", "") else {}
        return int(status.split()[1]), parsed, headers

    async def get(self, path: str) -> Reply:
        """Ask for something, and read the reply."""
        self.writer.write(f"GET {path} HTTP/1.1\r\nHost: x\r\n\r\n".encode())
        return await self.reply()

    async def ended(self) -> bytes:
        """Read until the other side closes."""
        async with asyncio.timeout(TIMEOUT):
            with suppress(ConnectionError):
                return await self.reader.read()
        return b""

    async def close(self) -> None:
        """Close it."""
        self.writer.close()
        with suppress(ConnectionError):
            await self.writer.wait_closed()


@asynccontextmanager
async def many(
    port: int, count: int, greet: Callable[[Rude], Awaitable[object]] | None = None
) -> AsyncIterator[list[Rude]]:
    """Hold so many connections for the time of a block; `greet` is done on each at once."""
    free = asyncio.Semaphore(50)

    async def one() -> Rude:
        async with free:
            rude = await Rude.connect(port)
            if greet is not None:
                await greet(rude)
            return rude

    connections = await asyncio.gather(*(one() for _ in range(count)))
    try:
        yield list(connections)
    finally:
        for connection in connections:
            connection.writer.transport.abort()


def need_files(count: int) -> None:
    """Let this process, and those it starts from now on, open so many files; or skip."""
    needed = count + SPARE_FILES
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if hard != resource.RLIM_INFINITY and hard < needed:
        pytest.skip(f"a process may open {hard} files here; this takes {needed}")
    if soft != resource.RLIM_INFINITY and soft < needed:
        resource.setrlimit(resource.RLIMIT_NOFILE, (needed, hard))
