"""A proxy before an S3 that fails as asked: refuses, loses replies, cuts bodies."""

import io
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Self

import aiohttp
from aiohttp import web

Matches = Callable[[web.Request], bool]


@dataclass
class Fault:
    """What happens to the next `times` requests that match."""

    matches: Matches
    times: int = 1
    answer: tuple[int, str] | None = None  # status and body, without asking the server
    headers: dict[str, str] = field(default_factory=dict)  # of the answer
    forward: bool = False  # `answer`, but after the server did what it was asked
    cut_at: float | None = None  # of the answer's body, then the connection breaks
    wall: int | None = None  # byte of the object that no answer gets past, however often asked
    break_at: float | None = None  # of the request's body: the server never hears of it
    lose_reply: bool = False  # the server did it, and nobody hears of it


@dataclass
class FaultProxy:
    """Forwards to `target`; keeps what it was asked."""

    target: str
    url: str = ""
    faults: list[Fault] = field(default_factory=list)
    seen: list[str] = field(default_factory=list)
    ranges: list[str] = field(default_factory=list)

    @classmethod
    @asynccontextmanager
    async def before(cls, target: str) -> AsyncIterator[Self]:
        """Run one for a block."""
        proxy = cls(target)
        app = web.Application(client_max_size=1 << 30)
        async with aiohttp.ClientSession(auto_decompress=False) as session:

            async def handle(request: web.Request) -> web.StreamResponse:
                return await proxy.handle(request, session)

            app.router.add_route("*", "/{path:.*}", handle)
            runner = web.AppRunner(app, shutdown_timeout=0.1)
            await runner.setup()
            site = web.TCPSite(runner, "127.0.0.1", 0)
            await site.start()
            proxy.url = "http://{}:{}".format(*runner.addresses[0][:2])
            try:
                yield proxy
            finally:
                await runner.cleanup()

    async def handle(
        self, request: web.Request, session: aiohttp.ClientSession
    ) -> web.StreamResponse:
        """Serve one request, with the first fault that matches."""
        self.seen.append(f"{request.method} {request.rel_url.query_string}")
        self.ranges += [request.headers["Range"]] if "Range" in request.headers else []
        fault = next((one for one in self.faults if one.times and one.matches(request)), None)
        if fault:
            fault.times -= 1
        if fault and fault.break_at is not None:
            return await _break_off(request, fault.break_at)
        if fault and fault.answer and not fault.forward:
            await request.read()
            return _answer(fault.answer, fault.headers)
        headers = {
            name: value
            for name, value in request.headers.items()
            if name not in {"Host", "Transfer-Encoding", "Expect"}
        }
        async with session.request(
            request.method,
            self.target + request.raw_path,
            data=io.BytesIO(await request.read()),
            headers=headers,
            skip_auto_headers=["Content-Type"],
        ) as reply:
            body = await reply.read()
            if fault and fault.answer:
                return _answer(fault.answer, fault.headers)
            return await _pass_on(request, reply, body, fault)


def _answer(answer: tuple[int, str], headers: dict[str, str]) -> web.Response:
    return web.Response(status=answer[0], body=answer[1].encode(), headers=headers)


async def _break_off(request: web.Request, share: float) -> web.Response:
    """Take this share of a request's body, then reset the connection."""
    left = int((request.content_length or 0) * share)
    while left > 0 and (data := await request.content.readany()):
        left -= len(data)
    assert request.transport
    request.transport.abort()
    return web.Response()


async def _pass_on(
    request: web.Request, reply: aiohttp.ClientResponse, body: bytes, fault: Fault | None
) -> web.StreamResponse:
    assert request.transport
    if fault and fault.lose_reply:
        request.transport.close()
        return web.Response()
    response = web.StreamResponse(status=reply.status, reason=reply.reason)
    for name, value in reply.headers.items():
        if name not in {"Transfer-Encoding", "Connection", "Server", "Date"}:
            response.headers[name] = value
    await response.prepare(request)
    if fault and (kept := _kept(fault, request, len(body))) is not None:
        await response.write(body[:kept])
        request.transport.close()
        return response
    if request.method != "HEAD":
        await response.write(body)
    await response.write_eof()
    return response


def _kept(fault: Fault, request: web.Request, size: int) -> int | None:
    """How many bytes of an answer's body come through; None: all."""
    if fault.cut_at is not None:
        return int(size * fault.cut_at)
    return None if fault.wall is None else max(0, fault.wall - first_byte(request))


def first_byte(request: web.Request) -> int:
    """Where the range begins that a request asks for."""
    asked = request.headers.get("Range", "bytes=0-")
    return int(asked.removeprefix("bytes=").split("-")[0])


def error_body(code: str, **more: str) -> str:
    """An error as S3 writes it."""
    members = "".join(f"<{name}>{value}</{name}>" for name, value in more.items())
    return (
        '<?xml version="1.0" encoding="UTF-8"?>\n'
        f"<Error><Code>{code}</Code><Message>as asked</Message>{members}</Error>"
    )


def method(name: str, *query: str) -> Matches:
    """Requests of a method whose query has these names."""
    return lambda request: request.method == name and all(one in request.query for one in query)
