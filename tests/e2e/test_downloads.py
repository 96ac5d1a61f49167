"""Downloads: whole, in ranges, again, under a name that every client understands."""

import asyncio
from collections.abc import Callable
from email.utils import parsedate_to_datetime
from pathlib import Path
from urllib.parse import unquote

import aiohttp
import pytest
from multidict import CIMultiDictProxy

from support.client import Client
from support.problems import assert_problem
from support.server import Wavemill

UNKNOWN = "C" * 32
NAME = "Ünïcode “名” 100%.mp3"

Reply = tuple[int, bytes, "CIMultiDictProxy[str]"]


@pytest.fixture(scope="module")
def result(wavemill: Wavemill, lena: Path) -> tuple[str, bytes]:
    """A finished job, and the bytes that are stored as its result."""

    async def convert() -> str:
        async with aiohttp.ClientSession() as session:
            client = Client(session, wavemill.url)
            upload = await client.upload(lena / "lena.mp3", NAME)
            job_id = await client.convert(upload["fileId"], "flac")
            assert (await client.wait(job_id))["status"] == "completed"
            return job_id

    job_id = asyncio.run(convert())
    return job_id, stored_result(wavemill, job_id).read_bytes()


def stored_result(server: Wavemill, job_id: str) -> Path:
    """Where the result of a job lies."""
    files = (server.data_dir / "objects").rglob("*")
    (path,) = [one for one in files if job_id in str(one) and one.is_file()]
    return path


async def get(client: Client, job_id: str, method: str = "GET", **headers: str) -> Reply:
    """Download; header names are written with _ for -."""
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    url = f"{client.url}/api/download?jobId={job_id}"
    async with client.session.request(method, url, headers=named) as response:
        return response.status, await response.read(), response.headers


async def test_a_whole_result_comes_with_all_its_headers(
    client: Client, result: tuple[str, bytes]
) -> None:
    job_id, content = result
    status, body, headers = await get(client, job_id)
    (output,) = (await client.progress(job_id))["outputs"]
    assert (status, body) == (200, content)
    assert headers["Content-Length"] == str(len(content)) == str(output["size"])
    assert headers["Content-Type"] == "audio/flac"
    assert headers["ETag"] == f'"{output["sha256"]}"'
    assert headers["Accept-Ranges"] == "bytes"
    assert headers["X-Content-Type-Options"] == "nosniff"
    assert headers["Content-Security-Policy"] == "sandbox"
    assert parsedate_to_datetime(headers["Last-Modified"]).year >= 2025


async def test_a_head_has_the_headers_without_the_body(
    client: Client, result: tuple[str, bytes]
) -> None:
    job_id, content = result
    status, body, headers = await get(client, job_id, "HEAD")
    _, _, of_get = await get(client, job_id)
    assert (status, body, headers["Content-Length"]) == (200, b"", str(len(content)))
    changing = {"X-Request-Id", "Date"}
    assert {name: headers[name] for name in set(headers) - changing} == {
        name: of_get[name] for name in set(of_get) - changing
    }
    status, _, headers = await get(client, job_id, "HEAD", Range="bytes=0-9")
    assert (status, headers["Content-Length"]) == (200, str(len(content)))


async def test_a_name_is_told_in_both_forms(client: Client, result: tuple[str, bytes]) -> None:
    _, _, headers = await get(client, result[0])
    plain, extended = headers["Content-Disposition"].removeprefix("attachment; ").split("; ")
    assert plain.isascii()
    assert plain.startswith('filename="Unicode ')
    assert plain.endswith('.flac"')
    name, _, value = extended.partition("''")
    assert name == "filename*=UTF-8"
    assert unquote(value) == NAME.replace(".mp3", ".flac")


@pytest.mark.parametrize(
    ("asked", "start", "end"),
    [
        ("bytes=0-0", 0, 1),
        ("bytes=0-99", 0, 100),
        ("bytes=1000-2999", 1000, 3000),
        ("bytes=5000-", 5000, None),
        ("bytes=-100", -100, None),
        ("bytes=-99999999", 0, None),
        ("bytes=100-99999999999999999999999", 100, None),
    ],
)
async def test_a_range_is_served_as_asked(
    client: Client, result: tuple[str, bytes], asked: str, start: int, end: int | None
) -> None:
    job_id, content = result
    status, body, headers = await get(client, job_id, Range=asked)
    first = start % len(content)
    assert (status, body) == (206, content[start:end])
    assert headers["Content-Range"] == f"bytes {first}-{first + len(body) - 1}/{len(content)}"
    assert headers["Content-Length"] == str(len(body))


@pytest.mark.parametrize("asked", ["bytes={}-", "bytes={}-{}", "bytes=9{}-", "bytes=-0"])
async def test_a_range_beyond_the_end_tells_the_size(
    client: Client, result: tuple[str, bytes], asked: str
) -> None:
    job_id, content = result
    path = f"/api/download?jobId={job_id}"
    headers = {"Range": asked.format(len(content), len(content))}
    reply = await client.call("GET", path, headers=headers)
    assert_problem(reply, 416, "range_not_satisfiable")
    assert reply[2]["Content-Range"] == f"bytes */{len(content)}"


@pytest.mark.parametrize(
    "asked", ["bytes=5-1", "bytes=-", "bytes=a-b", "lines=0-5", "bytes=0-1,5-6"]
)
async def test_whatever_is_not_one_good_range_is_ignored(
    client: Client, result: tuple[str, bytes], asked: str
) -> None:
    job_id, content = result
    status, body, _ = await get(client, job_id, Range=asked)
    assert (status, body) == (200, content)


async def test_a_range_holds_only_for_the_version_that_it_names(
    client: Client, result: tuple[str, bytes]
) -> None:
    job_id, content = result
    _, _, headers = await get(client, job_id, "HEAD")
    for known in (headers["ETag"], headers["Last-Modified"]):
        status, body, _ = await get(client, job_id, Range="bytes=0-9", If_Range=known)
        assert (status, body) == (206, content[:10])
    for other in ('"other"', f"W/{headers['ETag']}", "Sun, 06 Nov 1994 08:49:37 GMT"):
        status, body, _ = await get(client, job_id, Range="bytes=0-9", If_Range=other)
        assert (status, body) == (200, content)


async def test_a_known_version_is_not_sent_again(client: Client, result: tuple[str, bytes]) -> None:
    job_id, _ = result
    _, _, headers = await get(client, job_id, "HEAD")
    for known in (headers["ETag"], f"W/{headers['ETag']}", f'"x", {headers["ETag"]}', "*"):
        status, body, again = await get(client, job_id, If_None_Match=known)
        assert (status, body, again["ETag"]) == (304, b"", headers["ETag"])
    assert (await get(client, job_id, If_None_Match='"other"'))[0] == 200


async def test_parts_make_the_whole(client: Client, result: tuple[str, bytes]) -> None:
    job_id, content = result
    step = len(content) // 7
    parts = [
        await get(client, job_id, Range=f"bytes={start}-{start + step - 1}")
        for start in range(0, len(content), step)
    ]
    assert b"".join(body for _, body, _ in parts) == content


@pytest.mark.parametrize("output", ["1", "-1", "a", "", "9" * 5000])
async def test_an_output_that_there_is_not_is_refused(
    client: Client, result: tuple[str, bytes], output: str
) -> None:
    path = f"/api/download?jobId={result[0]}&output={output}"
    assert_problem(await client.call("GET", path), 400, "invalid_request")
    assert (await client.call("GET", f"/api/download?jobId={result[0]}&output=0"))[0] == 200


async def test_a_job_that_runs_is_not_ready(client: Client, long_audio: Path) -> None:
    upload = await client.upload(long_audio)
    job_id = await client.convert(upload["fileId"], "ogg")
    reply = await client.call("GET", f"/api/download?jobId={job_id}")
    body = assert_problem(reply, 409, "not_ready")
    assert int(reply[2]["Retry-After"]) == body["retryAfter"] >= 1
    await client.call("DELETE", f"/api/jobs/{job_id}")
    reply = await client.call("GET", f"/api/download?jobId={job_id}")
    assert_problem(reply, 409, "cancelled")


async def test_a_failed_job_tells_its_own_error(client: Client) -> None:
    form = aiohttp.FormData()
    form.add_field("file", bytes(range(256)) * 40, filename="a.mp3")
    _, upload, _ = await client.call("POST", "/api/upload-audio", data=form)
    job_id = await client.convert(upload["fileId"], "mp3")
    error = (await client.wait(job_id))["error"]
    body = assert_problem(
        await client.call("GET", f"/api/download?jobId={job_id}"), 409, error["code"]
    )
    assert (body["error"], body["httpStatus"]) == (error["message"], error["httpStatus"])


async def test_unknown_and_removed_jobs_are_not_found(client: Client, lena: Path) -> None:
    upload = await client.upload(lena / "lena.mp3")
    job_id = await client.convert(upload["fileId"], "wav")
    await client.wait(job_id)
    assert (await get(client, job_id))[0] == 200
    await client.call("DELETE", f"/api/jobs/{job_id}")
    for one in (job_id, UNKNOWN):
        reply = await client.call("GET", f"/api/download?jobId={one}")
        assert_problem(reply, 404, "job_not_found")


async def test_a_result_outlives_its_upload(client: Client, lena: Path) -> None:
    upload = await client.upload(lena / "lena.mp3")
    job_id = await client.convert(upload["fileId"], "wav")
    await client.wait(job_id)
    assert (await client.call("DELETE", f"/api/uploads/{upload['fileId']}"))[0] == 204
    assert (await get(client, job_id))[0] == 200


async def test_a_result_that_is_damaged_or_gone_is_never_passed_off_as_whole(
    start_wavemill: Callable[..., Wavemill], session: aiohttp.ClientSession, lena: Path
) -> None:
    server = start_wavemill()
    client = Client(session, server.url)
    upload = await client.upload(lena / "lena.mp3")
    job_id = await client.convert(upload["fileId"], "wav")
    await client.wait(job_id)
    path = stored_result(server, job_id)
    path.write_bytes(path.read_bytes()[:1000])
    with pytest.raises(aiohttp.ClientPayloadError):
        async with asyncio.timeout(10):
            await get(client, job_id)
    path.unlink()
    reply = await client.call("GET", f"/api/download?jobId={job_id}")
    assert_problem(reply, 410, "expired")
