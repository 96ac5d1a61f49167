"""Uploads that go straight to S3, and downloads that come from there, past the gateway."""

import asyncio
import io
import os
import wave
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager, nullcontext
from pathlib import Path
from typing import Any
from urllib.parse import quote

import aiohttp
import pytest
from aiohttp import web
from playwright.async_api import Page

from support.api_keys import bearing
from support.browser import chromium_page
from support.client import Client
from support.npm_packages import npm_packages
from support.problems import Reply, assert_problem
from support.redis import TestRedis
from support.s3 import OPEN_TO_PAGES, Moto
from wavemill_common.api_keys import ApiKey, digest_of, id_of, new_key
from wavemill_common.objects import ObjectStore, Part
from wavemill_common.objects.disk import DiskObjectStore
from wavemill_common.objects.s3 import S3ObjectStore
from wavemill_common.objects.s3_config import S3Config
from wavemill_common.records.sqlite import SqliteJobStore
from wavemill_common.settings import Settings
from wavemill_converter import main as converter
from wavemill_gateway import app as gateway

MIB = 1024 * 1024
PART = 5 * MIB
LIMIT = 32 * MIB
PATIENCE = 30.0  # seconds

Served = Callable[[ObjectStore], AbstractAsyncContextManager[Client]]


def noise(size: int) -> bytes:
    """A WAV file of `size` bytes of noise."""
    file = io.BytesIO()
    with wave.open(file, "wb") as sound:
        sound.setnchannels(2)
        sound.setsampwidth(2)
        sound.setframerate(44_100)
        sound.writeframes(os.urandom(size))
    return file.getvalue()


@pytest.fixture
def settings(redis_server: TestRedis, tmp_path: Path) -> Settings:
    return Settings(data_dir=tmp_path, redis_url=redis_server.url, max_upload_bytes=LIMIT)


@pytest.fixture
def pages() -> dict[str, web.Response]:
    """What the gateway serves besides, below /uppy: a browser trusts no page made up for it."""
    return {}


@pytest.fixture
def served(
    settings: Settings,
    monkeypatch: pytest.MonkeyPatch,
    session: aiohttp.ClientSession,
    pages: dict[str, web.Response],
) -> Served:
    """A gateway on a given store."""

    async def show(request: web.Request) -> web.Response:
        return pages[request.match_info["name"]]

    @asynccontextmanager
    async def serve(objects: ObjectStore) -> AsyncIterator[Client]:
        for module in (gateway, converter):
            monkeypatch.setattr(module, "open_object_store", lambda _: nullcontext(objects))
        app = gateway.create_app(settings)
        app.router.add_get("/uppy/{name}", show)
        runner = web.AppRunner(app, shutdown_timeout=1)
        await runner.setup()
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        yield Client(session, f"http://127.0.0.1:{runner.addresses[0][1]}")
        await runner.cleanup()

    return serve


@asynccontextmanager
async def converting(settings: Settings) -> AsyncIterator[None]:
    """A converter on the store that the gateway has."""
    stopping = asyncio.Event()
    task = asyncio.create_task(converter.main(settings, stopping))
    yield
    stopping.set()
    await task


@pytest.fixture
async def store(bucket: S3Config) -> AsyncIterator[S3ObjectStore]:
    async with S3ObjectStore.open(bucket) as one:
        yield one


@pytest.fixture
async def client(served: Served, store: S3ObjectStore) -> AsyncIterator[Client]:
    async with served(store) as one:
        yield one


class Direct:
    """One upload in parts, as Uppy does it."""

    def __init__(self, client: Client, begun: dict[str, Any]) -> None:
        self.client = client
        self.file_id = str(begun["fileId"])
        self.key = str(begun["key"])
        self.upload_id = str(begun["uploadId"])

    @classmethod
    async def begin(cls, client: Client, name: str = "noise.wav") -> "Direct":
        body = {"filename": name, "type": "audio/wav", "metadata": {"name": name}}
        status, begun, _ = await client.call("POST", "/s3/multipart", json=body)
        assert status == 200, begun
        return cls(client, begun)

    async def call(self, method: str, more: str = "", query: str = "", **options: Any) -> Reply:
        path = f"/s3/multipart/{quote(self.upload_id, safe='')}{more}?key={quote(self.key)}{query}"
        return await self.client.call(method, path, **options)

    async def send(self, number: int, data: bytes, query: str = "") -> dict[str, Any]:
        status, signed, _ = await self.call("GET", f"/{number}", query)
        assert status == 200, signed
        async with self.client.session.put(signed["url"], data=io.BytesIO(data)) as response:
            assert response.status == 200
            return {"PartNumber": number, "ETag": response.headers["ETag"]}

    async def complete(self, parts: list[dict[str, Any]]) -> Reply:
        return await self.call("POST", "/complete", json={"parts": parts})


async def everything(store: S3ObjectStore) -> list[str]:
    keys = [one.key async for one in store.scan("")]
    return keys + [one.upload_id async for one in store.scan_multiparts("")]


async def a_key(settings: Settings) -> dict[str, str]:
    """A new API key, as the header that shows it."""
    text = new_key()
    key = ApiKey(key_id=id_of(text) or "", name="test", digest=digest_of(text), created_at=0.0)
    async with SqliteJobStore.open(settings.records_path) as records:
        await records.add_key(key)
    return bearing(text)


async def test_what_a_key_sends_straight_to_s3_is_not_there_for_another(
    client: Client, settings: Settings
) -> None:
    mine, yours = await a_key(settings), await a_key(settings)
    _, begun, _ = await client.call("POST", "/s3/multipart", json={}, headers=mine)
    _, form, _ = await client.call("GET", "/s3/params?filename=a.wav", headers=mine)
    upload = Direct(client, begun)
    parts = {"parts": [{"PartNumber": 1, "ETag": "x"}]}
    for method, more in (("GET", ""), ("GET", "/1"), ("POST", "/complete"), ("DELETE", "")):
        for other in (yours, {}):
            found = await upload.call(method, more, headers=other, json=parts)
            body = assert_problem(found, 404, "upload_not_found")
            assert body["error"] == f"there is no upload {upload.file_id}; begin a new one"
    complete = f"/api/uploads/{form['fileId']}/complete"
    assert_problem(await client.call("POST", complete, headers=yours), 404, "upload_not_found")
    assert (await upload.call("GET", "/1", headers=mine))[0] == 200
    assert (await upload.call("DELETE", headers=mine))[0] == 200


# --- in parts ---


async def test_a_file_sent_in_parts_is_converted_and_fetched_from_s3(
    client: Client, settings: Settings, tmp_path: Path
) -> None:
    body = noise(2 * PART + 1000)
    upload = await Direct.begin(client)
    third = await upload.send(3, body[2 * PART :])
    first = await upload.send(1, body[:PART], f"&size={PART}")
    _, there, _ = await upload.call("GET")
    listed: Any = there
    sizes = {one["PartNumber"]: one["Size"] for one in listed}
    assert sizes == {1: PART, 3: len(body) - 2 * PART}
    second = await upload.send(2, body[PART : 2 * PART])
    status, done, _ = await upload.complete([first, second, third])
    assert status == 200, done
    assert done["location"] == f"/api/uploads/{upload.file_id}"
    assert done["upload"]["complete"] is True
    assert done["upload"]["media"]["sampleRate"] == 44_100
    assert (await upload.complete([first, second, third]))[:2] == (200, done)

    async with converting(settings):
        job = await client.convert(upload.file_id, "mp3")
        assert (await client.wait(job))["status"] == "completed"
    streamed = (await client.download(job, tmp_path / "a.mp3")).read_bytes()
    path = f"/api/download?jobId={job}&presigned=1"
    status, _, headers = await client.call("GET", path, allow_redirects=False)
    assert status == 302
    assert headers["Cache-Control"] == "no-store"
    assert headers["Referrer-Policy"] == "no-referrer"
    assert "X-Amz-Expires=300" in headers["Location"]
    async with client.session.get(headers["Location"]) as response:
        assert await response.read() == streamed
        assert 'filename="noise.mp3"' in response.headers["Content-Disposition"]


@pytest.mark.parametrize("crash", ["before", "after"])
async def test_a_completion_that_crashed_is_made_up_for(
    client: Client, store: S3ObjectStore, crash: str
) -> None:
    upload = await Direct.begin(client)
    part = await upload.send(1, noise(1000))
    if crash == "after":
        (multipart,) = [one async for one in store.scan_multiparts("")]
        parts = [Part(1, 1044, part["ETag"].strip('"'))]
        await store.complete_multipart(upload.key, multipart.upload_id, parts)
    status, done, _ = await upload.complete([part])
    assert (status, done["upload"]["size"]) == (200, 1044)


async def test_parts_that_are_not_those_named_are_not_joined(client: Client) -> None:
    upload = await Direct.begin(client)
    body = noise(PART)
    first = await upload.send(1, body[:PART])
    third = await upload.send(3, body[PART:])
    problem = assert_problem(await upload.complete([first]), 409, "upload_incomplete")
    assert problem["missing"] == [3]
    problem = assert_problem(await upload.complete([first, third]), 409, "upload_incomplete")
    assert problem["missing"] == [2]
    other = {**first, "ETag": '"00000000000000000000000000000000"'}
    assert_problem(await upload.complete([other, third]), 409, "upload_incomplete")


async def test_parts_that_are_too_small_are_refused(client: Client) -> None:
    upload = await Direct.begin(client)
    parts = [await upload.send(number, noise(1000)) for number in (1, 2)]
    assert_problem(await upload.complete(parts), 400, "invalid_chunk")


async def test_what_is_no_audio_is_refused_and_gone(client: Client, store: S3ObjectStore) -> None:
    upload = await Direct.begin(client, "notes.wav")
    part = await upload.send(1, b"Dear diary, " * 1000)
    assert_problem(await upload.complete([part]), 400, "invalid_format")
    assert await everything(store) == []
    assert (await client.call("GET", f"/api/uploads/{upload.file_id}"))[0] == 404


async def test_more_than_the_limit_is_refused_and_gone(
    client: Client, store: S3ObjectStore
) -> None:
    upload = await Direct.begin(client)
    body = noise(LIMIT)
    _, signed, _ = await upload.call("GET", "/1")
    async with client.session.put(signed["url"], data=io.BytesIO(body)) as response:
        part = {"PartNumber": 1, "ETag": response.headers["ETag"]}
    assert_problem(await upload.call("GET", "/2"), 413, "file_too_large")
    assert_problem(await upload.complete([part]), 413, "file_too_large")
    assert await everything(store) == []


async def test_an_aborted_upload_leaves_nothing(client: Client, store: S3ObjectStore) -> None:
    upload = await Direct.begin(client)
    await upload.send(1, noise(1000))
    assert (await upload.call("DELETE"))[:2] == (200, {})
    assert await everything(store) == []
    assert_problem(await upload.call("GET"), 404, "upload_not_found")


async def test_key_and_upload_belong_together(client: Client) -> None:
    mine, other = await Direct.begin(client), await Direct.begin(client)
    for key in (other.key, "", "uploads/../x", "conversions/x"):
        mixed = Direct(client, {"fileId": "", "key": key, "uploadId": mine.upload_id})
        for method, more in (("GET", ""), ("GET", "/1"), ("DELETE", "")):
            assert_problem(await mixed.call(method, more), 404, "upload_not_found")
        assert_problem(await mixed.complete([]), 404, "upload_not_found")
    for number in ("0", "10001", "x", "-1"):
        assert_problem(await mine.call("GET", f"/{number}"), 400, "invalid_chunk")


# --- as one form ---


async def send_form(client: Client, body: bytes) -> str:
    status, form, headers = await client.call("GET", "/s3/params?filename=noise.wav&type=audio/wav")
    assert (status, headers["Cache-Control"]) == (200, "no-store")
    data = aiohttp.FormData(form["fields"])
    data.add_field("file", io.BytesIO(body), filename="noise.wav")
    async with client.session.post(form["url"], data=data) as response:
        assert response.status < 300, await response.text()
    return str(form["fileId"])


async def test_a_file_sent_as_a_form_becomes_an_upload(
    client: Client, store: S3ObjectStore
) -> None:
    body = noise(100_000)
    file_id = await send_form(client, body)
    status, done, _ = await client.call("POST", f"/api/uploads/{file_id}/complete")
    assert (status, done["size"], done["complete"]) == (200, len(body), True)
    assert await everything(store) == [f"uploads/{file_id}.wav"]


async def test_a_form_that_was_not_sent_completes_nothing(client: Client) -> None:
    _, form, _ = await client.call("GET", "/s3/params?filename=noise.wav")
    answer = await client.call("POST", f"/api/uploads/{form['fileId']}/complete")
    assert_problem(answer, 409, "upload_incomplete")


# --- where it cannot be ---


async def test_without_s3_direct_uploads_are_not_found_and_downloads_are_streamed(
    served: Served, settings: Settings, tmp_path: Path, lena: Path
) -> None:
    async with served(DiskObjectStore(tmp_path / "objects")) as client:
        answer = await client.call("POST", "/s3/multipart", json={"filename": "a.wav"})
        assert_problem(answer, 404, "not_found")
        assert "/api/upload-audio" in answer[1]["error"]
        assert_problem(await client.call("GET", "/s3/params?filename=a"), 404, "not_found")
        assert_problem(await client.call("GET", "/s3/multipart/x?key=y"), 404, "not_found")
        upload = await client.upload(lena / "lena.wav")
        async with converting(settings):
            job = await client.convert(upload["fileId"], "mp3")
            await client.wait(job)
        status, _, _ = await client.call("GET", f"/api/download?jobId={job}&presigned=1")
        assert status == 200


# --- Uppy, as it comes from npm ---

PAGE = """<!doctype html><meta charset="utf-8"><input type="file" id="file"><script type="module">
import { Uppy, AwsS3 } from '/uppy/bundle.js'
const MIB = 1024 * 1024
window.send = (inParts) => new Promise((resolve, reject) => {
  const uppy = new Uppy()
  uppy.use(AwsS3, { companionEndpoint: location.origin, shouldUseMultipart: inParts,
                    getChunkSize: () => 5 * MIB })
  let parts = 0
  uppy.on('s3-multipart:part-uploaded', () => { parts += 1 })
  uppy.on('upload-success', (_, response) => resolve({ parts, ...response.body }))
  uppy.on('upload-error', (_, error) => reject(error))
  const [data] = document.getElementById('file').files
  uppy.addFile({ name: 'n\u00f6ise.wav', type: 'audio/wav', data })
  uppy.upload()
})
</script>"""


@pytest.fixture
async def uppy_page(
    client: Client,
    pages: dict[str, web.Response],
    s3_server: Moto,
    bucket: S3Config,
) -> AsyncIterator[Page]:
    """A page of the gateway's origin with Uppy on it."""
    s3_server.client.put_bucket_cors(Bucket=bucket.bucket, CORSConfiguration=OPEN_TO_PAGES)

    bundle = (npm_packages() / "bundle.js").read_bytes()
    pages["bundle.js"] = web.Response(body=bundle, content_type="text/javascript")
    open_to_all = {"Content-Security-Policy": "default-src * 'unsafe-inline'"}
    pages["page"] = web.Response(text=PAGE, content_type="text/html", headers=open_to_all)
    async with chromium_page(PATIENCE) as one:
        await one.goto(f"{client.url}/uppy/page")
        yield one


async def sent_by_uppy(page: Page, path: Path, *, in_parts: bool) -> dict[str, Any]:
    await page.set_input_files("#file", path)
    result: dict[str, Any] = await page.evaluate(f"send({str(in_parts).lower()})")
    return result


async def test_uppy_sends_a_file_in_parts_and_it_is_converted(
    uppy_page: Page, client: Client, settings: Settings, tmp_path: Path, store: S3ObjectStore
) -> None:
    body = noise(22 * MIB)
    (tmp_path / "noise.wav").write_bytes(body)
    sent = await sent_by_uppy(uppy_page, tmp_path / "noise.wav", in_parts=True)
    assert sent["parts"] == 5
    _, upload, _ = await client.call("GET", sent["location"])
    assert (upload["fileName"], upload["size"]) == ("nöise.wav", len(body))
    assert b"".join([one async for one in store.read(sent["key"])]) == body
    async with converting(settings):
        job = await client.convert(upload["fileId"], "mp3")
        assert (await client.wait(job))["status"] == "completed"


async def test_uppy_sends_a_small_file_as_a_form(
    uppy_page: Page, client: Client, tmp_path: Path
) -> None:
    (tmp_path / "noise.wav").write_bytes(noise(MIB))
    sent = await sent_by_uppy(uppy_page, tmp_path / "noise.wav", in_parts=False)
    file_id = sent["key"].split("/")[2]  # uploads/chunks/{fileId}/part-0
    status, upload, _ = await client.call("POST", f"/api/uploads/{file_id}/complete")
    assert (status, upload["complete"]) == (200, True)
