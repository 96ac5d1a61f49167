"""A reverse proxy that does to some requests what bad lines and other proxies do."""

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from http import HTTPStatus
from io import BytesIO

import aiohttp
from aiohttp import web
from msgspec import Struct

from support.ports import free_port

BLOCK = 65536  # bytes


class Meddling(Struct, frozen=True, kw_only=True):
    """What is done to one request: answered here, or its answer cut short or spoilt.

    `answer` is a status and its headers. `cut_after` bytes of the answer's body the connection
    breaks; -1 does so before the answer begins, when the server has done what was asked.
    """

    answer: tuple[int, dict[str, str]] | None = None
    cut_after: int | None = None
    spoil: bool = False


Rule = Callable[[web.Request, int], Meddling | None]


class Seen(Struct, frozen=True):
    """A request that came by."""

    method: str
    path: str
    query: dict[str, str]
    headers: dict[str, str]


class Meddler:
    """Passes requests on to `target`. `rule` is asked with each, and which of its path it is."""

    def __init__(self, target: str, rule: Rule) -> None:
        self.url = f"http://127.0.0.1:{free_port()}"
        self.seen: list[Seen] = []
        self._target = target
        self._rule = rule

    def requests(self, path: str) -> list[Seen]:
        """The requests to a path, in order."""
        return [one for one in self.seen if one.path == path]

    @asynccontextmanager
    async def running(self) -> AsyncIterator["Meddler"]:
        """Listen for the time of a block."""
        app = web.Application(client_max_size=2**30)
        app.router.add_route("*", "/{rest:.*}", self._handle)
        runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.1)
        await runner.setup()
        timeout = aiohttp.ClientTimeout(total=None)
        async with aiohttp.ClientSession(auto_decompress=False, timeout=timeout) as self._session:
            await web.TCPSite(runner, "127.0.0.1", int(self.url.rpartition(":")[2])).start()
            try:
                yield self
            finally:
                await runner.cleanup()

    async def _handle(self, request: web.Request) -> web.StreamResponse:
        number = len(self.requests(request.path))
        self.seen.append(
            Seen(request.method, request.path, dict(request.query), dict(request.headers))
        )
        meddling = self._rule(request, number) or Meddling()
        body = await request.read()
        if meddling.answer is not None:
            status, headers = meddling.answer
            return web.Response(status=status, headers=headers)
        headers = {n: v for n, v in request.headers.items() if n not in ("Host", "Content-Length")}
        async with self._session.request(
            request.method,
            self._target + request.path_qs,
            data=BytesIO(body) if body else None,
            headers=headers,
        ) as answer:
            return await self._pass_on(request, answer, meddling)

    async def _pass_on(
        self, request: web.Request, answer: aiohttp.ClientResponse, meddling: Meddling
    ) -> web.StreamResponse:
        response = web.StreamResponse(status=answer.status)
        kept = {n: v for n, v in answer.headers.items() if n != "Transfer-Encoding"}
        response.headers.update(kept)
        left = meddling.cut_after
        if left == -1:
            return _hang_up(request)
        if answer.status not in (HTTPStatus.NO_CONTENT, HTTPStatus.NOT_MODIFIED):
            await response.prepare(request)
            async for block in answer.content.iter_chunked(BLOCK):
                sent = block[:left] if left is not None else block
                await response.write(_spoilt(sent) if meddling.spoil else sent)
                if left is not None and (left := left - len(sent)) <= 0:
                    return _hang_up(request)
        await response.prepare(request)
        await response.write_eof()
        return response


def _spoilt(block: bytes) -> bytes:
    return bytes([block[0] ^ 1]) + block[1:] if block else block


def _hang_up(request: web.Request) -> web.StreamResponse:
    if request.transport is not None:
        request.transport.abort()
    raise ConnectionResetError
