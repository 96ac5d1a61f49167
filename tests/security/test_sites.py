"""Pages of other sites: they read nothing and change nothing, unless they are named."""

from collections.abc import Awaitable, Callable
from pathlib import Path

import aiohttp
import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer

from support.browser import chromium_page
from support.client import Client
from support.cluster import Cluster
from support.problems import assert_problem
from support.server import Wavemill

Start = Callable[..., Awaitable[Cluster]]
GOOD, EVIL = "https://good.example", "https://evil.example"
PREFLIGHT = {
    "Access-Control-Request-Method": "POST",
    "Access-Control-Request-Headers": "content-type,idempotency-key",
}


@pytest.fixture
async def guarded(start_gateway: Start, session: aiohttp.ClientSession) -> Client:
    cluster = await start_gateway(WAVEMILL_CORS_ORIGINS=f"{GOOD},https://other.example:8443")
    return Client(session, cluster.gateways[0].url)


@pytest.mark.parametrize(
    "sent",
    [
        {"Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": "navigate"},
        {"Origin": EVIL},
        {"Origin": EVIL, "Sec-Fetch-Site": "cross-site"},
        {"Origin": "null"},
    ],
)
async def test_a_form_on_another_site_uploads_nothing(
    client: Client, lena: Path, sent: dict[str, str]
) -> None:
    with (lena / "lena.mp3").open("rb") as file:
        form = aiohttp.FormData({"file": file})
        reply = await client.call("POST", "/api/upload-audio", data=form, headers=sent)
    body = assert_problem(reply, 403, "cross_site")
    assert "WAVEMILL_CORS_ORIGINS" in body["error"]
    assert "Access-Control-Allow-Origin" not in reply[2]


@pytest.mark.parametrize(("method", "path"), [("DELETE", "/api/jobs/x"), ("GET", "/s3/params")])
async def test_whatever_changes_something_is_refused(
    client: Client, method: str, path: str
) -> None:
    reply = await client.call(method, path, headers={"Sec-Fetch-Site": "cross-site"})
    assert_problem(reply, 403, "cross_site")


async def test_our_own_page_and_programs_may(client: Client) -> None:
    host = client.url.removeprefix("http://")
    for headers in (
        {},
        {"Origin": client.url},
        {"Origin": client.url, "Sec-Fetch-Site": "same-origin"},
        {"Origin": "https://audio.example", "X-Forwarded-Host": "audio.example"},
        {"Origin": f"https://{host}"},
    ):
        asked = {"fileName": "a.wav", "fileSize": 10}
        status, upload, _ = await client.call("POST", "/api/uploads", json=asked, headers=headers)
        assert status == 201
        await client.call("DELETE", f"/api/uploads/{upload['fileId']}")


async def test_a_page_elsewhere_may_read_nothing(client: Client, guarded: Client) -> None:
    for one in (client, guarded):
        for method in ("GET", "OPTIONS"):
            _, _, headers = await one.call(
                method, "/api/formats", headers={"Origin": EVIL, **PREFLIGHT}
            )
            assert not [name for name in headers if name.startswith("Access-Control-")]


async def test_a_named_page_may_call_and_read(guarded: Client) -> None:
    asked = {"fileName": "a.wav", "fileSize": 10}
    origin = {"Origin": GOOD, "Sec-Fetch-Site": "cross-site"}
    status, _, headers = await guarded.call("OPTIONS", "/api/uploads", headers=origin | PREFLIGHT)
    assert status == 204
    assert headers["Access-Control-Allow-Origin"] == GOOD
    assert "POST" in headers["Access-Control-Allow-Methods"]
    allowed = headers["Access-Control-Allow-Headers"].lower()
    assert all(name in allowed for name in ("idempotency-key", "authorization", "upload-offset"))
    status, _, headers = await guarded.call("POST", "/api/uploads", json=asked, headers=origin)
    assert status == 201
    assert headers["Access-Control-Allow-Origin"] == GOOD
    assert "Origin" in headers["Vary"]
    exposed = headers["Access-Control-Expose-Headers"]
    for name in ("ETag", "Content-Range", "Retry-After", "X-Request-Id", "Location"):
        assert name in exposed
    assert "Access-Control-Allow-Credentials" not in headers
    _, _, headers = await guarded.call("GET", "/nothing", headers=origin)
    assert headers["Access-Control-Allow-Origin"] == GOOD  # errors can be read, too


@pytest.mark.parametrize("origin", [f"{GOOD}.evil.example", "http://good.example", f"{GOOD}:8443"])
async def test_an_origin_must_be_named_exactly(guarded: Client, origin: str) -> None:
    _, _, headers = await guarded.call("GET", "/api/formats", headers={"Origin": origin})
    assert "Access-Control-Allow-Origin" not in headers
    assert "Origin" in headers["Vary"]  # no cache may serve one site's answer to another


FORGERY = """<!doctype html><form method="post" enctype="multipart/form-data" action="{url}">
<input name="fileName" value="a.wav"><button>Win a prize</button></form>"""


async def test_a_real_browser_is_refused_what_another_site_has_it_send(wavemill: Wavemill) -> None:
    async def show(_: web.Request) -> web.Response:
        page = FORGERY.format(url=f"{wavemill.url}/api/upload-audio")
        return web.Response(text=page, content_type="text/html")

    evil = web.Application()
    evil.router.add_get("/", show)
    async with TestServer(evil, host="127.0.0.1") as server, chromium_page(60) as page:
        await page.goto(f"http://localhost:{server.port}/")
        async with page.expect_response(lambda one: one.request.method == "POST") as answered:
            await page.get_by_role("button").click()
        response = await answered.value
        assert response.status == 403
        assert (await response.json())["code"] == "cross_site"
