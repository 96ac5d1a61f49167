"""RangeProxy: stored objects by HTTP ranges on loopback, for a child that knows only URLs.

Each object has a token of its own, which is the only path under which it can be read. Small
socket buffers keep ffmpeg from reading ahead what it will skip.
"""

import asyncio
import re
import secrets
import socket
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Self

import structlog
from msgspec import Struct

from wavemill_common.errors import AppError
from wavemill_converter.store.blocks import BlockReader

log = structlog.get_logger(__name__)

SEND_BUFFER = 64 * 1024  # bytes
HEAD_LIMIT = 16 * 1024  # bytes of a request's head
_GET = re.compile(rb"GET /(\S{1,128}) HTTP/1\.[01]\r\n")
_RANGE = re.compile(rb"\r\nRange: *bytes=(\d{1,18})-(\d{0,18})\r\n", re.IGNORECASE)


class Request(Struct, frozen=True):
    """A parsed request: a token, and the range asked for; `start` None means the whole."""

    token: str
    start: int | None = None
    last: int | None = None


def parse_request(head: bytes) -> Request | None:
    """Read the head of a GET; None where it is no such thing."""
    line = _GET.match(head)
    if line is None:
        return None
    token = line[1].decode("ascii", "replace")
    span = _RANGE.search(head)
    if span is None:
        return Request(token)
    return Request(token, int(span[1]), int(span[2]) if span[2] else None)


class RangeProxy:
    """Serves on a free port of 127.0.0.1. An asynchronous context manager."""

    def __init__(self) -> None:
        self._readers: dict[str, BlockReader] = {}

    @property
    def port(self) -> int:
        """The port that a child may connect to."""
        return int(self._server.sockets[0].getsockname()[1])

    async def __aenter__(self) -> Self:
        listening = socket.socket()
        listening.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, SEND_BUFFER)
        listening.bind(("127.0.0.1", 0))
        self._server = await asyncio.start_server(self._serve, sock=listening, limit=HEAD_LIMIT)
        return self

    async def __aexit__(self, *_: object) -> None:
        self._server.close()

    @contextmanager
    def published(self, reader: BlockReader) -> Iterator[str]:
        """Serve an object for the time of a block; yields its URL."""
        token = secrets.token_urlsafe(24)
        self._readers[token] = reader
        try:
            yield f"http://127.0.0.1:{self.port}/{token}"
        finally:
            del self._readers[token]

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.transport.set_write_buffer_limits(high=0)
        try:
            while await self._answer(await reader.readuntil(b"\r\n\r\n"), writer):
                pass
        except (asyncio.IncompleteReadError, asyncio.LimitOverrunError, ConnectionError):
            pass  # the child has read enough, or is gone
        except AppError as error:
            log.warning("source_failed", reason=repr(error))  # its reader knows, and tells the job
        finally:
            writer.close()
            with suppress(ConnectionError):
                await writer.wait_closed()

    async def _answer(self, head: bytes, writer: asyncio.StreamWriter) -> bool:
        """Answer one request; tell whether the connection may go on."""
        asked = parse_request(head)
        source = self._readers.get(asked.token) if asked else None
        if asked is None or source is None:
            writer.write(b"HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n")
            await writer.drain()
            return False
        start = asked.start or 0
        end = source.size if asked.last is None else min(source.size, asked.last + 1)
        writer.write(response_head(asked, start, end, source.size))
        await writer.drain()
        async for block in source.read(start, end):
            writer.write(block)
            await writer.drain()
        # Behind the end ffmpeg 9 may drain "the rest" of an open connection: without end.
        return end < source.size


def response_head(asked: Request, start: int, end: int, size: int) -> bytes:
    """The head of the answer for the bytes from `start` up to `end` of `size`."""
    if start >= size:
        lines = ["416 Range Not Satisfiable", f"Content-Range: bytes */{size}", "Content-Length: 0"]
    elif asked.start is None:
        lines = ["200 OK", "Accept-Ranges: bytes", f"Content-Length: {size}"]
    else:
        span = f"Content-Range: bytes {start}-{end - 1}/{size}"
        lines = ["206 Partial Content", "Accept-Ranges: bytes", span]
        lines.append(f"Content-Length: {end - start}")
    if end >= size:
        lines.append("Connection: close")
    return ("HTTP/1.1 " + "\r\n".join(lines) + "\r\n\r\n").encode()
