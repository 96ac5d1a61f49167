"""What is deleted when its owner says so: a job with its upload, at once or after its download."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import aiohttp
import pytest

from support.chunks import MIB, write_wav
from support.client import Client
from support.problems import assert_problem
from support.server import Wavemill, eventually


@pytest.fixture
async def file_id(client: Client, lena: Path) -> str:
    return str((await client.upload(lena / "lena.mp3"))["fileId"])


async def completed(client: Client, file_id: str, **asked: object) -> str:
    wanted = asked if "outputs" in asked else {"format": "wav", **asked}
    reply = await client.call("POST", "/api/convert-audio", json={"fileId": file_id, **wanted})
    job_id = str(reply[1]["jobId"])
    assert (await client.wait(job_id))["status"] == "completed"
    return job_id


@asynccontextmanager
async def downloading(
    client: Client, job_id: str, query: str = "", **headers: str
) -> AsyncIterator[aiohttp.ClientResponse]:
    url = f"{client.url}/api/download?jobId={job_id}{query}"
    async with client.session.get(url, headers=headers) as response:
        yield response


async def fetch(client: Client, job_id: str, query: str = "", **headers: str) -> int:
    async with downloading(client, job_id, query, **headers) as response:
        await response.read()
        return response.status


async def is_gone(client: Client, wavemill: Wavemill, job_id: str, file_id: str) -> None:
    """Neither a file nor a record is left of it."""
    await eventually(lambda: not wavemill.kept.keys(job_id) + wavemill.kept.keys(file_id))
    for path in (f"/api/jobs/{job_id}", f"/api/download?jobId={job_id}"):
        assert_problem(await client.call("GET", path), 404, "job_not_found")
    reply = await client.call("GET", f"/api/uploads/{file_id}")
    assert_problem(reply, 404, "upload_not_found")


async def test_deleting_a_job_deletes_its_upload_too(
    client: Client, wavemill: Wavemill, file_id: str
) -> None:
    job_id = await completed(client, file_id)
    assert (await client.call("DELETE", f"/api/jobs/{job_id}"))[0] == 204
    await is_gone(client, wavemill, job_id, file_id)


async def test_an_upload_stays_while_another_job_needs_it(
    client: Client, file_id: str, long_audio: Path
) -> None:
    file_id = (await client.upload(long_audio))["fileId"]
    short = await client.convert(file_id, "wav", options={"trimEnd": 1})
    running = await client.convert(file_id, "opus")
    await client.wait(short)
    assert (await client.call("DELETE", f"/api/jobs/{short}"))[0] == 204
    assert (await client.call("GET", f"/api/uploads/{file_id}"))[0] == 200
    assert (await client.call("DELETE", f"/api/jobs/{running}"))[1]["status"] == "cancelled"
    assert (await client.call("DELETE", f"/api/jobs/{running}"))[0] == 204
    reply = await client.call("GET", f"/api/uploads/{file_id}")
    assert_problem(reply, 404, "upload_not_found")


async def test_a_result_is_deleted_after_its_download_where_that_was_asked_for(
    client: Client, wavemill: Wavemill, file_id: str
) -> None:
    job_id = await completed(client, file_id, deleteAfterDownload=True)
    assert await fetch(client, job_id) == 200
    await is_gone(client, wavemill, job_id, file_id)


async def test_a_result_stays_where_nothing_was_asked_for(client: Client, file_id: str) -> None:
    job_id = await completed(client, file_id)
    assert [await fetch(client, job_id) for _ in range(3)] == [200, 200, 200]


async def test_nothing_is_deleted_before_every_result_has_gone_out(
    client: Client, wavemill: Wavemill, file_id: str
) -> None:
    outputs = [{"format": "wav"}, {"format": "flac"}, {"format": "mp3"}]
    job_id = await completed(client, file_id, outputs=outputs, deleteAfterDownload=True)
    for _ in range(2):
        assert await fetch(client, job_id, "&output=0") == 200
        assert await fetch(client, job_id, "&output=2") == 200
    assert await fetch(client, job_id, "&output=1") == 200
    await is_gone(client, wavemill, job_id, file_id)


async def test_results_that_go_out_at_once_are_all_counted(
    client: Client, wavemill: Wavemill, file_id: str
) -> None:
    outputs = [{"format": "wav", "options": {"trimEnd": 1 + number}} for number in range(8)]
    job_id = await completed(client, file_id, outputs=outputs, deleteAfterDownload=True)
    fetched = [fetch(client, job_id, f"&output={number}") for number in range(8)]
    assert await asyncio.gather(*fetched) == [200] * 8
    await is_gone(client, wavemill, job_id, file_id)


async def test_a_part_and_a_look_do_not_count(client: Client, file_id: str) -> None:
    job_id = await completed(client, file_id, deleteAfterDownload=True)
    status, _, headers = await client.call("HEAD", f"/api/download?jobId={job_id}")
    assert status == 200
    assert await fetch(client, job_id, Range="bytes=0-99") == 206
    assert await fetch(client, job_id, Range="bytes=1-") == 206
    assert await fetch(client, job_id, **{"If-None-Match": headers["ETag"]}) == 304
    assert (await client.call("HEAD", f"/api/download?jobId={job_id}"))[0] == 200
    assert await fetch(client, job_id, Range="bytes=0-") == 206
    await eventually_missing(client, f"/api/jobs/{job_id}")


async def test_a_broken_download_does_not_count(client: Client, tmp_path: Path) -> None:
    large = write_wav(tmp_path / "large.wav", 40 * MIB)  # more than the buffers on the way hold
    job_id = await completed(
        client, (await client.upload(large))["fileId"], deleteAfterDownload=True
    )
    async with downloading(client, job_id) as response:
        await response.content.readexactly(1000)
        response.close()
    assert await fetch(client, job_id) == 200
    await eventually_missing(client, f"/api/jobs/{job_id}")


async def eventually_missing(client: Client, path: str) -> None:
    async with asyncio.timeout(10):
        while (await client.call("GET", path))[0] != 404:
            await asyncio.sleep(0.01)


async def test_the_one_shot_keeps_nothing_where_that_is_asked_for(
    client: Client, wavemill: Wavemill, lena: Path
) -> None:
    before = wavemill.kept.keys()
    form = aiohttp.FormData()
    form.add_field("format", "wav")
    form.add_field("deleteAfterDownload", "true")
    form.add_field("file", (lena / "lena.mp3").read_bytes(), filename="lena.mp3")
    async with client.session.post(f"{client.url}/api/convert", data=form) as response:
        assert response.status == 200
        assert len(await response.read()) > 1_000_000
    await eventually(lambda: wavemill.kept.keys() == before)
