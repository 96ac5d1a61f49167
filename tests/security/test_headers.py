"""Every answer says what a browser may make of it: nothing, but for the page."""

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path

import aiohttp
import pytest

from support.client import Client
from support.cluster import Cluster
from support.raw_http import Rude
from support.server import Wavemill

Start = Callable[..., Awaitable[Cluster]]
ANSWERS = {
    "the page": ("GET", "/", 200),
    "an asset": ("GET", "/assets/main.js", 200),
    "health": ("GET", "/healthz", 200),
    "the interface": ("GET", "/api/formats", 200),
    "not found": ("GET", "/nothing", 404),
    "a wrong method": ("PUT", "/api/convert-audio", 405),
    "a wrong body": ("POST", "/api/convert-audio", 400),
}


@pytest.mark.parametrize("kind", ANSWERS)
async def test_every_answer_is_closed_to_others(client: Client, kind: str) -> None:
    method, path, expected = ANSWERS[kind]
    status, _, headers = await client.call(method, path)
    assert status == expected
    assert headers["X-Content-Type-Options"] == "nosniff"
    assert headers["Referrer-Policy"] == "no-referrer"
    assert headers["Cross-Origin-Resource-Policy"] == "same-origin"
    assert headers["Content-Security-Policy"].startswith("default-src 'none'")
    assert "frame-ancestors 'none'" in headers["Content-Security-Policy"]
    assert "microphone=()" in headers["Permissions-Policy"]
    assert headers["Server"] == "wavemill"
    assert "Strict-Transport-Security" not in headers


async def test_what_is_no_http_is_answered_alike(wavemill: Wavemill) -> None:
    async with await Rude.connect(wavemill.port) as rude:
        rude.writer.write(b"hello\r\n\r\n")
        status, _, headers = await rude.reply()
    assert status == 400
    assert headers["Server"] == "wavemill"
    assert headers["X-Content-Type-Options"] == "nosniff"


async def test_a_polyglot_is_downloaded_and_never_rendered(client: Client, lena: Path) -> None:
    """HTML behind an MP3's first bytes: kept as a name's and a type's worth, not as a page."""
    song = (lena / "lena.mp3").read_bytes()
    form = aiohttp.FormData(quote_fields=False)
    form.add_field("file", song + b"<html><script>alert(1)</script>", filename="a.html")
    status, upload, _ = await client.call("POST", "/api/upload-audio", data=form)
    assert status == 201
    job_id = await client.convert(upload["fileId"], "mp3")
    assert (await client.wait(job_id))["status"] == "completed"
    status, _, headers = await client.call("HEAD", f"/api/download?jobId={job_id}")
    assert status == 200
    assert headers["Content-Type"] == "audio/mpeg"
    assert headers["Content-Security-Policy"] == "sandbox"
    assert headers["X-Content-Type-Options"] == "nosniff"
    assert headers["Content-Disposition"].startswith("attachment;")


@pytest.mark.parametrize(("proxies", "told"), [("1", True), ("0", False)])
async def test_only_a_trusted_proxy_can_say_that_there_is_tls(
    start_gateway: Start, session: aiohttp.ClientSession, proxies: str, *, told: bool
) -> None:
    cluster = await start_gateway(WAVEMILL_TRUSTED_PROXIES=proxies)
    client = Client(session, cluster.gateways[0].url)
    secure = {"X-Forwarded-Proto": "https", "X-Forwarded-For": "203.0.113.7"}
    _, _, headers = await client.call("GET", "/", headers=secure)
    assert ("Strict-Transport-Security" in headers) == told
    _, _, headers = await client.call("GET", "/", headers={"X-Forwarded-Proto": "http"})
    assert "Strict-Transport-Security" not in headers


async def test_an_event_stream_has_the_headers_too(client: Client, lena: Path) -> None:
    upload = await client.upload(lena / "lena.mp3")
    job_id = await client.convert(upload["fileId"], "wav")
    async with (
        asyncio.timeout(30),
        client.session.get(f"{client.url}/api/events?jobId={job_id}") as response,
    ):
        assert response.status == 200
        assert response.headers["Content-Security-Policy"].startswith("default-src 'none'")
        assert response.headers["Server"] == "wavemill"
