"""Connections: counted, bounded, and none is held by trickling."""

import asyncio
import time
from collections.abc import Awaitable, Callable

import aiohttp
import pytest

from support.cluster import Cluster
from support.problems import assert_problem
from support.raw_http import Rude, many, need_files
from support.server import Wavemill, eventually
from wavemill_gateway.access.pace import HEAD_TIMEOUT, WINDOW

Start = Callable[..., Awaitable[Cluster]]
PATIENCE = 6.0  # seconds that a noisy machine may take on top
LIMIT = 5


async def seconds_of(waiting: Awaitable[object]) -> float:
    began = time.monotonic()
    await waiting
    return time.monotonic() - began


@pytest.mark.parametrize(
    "setting", ["WAVEMILL_MAX_CONNECTIONS", "WAVEMILL_MAX_CONNECTIONS_PER_CLIENT"]
)
async def test_a_connection_too_many_is_told_so(start_gateway: Start, setting: str) -> None:
    cluster = await start_gateway(**{setting: str(LIMIT)})
    port = cluster.gateways[0].port
    async with many(port, LIMIT) as inside:
        assert (await inside[0].get("/healthz"))[0] == 200
        refused = await Rude.connect(port)
        reply = await refused.get("/healthz")
        body = assert_problem(reply, 503, "too_busy")
        assert int(reply[2]["Retry-After"]) == body["retryAfter"]
        assert reply[2]["Server"] == "wavemill"
        await refused.close()
        assert [(await one.get("/healthz"))[0] for one in inside] == [200] * LIMIT
        await inside.pop().close()

        async def let_in() -> bool:
            newcomer = await Rude.connect(port)
            status, _, _ = await newcomer.get("/healthz")
            await newcomer.close()
            return status == 200

        async with asyncio.timeout(PATIENCE):
            while not await let_in():
                await asyncio.sleep(0.05)


async def test_behind_a_proxy_its_connections_are_not_one_client_s(start_gateway: Start) -> None:
    cluster = await start_gateway(
        WAVEMILL_MAX_CONNECTIONS_PER_CLIENT="1", WAVEMILL_TRUSTED_PROXIES="1"
    )
    async with many(cluster.gateways[0].port, LIMIT) as inside:
        assert [(await one.get("/healthz"))[0] for one in inside] == [200] * LIMIT


HEADS = {
    "nothing": b"",
    "a request line": b"GET /healthz HTTP/1.1" * 4,
    "headers": b"GET /healthz HTTP/1.1\r\nHost: x\r\nX-A: " + b"a" * 100,
}


async def test_a_head_that_trickles_is_cut_off(wavemill: Wavemill) -> None:
    async def hold(sent: bytes, *, second: bool) -> float:
        async with await Rude.connect(wavemill.port) as rude:
            if second:
                assert (await rude.get("/healthz"))[0] == 200
            start = sent.rfind(b"\r\n") + 2 if b"\r\n" in sent else 0
            rude.writer.write(sent[:start])
            trickling = asyncio.create_task(rude.trickle(sent[start:]))
            took = await seconds_of(rude.ended())
            trickling.cancel()
            return took

    firsts = (hold(sent, second=False) for sent in HEADS.values())
    seconds = (hold(sent, second=True) for sent in HEADS.values() if sent)
    took = await asyncio.gather(*firsts, *seconds)
    print("heads cut off after", [round(one, 1) for one in took])  # noqa: T201 - the figures of this test
    assert all(HEAD_TIMEOUT - 0.5 <= one < HEAD_TIMEOUT + PATIENCE for one in took)


async def test_a_connection_that_waits_between_requests_is_left_alone(wavemill: Wavemill) -> None:
    async with await Rude.connect(wavemill.port) as rude:
        assert (await rude.get("/healthz"))[0] == 200
        await asyncio.sleep(HEAD_TIMEOUT + 1)
        assert (await rude.get("/healthz"))[0] == 200


def a_post(path: str, kind: str, body: bytes) -> tuple[bytes, bytes]:
    head = (
        f"POST {path} HTTP/1.1\r\nHost: x\r\nContent-Type: {kind}\r\n"
        f"Content-Length: {len(body)}\r\n\r\n"
    )
    return head.encode(), body


FORM = "multipart/form-data; boundary=b"
FIELD = b'--b\r\nContent-Disposition: form-data; name="fileName"\r\n\r\n'
FILE = b'--b\r\nContent-Disposition: form-data; name="file"; filename="a.mp3"\r\n\r\nID3'
RAW = "/api/upload-audio?chunkIndex=0&totalChunks=1&fileName=a.wav&fileSize=1000"
PAD = b"a" * 1000
BODIES = {
    "json": (a_post("/api/convert-audio", "application/json", b'{"fileId":"' + PAD), 11),
    "a form's field": (a_post("/api/upload-audio", FORM, FIELD + PAD), len(FIELD)),
    "a part's headers": (a_post("/api/upload-audio", FORM, b"--b\r\nX: " + PAD), 6),
    "a form's file": (a_post("/api/upload-audio", FORM, FILE + PAD), len(FILE)),
    "a file with its format": (a_post("/api/convert?format=mp3", FORM, FILE + PAD), len(FILE)),
    "a raw chunk": (a_post(RAW, "application/octet-stream", PAD), 0),
}


async def test_a_body_of_one_byte_a_second_gets_408_in_twenty_seconds(wavemill: Wavemill) -> None:
    async def send(head: bytes, body: bytes, at_once: int) -> float:
        async with await Rude.connect(wavemill.port) as rude:
            rude.writer.write(head + body[:at_once])
            trickling = asyncio.create_task(rude.trickle(body[at_once:]))
            began = time.monotonic()
            assert_problem(await rude.reply(), 408, "request_timeout")
            took = time.monotonic() - began
            await rude.ended()
            trickling.cancel()
            return took

    printed = len(wavemill.log)
    sending = (send(*post, at_once) for post, at_once in BODIES.values())
    took = await asyncio.gather(*sending)
    print("408 after", dict(zip(BODIES, (round(one, 1) for one in took), strict=True)))  # noqa: T201 - the figures of this test
    assert max(took) < WINDOW + PATIENCE
    assert wavemill.kept.unfinished() == []
    assert "Traceback" not in wavemill.log[printed:]
    assert "Unhandled" not in wavemill.log[printed:]


async def test_a_slow_but_steady_body_is_taken(wavemill: Wavemill) -> None:
    """2 KiB a second, for longer than a window: a bad line, no attack."""
    body = FILE + b"\xff\xfb\x90\x64" + bytes(32 * 1024) + b"\r\n--b--\r\n"
    head, _ = a_post("/api/upload-audio", FORM, body)
    async with await Rude.connect(wavemill.port) as rude:
        rude.writer.write(head)
        for place in range(0, len(body), 2048):
            rude.writer.write(body[place : place + 2048])
            await rude.writer.drain()
            await asyncio.sleep(1)
        status, _, _ = await rude.reply()
    assert status in {201, 400}  # read to its end, and judged by what is in it


@pytest.mark.parametrize(
    ("slow", "bound"),  # seconds; generous in the small form, which runs beside other things
    [(100, 2.0), pytest.param(500, 0.5, marks=pytest.mark.slow)],
)
async def test_slow_connections_do_not_slow_down_the_others(
    start_gateway: Start, session: aiohttp.ClientSession, slow: int, bound: float
) -> None:
    need_files(slow)
    cluster = await start_gateway()
    gateway = cluster.gateways[0]
    head, body = a_post("/api/convert-audio", "application/json", b'{"fileId":"' + b"a" * 60_000)
    async with many(gateway.port, slow) as connections:
        for number, rude in enumerate(connections):
            rude.writer.write(head + body[:11] if number % 2 else b"GET /healthz HTTP/1.1\r\nX: ")
        trickling = [
            asyncio.create_task(rude.trickle(b"a" * 100, every=0.5)) for rude in connections
        ]
        took = []
        for _ in range(300):
            began = time.monotonic()
            async with session.get(f"{gateway.url}/api/formats") as response:
                await response.read()
                assert response.status == 200
            took.append(time.monotonic() - began)
        for task in trickling:
            task.cancel()
        await asyncio.gather(*trickling, return_exceptions=True)
    took.sort()
    p99 = took[int(len(took) * 0.99)]
    print(f"{slow} slow connections: p50 {took[150] * 1000:.1f} ms, p99 {p99 * 1000:.1f} ms")  # noqa: T201 - the figures of this test
    assert p99 < bound

    async def held() -> int:
        async with session.get(f"{gateway.url}/readyz") as response:
            return int((await response.json())["load"]["connections"])

    async with asyncio.timeout(PATIENCE):
        while await held() > 1:
            await asyncio.sleep(0.05)
    await eventually(lambda: "Traceback" not in gateway.log)
