"""API keys: nothing without one, nothing of another's, links for an hour."""

import asyncio
import json
import re
import time
from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path
from typing import Any

import aiohttp
import pytest
from playwright.async_api import Page, Request
from playwright.async_api import expect as expecting
from yarl import URL

from support.api_keys import bearing, holding, keys, new_key
from support.audio import make_sweep
from support.browser import chromium_page
from support.client import Client
from support.page_steps import PATIENCE, convert, downloaded, offered, reaches, row
from support.problems import assert_problem
from support.server import Wavemill, running
from wavemill_common.api_keys import new_key as random_key
from wavemill_common.ids import new_id
from wavemill_common.settings import Settings
from wavemill_gateway.access.keyring import KNOWN_FOR
from wavemill_gateway.access.tokens import GOOD_FOR, Purpose, Tokens
from wavemill_gateway.app import create_app

SECRET = "a secret of this test's own"  # noqa: S105
REQUIRED = {"WAVEMILL_API_KEYS_REQUIRED": "1", "WAVEMILL_SECRET": SECRET}
OPEN = {"/", "/assets/{name}", "/healthz", "/readyz", "/metrics", "/openapi.json", "/docs"}
NEIGHBOURS = 1000
ALPHABET = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Wavemill]:
    with running(tmp_path_factory.mktemp("keys") / "data", **REQUIRED) as one:
        yield one


@pytest.fixture(scope="module")
def clip(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_sweep(tmp_path_factory.mktemp("clip") / "clip.wav", 1.0)


@pytest.fixture
async def key(server: Wavemill) -> str:
    return await new_key(server, "mine")


@pytest.fixture
async def mine(server: Wavemill, key: str) -> AsyncIterator[Client]:
    async with holding(server, key) as client:
        yield client


@pytest.fixture
async def yours(server: Wavemill) -> AsyncIterator[Client]:
    async with holding(server, await new_key(server, "yours")) as client:
        yield client


@pytest.fixture
def nobody(session: aiohttp.ClientSession, server: Wavemill) -> Client:
    """A client without a key."""
    return Client(session, server.url)


async def accepted(client: Client, clip: Path) -> dict[str, Any]:
    """A job that has completed, as the answer to its creation told it."""
    file_id = (await client.upload(clip))["fileId"]
    asked = {"fileId": file_id, "format": "mp3"}
    status, body, _ = await client.call("POST", "/api/convert-audio", json=asked)
    assert status == 202, body
    await client.wait(body["jobId"])
    return body | {"fileId": file_id}


# --- nothing without a key ------------------------------------------------------------------------


def all_routes() -> list[tuple[str, str]]:
    """Every method and path that the gateway has."""
    routes = create_app(Settings()).router.routes()
    found = {
        (route.method, route.resource.canonical) for route in routes if route.resource is not None
    }
    return sorted(found)


@pytest.mark.parametrize(("method", "path"), all_routes())
async def test_every_route_refuses_without_a_key_but_for_those_that_are_for_all(
    nobody: Client, method: str, path: str
) -> None:
    filled = re.sub(r"\{[^}]*\}", "x", path)
    reply = await nobody.call("GET" if method == "*" else method, filled)
    # OPTIONS is what a browser asks before it may show a key: it tells abilities, and nothing else.
    if path in OPEN or path.startswith("/docs/") or method == "OPTIONS":
        assert reply[0] not in {401, 403}
        return
    assert path.startswith(("/api/", "/s3/")), f"{path} is neither of the interface nor for all"
    assert reply[0] == 401
    assert reply[2]["WWW-Authenticate"] == "Bearer"
    if method != "HEAD":
        assert_problem(reply, 401, "unauthorized")


@pytest.mark.parametrize(
    "path", ["/%61pi/formats", "/api/%66ormats", "/s3/nothing", "/api/nothing"]
)
async def test_no_spelling_of_a_path_gets_past(nobody: Client, path: str) -> None:
    url = f"{nobody.url}{path}"
    async with nobody.session.get(URL(url, encoded=True)) as reply:
        assert reply.status == 401


async def test_every_wrong_key_gets_the_same_answer(
    server: Wavemill, nobody: Client, key: str
) -> None:
    revoked = await new_key(server, "revoked")
    await keys(server, "revoke", revoked[3:15])
    headers: list[dict[str, str]] = [
        {},
        {"Authorization": key},
        {"Authorization": f"Basic {key}"},
        *map(bearing, ("", "x", "é", revoked, random_key(), key[:-1], key[:16] + "A" * 43)),
    ]
    answers = set()
    for one in headers:
        reply = await nobody.call("GET", "/api/formats", headers=one)
        body = assert_problem(reply, 401, "unauthorized")
        answers.add(json.dumps(body | {"requestId": ""}))
    assert len(answers) == 1
    assert (await nobody.call("GET", "/api/formats", headers=bearing(key)))[0] == 200


async def test_a_key_in_the_query_is_no_key(nobody: Client, key: str) -> None:
    for name in ("token", "key", "api_key", "access_token"):
        assert (await nobody.call("GET", f"/api/formats?{name}={key}"))[0] == 401


async def test_a_revoked_key_and_its_links_open_nothing_within_seconds(
    server: Wavemill, nobody: Client, clip: Path
) -> None:
    key = await new_key(server, "stolen")
    async with holding(server, key) as thief:
        job = await accepted(thief, clip)
        assert (await nobody.call("HEAD", job["downloadUrl"]))[0] == 200
        await keys(server, "revoke", key[3:15])
        revoked = time.monotonic()
        while (await thief.call("GET", f"/api/jobs/{job['jobId']}"))[0] != 401:
            assert time.monotonic() - revoked < KNOWN_FOR + 1
            await asyncio.sleep(0.1)
        assert_problem(await nobody.call("GET", job["downloadUrl"]), 403, "token_expired")


# --- nothing of another's -------------------------------------------------------------------------

CALLS: dict[str, Callable[[Client, str], Any]] = {
    "see an upload": lambda one, at: one.call("GET", f"/api/uploads/{at}"),
    "complete an upload": lambda one, at: one.call("POST", f"/api/uploads/{at}/complete"),
    "abort an upload": lambda one, at: one.call("DELETE", f"/api/uploads/{at}"),
    "send a raw chunk": lambda one, at: one.call(
        "POST",
        f"/api/upload-audio?fileId={at}&chunkIndex=0",
        data=b"x",
        headers={"Content-Type": "application/octet-stream"},
    ),
    "send a chunk by form": lambda one, at: one.call(
        "POST", "/api/upload-audio", data=chunk_form(at)
    ),
    "convert an upload": lambda one, at: one.call(
        "POST", "/api/convert-audio", json={"fileId": at, "format": "mp3"}
    ),
    "estimate a conversion": lambda one, at: one.call(
        "POST", "/api/estimate", json={"fileId": at, "format": "mp3"}
    ),
    "poll a job": lambda one, at: one.call("GET", f"/api/progress?jobId={at}"),
    "watch a job": lambda one, at: one.call("GET", f"/api/events?jobId={at}"),
    "see a job": lambda one, at: one.call("GET", f"/api/jobs/{at}"),
    "list a job": lambda one, at: one.call("GET", f"/api/jobs?jobId={at}"),
    "run a job again": lambda one, at: one.call("POST", f"/api/jobs/{at}/retry"),
    "download": lambda one, at: one.call("GET", f"/api/download?jobId={at}"),
    "ask for a download": lambda one, at: one.call("HEAD", f"/api/download?jobId={at}"),
    "archive a job": lambda one, at: one.call("GET", f"/api/archive?jobId={at}"),
    "delete a job": lambda one, at: one.call("DELETE", f"/api/jobs/{at}"),
}


def chunk_form(file_id: str) -> aiohttp.FormData:
    form = aiohttp.FormData({"fileId": file_id, "chunkIndex": "0"})
    form.add_field("chunk", b"x", filename="x.wav")
    return form


async def answer(
    call: Callable[[Client, str], Any], client: Client, at: str
) -> tuple[int, str, set[str]]:
    """An answer without what differs between any two."""
    status, body, headers = await call(client, at)
    text = json.dumps({**body, "requestId": ""}).replace(at, "…")
    return status, text, set(headers)


async def test_what_is_anothers_answers_like_what_is_not_there(
    mine: Client, yours: Client, clip: Path
) -> None:
    job = await accepted(mine, clip)
    for name, call in CALLS.items():
        at = job["fileId"] if "upload" in name or "chunk" in name else job["jobId"]
        at = job["fileId"] if name == "estimate a conversion" else at
        foreign = await answer(call, yours, at)
        assert foreign == await answer(call, yours, new_id()), name
        assert foreign[0] == (200 if name == "list a job" else 404), name
    assert (await mine.call("GET", f"/api/uploads/{job['fileId']}"))[1]["complete"] is True
    assert (await mine.progress(job["jobId"]))["status"] == "completed"


async def test_no_neighbour_of_an_id_is_there(mine: Client, yours: Client, clip: Path) -> None:
    job_id = (await accepted(mine, clip))["jobId"]
    last = [(one, two) for one in ALPHABET for two in ALPHABET]
    near = [f"{job_id[:-2]}{one}{two}" for one, two in last][:NEIGHBOURS]
    free = asyncio.Semaphore(20)

    async def status_of(one: str) -> int:
        async with free:
            return (await yours.call("GET", f"/api/jobs/{one}"))[0]

    assert set(await asyncio.gather(*map(status_of, near))) == {404}


async def test_jobs_are_listed_to_their_own_key_a_page_at_a_time(
    mine: Client, yours: Client, clip: Path
) -> None:
    jobs = [(await accepted(mine, clip))["jobId"] for _ in range(3)]
    await accepted(yours, clip)
    _, page, _ = await mine.call("GET", "/api/jobs?limit=2")
    assert [job["jobId"] for job in page["jobs"]] == jobs[:0:-1]
    _, rest, _ = await mine.call("GET", f"/api/jobs?limit=2&cursor={page['cursor']}")
    assert ([job["jobId"] for job in rest["jobs"]], rest["cursor"]) == (jobs[:1], None)
    _, named, _ = await mine.call("GET", f"/api/jobs?jobId={jobs[0]}&jobId={new_id()}")
    assert [job["jobId"] for job in named["jobs"]] == jobs[:1]
    assert "token=" in named["jobs"][0]["downloadUrl"]
    for wrong in ("limit=0", "limit=51", "limit=x", "cursor=x", "cursor=bmFuIGFh",
                  "&".join(["jobId=x"] + [f"jobId={number}" for number in range(50)])):  # fmt: skip
        assert (await mine.call("GET", f"/api/jobs?{wrong}"))[0] == 400


async def test_what_was_made_before_keys_were_required_is_for_any_key_that_has_its_id(
    tmp_path: Path, session: aiohttp.ClientSession, clip: Path
) -> None:
    data = tmp_path / "data"
    with running(data) as before:
        job = await accepted(Client(session, before.url), clip)
        assert "token=" not in job["downloadUrl"]
        kept = before.kept
        one, two = await new_key(before, "one"), await new_key(before, "two")
        before.stop()
    after = Wavemill(data, **REQUIRED)
    after.kept = kept
    try:
        after.start()
        await used_by_two(after, one, two, job, tmp_path)
        stranger = Client(session, after.url)
        assert (await stranger.call("GET", job["downloadUrl"]))[0] == 401
    finally:
        after.close()


async def used_by_two(
    server: Wavemill, one: str, two: str, job: dict[str, Any], folder: Path
) -> None:
    """Two keys use what is nobody's: with the same idempotency key, they never get the same job."""
    made = []
    for key in (one, two):
        async with holding(server, key) as client:
            assert (await client.progress(job["jobId"]))["status"] == "completed"
            await client.download(job["jobId"], folder / "result.mp3")
            asked = {"fileId": job["fileId"], "format": "mp3"}
            headers = {"Idempotency-Key": "the-same"}
            for _ in range(2):
                status, body, _ = await client.call(
                    "POST", "/api/convert-audio", json=asked, headers=headers
                )
                assert status == 202
                made.append(body["jobId"])
            await client.wait(made[-1])
    assert (made[0], made[2]) == (made[1], made[3])
    assert made[0] != made[2]
    async with holding(server, two) as client:
        assert (await client.call("GET", f"/api/jobs/{made[0]}"))[0] == 404


async def test_a_key_keeps_its_things_to_itself_where_none_is_required(
    start_wavemill: Callable[..., Wavemill], session: aiohttp.ClientSession, clip: Path
) -> None:
    server = start_wavemill()
    anyone = Client(session, server.url)
    async with holding(server, await new_key(server)) as mine:
        job = await accepted(mine, clip)
        for call in ("see a job", "poll a job", "watch a job", "download"):
            assert (await CALLS[call](anyone, job["jobId"]))[0] == 404
        assert (await anyone.call("HEAD", job["downloadUrl"]))[0] == 200
        assert (await mine.progress((await accepted(anyone, clip))["jobId"]))["progress"] == 100
    assert (await anyone.call("GET", "/api/formats", headers=bearing(random_key())))[0] == 401
    assert (await anyone.call("GET", "/api/formats", headers=bearing("a proxy's own")))[0] == 200
    assert (await anyone.call("GET", "/api/jobs"))[0] == 400


# --- links ----------------------------------------------------------------------------------------


async def test_links_work_without_a_key_for_their_job_and_purpose_alone(
    server: Wavemill, mine: Client, nobody: Client, clip: Path
) -> None:
    job, other = await accepted(mine, clip), await accepted(mine, clip)
    events, download = (token_of(job[name]) for name in ("eventsUrl", "downloadUrl"))
    assert (await nobody.call("GET", job["downloadUrl"]))[0] == 200
    assert (await nobody.call("HEAD", job["downloadUrl"]))[0] == 200
    told = [event["event"] async for event in streamed(nobody, job["eventsUrl"])]
    assert told == ["completed"]
    assert "token=" not in job["progressUrl"]
    for path in (
        f"/api/download?jobId={job['jobId']}&token={events}",
        f"/api/events?jobId={job['jobId']}&token={download}",
        f"/api/download?jobId={other['jobId']}&token={download}",
        f"/api/download?jobId={job['jobId']}&token={download[:-1]}",
        f"/api/download?jobId={job['jobId']}&token=",
        f"/api/download?token={download}",
    ):
        assert_problem(await nobody.call("GET", path), 403, "invalid_token")
    for path in (
        f"/api/progress?jobId={job['jobId']}&token={events}",
        f"/api/jobs/{job['jobId']}?token={events}",
        f"/api/jobs?jobId={job['jobId']}&token={events}",
    ):
        assert_problem(await nobody.call("GET", path), 401, "unauthorized")
    assert download not in server.log
    assert events not in server.log


async def test_one_stream_of_several_jobs_takes_a_token_for_each(
    mine: Client, nobody: Client, clip: Path
) -> None:
    jobs = [await accepted(mine, clip) for _ in range(3)]
    query = "&".join(f"jobId={job['jobId']}" for job in jobs)
    tokens = [f"&token={token_of(job['eventsUrl'])}" for job in jobs]
    told = [one async for one in streamed(nobody, f"/api/events?{query}{''.join(tokens[::-1])}")]
    assert {one["data"]["jobId"] for one in told} == {job["jobId"] for job in jobs}
    told = [one async for one in streamed(nobody, f"/api/events?{query}{''.join(tokens[:2])}")]
    [error] = [one["data"] for one in told if one["event"] == "error"]
    assert (error["jobId"], error["code"]) == (jobs[2]["jobId"], "job_not_found")


async def test_one_archive_of_several_jobs_takes_a_download_token_for_each(
    mine: Client, nobody: Client, clip: Path
) -> None:
    jobs = [await accepted(mine, clip) for _ in range(2)]
    query = "&".join(f"jobId={job['jobId']}" for job in jobs)
    tokens = [f"&token={token_of(job['downloadUrl'])}" for job in jobs]
    assert (await nobody.call("GET", f"/api/archive?{query}{''.join(tokens)}"))[0] == 200
    assert (await mine.call("GET", f"/api/archive?{query}"))[0] == 200
    lacking = await nobody.call("GET", f"/api/archive?{query}{tokens[0]}")
    assert_problem(lacking, 404, "job_not_found")


async def test_an_expired_link_says_how_to_get_a_new_one_and_the_record_has_it(
    mine: Client, nobody: Client, key: str, clip: Path
) -> None:
    job_id = (await accepted(mine, clip))["jobId"]
    long_ago = Tokens(SECRET.encode(), lambda: time.time() - GOOD_FOR - 1)
    for purpose, path in ((Purpose.EVENTS, "/api/events"), (Purpose.DOWNLOAD, "/api/download")):
        url = f"{path}?jobId={job_id}&token={long_ago.sign(purpose, job_id, key[3:15])}"
        body = assert_problem(await nobody.call("GET", url), 403, "token_expired")
        assert "GET /api/jobs/{jobId}" in body["error"]
        assert (await mine.call("GET", url))[0] == 200  # who has the key needs no token
    _, record, _ = await mine.call("GET", f"/api/jobs/{job_id}")
    assert (await nobody.call("GET", record["downloadUrl"]))[0] == 200
    assert (await nobody.call("GET", record["eventsUrl"]))[0] == 200


async def test_what_cannot_be_parsed_leaves_no_token_in_the_log(
    server: Wavemill, mine: Client, clip: Path
) -> None:
    job = await accepted(mine, clip)
    reader, writer = await asyncio.open_connection("127.0.0.1", server.port)
    writer.write(f"GET {job['downloadUrl']} HTTP/one.two\r\n\r\n".encode())
    assert b"400" in await reader.readline()
    writer.close()
    assert token_of(job["downloadUrl"]) not in server.log


def token_of(url: str) -> str:
    return url.partition("&token=")[2]


async def streamed(client: Client, path: str) -> AsyncIterator[dict[str, Any]]:
    """The events of a stream that any link may lead to."""
    async with client.session.get(client.url + path) as response:
        assert response.status == 200, await response.text()
        text = (await response.read()).decode()
    for block in text.split("\n\n"):
        fields = dict(line.split(": ", 1) for line in block.splitlines() if ": " in line)
        if "event" in fields:
            yield {"event": fields["event"], "data": json.loads(fields["data"])}


# --- the page -------------------------------------------------------------------------------------


@pytest.fixture
async def page(server: Wavemill) -> AsyncIterator[Page]:
    async with chromium_page(PATIENCE / 1000) as page:
        await page.goto(server.url)
        yield page


async def test_the_page_asks_once_for_the_key_and_all_works_with_it(
    server: Wavemill, page: Page, key: str, clip: Path
) -> None:
    streams: list[str] = []

    def note(request: Request) -> None:
        if "/api/events" in request.url:
            streams.append(request.url)

    page.on("request", note)
    dialog = page.get_by_role("dialog", name="API key")
    await expecting(dialog).to_be_visible()
    await expecting(page.get_by_text("No account needed.")).to_be_hidden()
    await expecting(dialog.get_by_label("Key")).to_be_focused()
    await dialog.get_by_label("Key").fill("wrong")
    await page.keyboard.press("Enter")
    await expecting(dialog.get_by_role("alert")).to_contain_text("does not accept this key")
    await dialog.get_by_label("Key").fill(key)
    await dialog.get_by_role("button", name="Continue").click()
    await offered(page)
    await expecting(page.get_by_role("dialog")).to_have_count(0)

    await page.set_input_files("#files", clip)
    await convert(page)
    target = row(page, clip.name)
    await reaches(target, "completed")
    assert streams
    assert all("&token=" in url for url in streams)
    assert (await downloaded(page, target)).stat().st_size > 1000

    await page.reload()
    await offered(page)
    await reaches(row(page, clip.name), "completed")
    assert (await downloaded(page, row(page, clip.name))).stat().st_size > 1000
    await expecting(page.get_by_role("dialog")).to_have_count(0)
    remembered = await page.evaluate("JSON.stringify(localStorage)")
    assert key not in remembered
    assert "token" not in remembered
    assert key not in server.log


async def test_a_link_that_has_grown_old_gets_a_new_token_when_it_is_pressed(
    page: Page, key: str, clip: Path
) -> None:
    await page.get_by_role("dialog").get_by_label("Key").fill(key)
    await page.keyboard.press("Enter")
    await offered(page)
    await page.set_input_files("#files", clip)
    await convert(page)
    target = row(page, clip.name)
    await reaches(target, "completed")
    await page.evaluate("const now = Date.now; Date.now = () => now() + 3_600_000;")
    link = target.get_by_role("link", name=re.compile("^Download"))
    await link.evaluate("one => { one.href = one.href.replace(/token=\\d+/, 'token=1'); }")
    assert (await downloaded(page, target)).stat().st_size > 1000
