"""Jobs: accepted once, followed by polling and by events, cancelled, removed."""

import asyncio
import json
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import aiohttp
import psutil
import pytest
import redis

from support.client import Client
from support.problems import assert_problem
from support.server import Wavemill, eventually, running, wait_until
from wavemill_common.stores import REDIS_URL_FILE

UNKNOWN = "B" * 32
PROGRESS = {
    "jobId", "status", "stage", "progress", "currentTime", "totalDuration",
    "estimatedTimeRemaining", "startTime", "speed", "queuePosition", "attempt", "revision",
    "error", "outputs", "awaits",
}  # fmt: skip
FINAL = {"completed", "failed", "cancelled"}


@pytest.fixture(scope="module")
def wavemill(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Wavemill]:
    """A wavemill of this module's own: its tests count what runs and what waits."""
    with running(tmp_path_factory.mktemp("jobs") / "data") as server:
        yield server


@pytest.fixture
async def file_id(client: Client, lena: Path) -> str:
    """A short upload, converted within a second."""
    return str((await client.upload(lena / "lena.mp3"))["fileId"])


@pytest.fixture
async def long_id(client: Client, long_audio: Path) -> str:
    """An upload whose conversion takes long enough to be watched and cancelled."""
    return str((await client.upload(long_audio))["fileId"])


async def submit(client: Client, key: str | None, **asked: Any) -> tuple[int, dict[str, Any], Any]:
    headers = {} if key is None else {"Idempotency-Key": key}
    return await client.call("POST", "/api/convert-audio", json=asked, headers=headers)


async def cancel(client: Client, *job_ids: str) -> None:
    for job_id in job_ids:
        await client.call("DELETE", f"/api/jobs/{job_id}")


# --- accepting ------------------------------------------------------------------------------------


async def test_an_accepted_job_tells_where_to_follow_it(client: Client, file_id: str) -> None:
    status, body, _ = await submit(client, None, fileId=file_id, format="mp3")
    assert status == 202
    job_id = body["jobId"]
    assert body == {
        "jobId": job_id,
        "status": "created",
        "progressUrl": f"/api/progress?jobId={job_id}",
        "eventsUrl": f"/api/events?jobId={job_id}",
        "downloadUrl": f"/api/download?jobId={job_id}",
    }
    assert (await client.wait(job_id))["status"] == "completed"
    assert (await client.call("GET", body["progressUrl"]))[0] == 200
    assert (await client.call("HEAD", body["downloadUrl"]))[0] == 200


async def test_without_a_key_every_post_is_a_new_job(client: Client, file_id: str) -> None:
    assert await client.convert(file_id, "mp3") != await client.convert(file_id, "mp3")


async def test_the_same_key_and_body_get_the_same_job(client: Client, file_id: str) -> None:
    asked = {"fileId": file_id, "format": "mp3"}
    replies = await asyncio.gather(*(submit(client, "key-1", **asked) for _ in range(5)))
    assert {status for status, _, _ in replies} == {202}
    (job_id,) = {body["jobId"] for _, body, _ in replies}
    await client.wait(job_id)
    status, body, _ = await submit(
        client, "key-1", format="mp3", quality="standard", fileId=file_id
    )
    assert (status, body["jobId"], body["status"]) == (202, job_id, "completed")


async def test_the_same_key_with_another_body_is_refused(client: Client, file_id: str) -> None:
    assert (await submit(client, "key-2", fileId=file_id, format="mp3"))[0] == 202
    reply = await submit(client, "key-2", fileId=file_id, format="flac")
    assert_problem(reply, 422, "idempotency_key_reused")


@pytest.mark.parametrize("key", ["", "a b", "é", "x" * 256])
async def test_a_malformed_key_is_refused(client: Client, file_id: str, key: str) -> None:
    reply = await submit(client, key, fileId=file_id, format="mp3")
    body = assert_problem(reply, 400, "invalid_request")
    assert "Idempotency-Key" in body["error"]


async def test_a_record_shows_the_job_but_nothing_that_is_ours(
    client: Client, file_id: str
) -> None:
    job_id = await client.convert(file_id, "ogg", options={"channels": 2})
    await client.wait(job_id)
    status, body, _ = await client.call("GET", f"/api/jobs/{job_id}")
    assert status == 200
    assert (body["jobId"], body["fileId"], body["format"]) == (job_id, file_id, "ogg")
    assert (body["status"], body["quality"], body["fileName"]) == (
        "completed", "standard", "lena.mp3",
    )  # fmt: skip
    assert body["options"] == {"channels": 2}
    assert body["outputs"][0]["fileName"] == "lena.ogg"
    told = json.dumps(body)
    assert not [word for word in ("claimId", "requestHash", "uploads/", "S3Loc") if word in told]


async def test_a_retry_of_an_unknown_job_is_not_found(client: Client) -> None:
    reply = await client.call("POST", f"/api/jobs/{UNKNOWN}/retry")
    assert_problem(reply, 404, "job_not_found")


# --- polling --------------------------------------------------------------------------------------


async def test_polling_tells_everything_and_is_never_cached(client: Client, file_id: str) -> None:
    job_id = await client.convert(file_id, "mp3")
    ended = await client.wait(job_id)
    assert set(ended) == PROGRESS
    assert (ended["status"], ended["stage"], ended["progress"]) == ("completed",) * 2 + (100,)
    assert (ended["error"], ended["estimatedTimeRemaining"]) == (None, 0)
    assert ended["totalDuration"].startswith("00:00:12.")
    (output,) = ended["outputs"]
    assert (output["format"], output["fileName"]) == ("mp3", "lena.mp3")
    _, _, headers = await client.call("GET", f"/api/progress?jobId={job_id}")
    assert headers["Cache-Control"] == "no-cache, no-store, must-revalidate"
    assert headers["Pragma"] == "no-cache"
    assert headers["ETag"] == f'"{ended["revision"]}"'


async def test_what_is_known_already_is_not_sent_again(client: Client, file_id: str) -> None:
    job_id = await client.convert(file_id, "mp3")
    etag = f'"{(await client.wait(job_id))["revision"]}"'
    path = f"/api/progress?jobId={job_id}"
    for known in (etag, f"W/{etag}", f'"1", {etag}', "*"):
        status, body, headers = await client.call("GET", path, headers={"If-None-Match": known})
        assert (status, body, headers["ETag"]) == (304, {}, etag)
    assert (await client.call("GET", path, headers={"If-None-Match": '"1"'}))[0] == 200


async def test_a_wait_ends_early_when_there_is_news(client: Client, long_id: str) -> None:
    job_id = await client.convert(long_id, "ogg")
    path = f"/api/progress?jobId={job_id}&wait=25"
    async with asyncio.timeout(10):
        await client.wait_for_stage(job_id, "converting")
        status, before, headers = await client.call("GET", path)
        assert status == 200
        waiting = asyncio.create_task(
            client.call("GET", path, headers={"If-None-Match": headers["ETag"]})
        )
        await cancel(client, job_id)
        status, after, _ = await waiting
    assert status == 200
    assert after["revision"] > before["revision"]
    async with asyncio.timeout(5):  # an ended job has no news to wait for
        assert (await client.call("GET", path))[1]["status"] == "cancelled"


async def test_a_wait_without_news_ends_as_not_modified(
    client: Client, long_id: str, wavemill: Wavemill
) -> None:
    busy = [await client.convert(long_id, "ogg") for _ in range(2)]
    for one in busy:
        await client.wait_for_stage(one, "converting")
    job_id = await client.convert(long_id, "mp3")
    etag = f'"{(await client.progress(job_id))["revision"]}"'
    path = f"/api/progress?jobId={job_id}&wait=0.2"
    status, _, _ = await client.call("GET", path, headers={"If-None-Match": etag})
    assert status == 304
    await cancel(client, job_id, *busy)
    await eventually(lambda: not wavemill.ffmpegs())


@pytest.mark.parametrize("wait", ["-1", "61", "nan", "inf", "abc", ""])
async def test_a_wild_wait_is_refused(client: Client, wait: str) -> None:
    reply = await client.call("GET", "/api/progress", params={"jobId": UNKNOWN, "wait": wait})
    assert_problem(reply, 400, "invalid_request")


async def test_jobs_that_wait_tell_their_place_in_the_queue(
    client: Client, long_id: str, wavemill: Wavemill
) -> None:
    busy = [await client.convert(long_id, "ogg") for _ in range(2)]
    for one in busy:
        body = await client.wait_for_stage(one, "converting")
        assert body["queuePosition"] == 0
    waiting = [await client.convert(long_id, "mp3") for _ in range(3)]
    assert [(await client.progress(one))["queuePosition"] for one in waiting] == [1, 2, 3]
    await cancel(client, waiting[0])
    assert [(await client.progress(one))["queuePosition"] for one in waiting] == [None, 1, 2]
    await cancel(client, *waiting, *busy)
    await eventually(lambda: not wavemill.ffmpegs())


async def test_progress_never_goes_back(client: Client, tmp_path: Path, ffmpeg: str) -> None:
    path = tmp_path / "minutes.flac"
    source = ["-f", "lavfi", "-i", "anoisesrc=d=300:r=22050:a=0.1"]
    subprocess.run([ffmpeg, "-v", "error", *source, str(path)], check=True)
    upload = await client.upload(path)
    job_id = await client.convert(upload["fileId"], "aac")
    polled: list[dict[str, Any]] = []

    async def listen() -> list[dict[str, Any]]:
        return [event["data"] async for event in client.events(job_id)]

    listening = asyncio.create_task(listen())
    async with asyncio.timeout(60):
        while not polled or polled[-1]["status"] not in FINAL:
            polled.append(await client.progress(job_id))
    streamed = await listening
    for seen in (polled, streamed):
        assert seen[-1]["status"] == "completed"
        for name in ("progress", "revision", "attempt"):
            values = [one[name] for one in seen]
            assert values == sorted(values), name
    assert len({one["progress"] for one in streamed}) > 3


# --- cancelling and removing ----------------------------------------------------------------------


async def test_cancelling_kills_ffmpeg_and_leaves_nothing(
    client: Client, wavemill: Wavemill, long_id: str
) -> None:
    job_id = await client.convert(long_id, "ogg")
    await client.wait_for_stage(job_id, "converting")
    (encoder,) = wavemill.ffmpegs()
    status, body, _ = await client.call("DELETE", f"/api/jobs/{job_id}")
    assert (status, body["status"], body["stage"], body["progress"]) == (
        200, "cancelled", "cancelled", -1,
    )  # fmt: skip
    await eventually(lambda: not encoder.is_running(), timeout=3)
    scratch = wavemill.data_dir / "scratch"
    await eventually(lambda: not [one for one in scratch.glob("*/*") if one.is_dir()], timeout=3)
    progress = await client.progress(job_id)
    assert (progress["status"], progress["progress"], progress["error"]) == ("cancelled", -1, None)
    assert_problem(await client.call("GET", f"/api/download?jobId={job_id}"), 409, "cancelled")


async def test_a_job_that_waits_can_be_cancelled(
    client: Client, wavemill: Wavemill, long_id: str
) -> None:
    jobs = [await client.convert(long_id, "ogg") for _ in range(3)]
    for job_id in reversed(jobs):
        status, body, _ = await client.call("DELETE", f"/api/jobs/{job_id}")
        assert (status, body["status"]) == (200, "cancelled")
    await eventually(lambda: not wavemill.ffmpegs(), timeout=3)


async def test_deleting_an_ended_job_removes_it_and_its_files(
    client: Client, wavemill: Wavemill, file_id: str
) -> None:
    job_id = await client.convert(file_id, "flac")
    await client.wait(job_id)
    assert wavemill.kept.keys(job_id)
    assert (await client.call("DELETE", f"/api/jobs/{job_id}"))[0] == 204
    assert not wavemill.kept.keys(job_id)
    for method, path in (
        ("DELETE", f"/api/jobs/{job_id}"),
        ("GET", f"/api/jobs/{job_id}"),
        ("GET", f"/api/progress?jobId={job_id}"),
        ("GET", f"/api/events?jobId={job_id}"),
        ("GET", f"/api/download?jobId={job_id}"),
    ):
        assert_problem(await client.call(method, path), 404, "job_not_found")


async def test_an_expired_job_is_gone(
    start_wavemill: Callable[..., Wavemill], session: aiohttp.ClientSession, lena: Path
) -> None:
    server = start_wavemill(WAVEMILL_JOB_TTL="3")
    client = Client(session, server.url)
    upload = await client.upload(lena / "lena.mp3")
    job_id = await client.convert(upload["fileId"], "wav")
    assert (await client.wait(job_id))["status"] == "completed"
    path = f"/api/download?jobId={job_id}"
    async with asyncio.timeout(20):
        while (await client.call("HEAD", path))[0] == 200:
            await asyncio.sleep(0.05)
    assert_problem(await client.call("GET", path), 410, "expired")
    assert_problem(await client.call("GET", f"/api/jobs/{job_id}"), 410, "expired")
    assert_problem(await client.call("DELETE", f"/api/jobs/{job_id}"), 410, "expired")
    await eventually(lambda: not server.kept.keys(job_id))
    async with asyncio.timeout(10):
        while (await client.call("GET", f"/api/progress?jobId={job_id}"))[0] == 200:
            await asyncio.sleep(0.05)
    for path in ("/api/progress", "/api/download"):
        assert_problem(await client.call("GET", f"{path}?jobId={job_id}"), 410, "expired")


# --- events ---------------------------------------------------------------------------------------


async def test_a_stream_begins_with_a_snapshot_and_ends_after_the_final_event(
    client: Client, file_id: str
) -> None:
    job_id = await client.convert(file_id, "mp3")
    async with asyncio.timeout(30):
        events = [event async for event in client.events(job_id)]
    assert [event["event"] for event in events[:-1]] == ["progress"] * (len(events) - 1)
    assert events[-1]["event"] == "completed"
    for event in events:
        assert set(event["data"]) == PROGRESS
        assert event["id"] == f"{job_id}:{event['data']['revision']}"
    assert events[-1]["data"] == await client.progress(job_id)


async def test_a_stream_of_an_ended_job_is_its_final_event(client: Client, file_id: str) -> None:
    job_id = await client.convert(file_id, "mp3")
    ended = await client.wait(job_id)
    events = [event async for event in client.events(job_id)]
    assert [(event["event"], event["data"]) for event in events] == [("completed", ended)]


async def test_a_stream_has_the_headers_that_proxies_need(client: Client, file_id: str) -> None:
    job_id = await client.convert(file_id, "mp3")
    headers = {"Accept-Encoding": "gzip"}
    url = f"{client.url}/api/events?jobId={job_id}"
    async with client.session.get(url, headers=headers) as response:
        assert response.headers["Content-Type"].startswith("text/event-stream")
        assert response.headers["X-Accel-Buffering"] == "no"
        assert "no-cache" in response.headers["Cache-Control"]
        assert "Content-Encoding" not in response.headers
        first = (await response.content.readline()).decode()
    assert first.startswith("retry: ")
    assert 2000 <= int(first.split()[1]) < 3000


async def test_a_resume_misses_nothing_and_ends_with_204(client: Client, long_id: str) -> None:
    job_id = await client.convert(long_id, "ogg")
    last = ""
    async with asyncio.timeout(30):
        async for event in client.events(job_id):
            last = event["id"]
            if event["data"]["stage"] == "converting":
                break
        await cancel(client, job_id)
        events = [event async for event in client.events(job_id, last_event_id=last)]
    assert events[-1]["event"] == "cancelled"
    seen = int(last.partition(":")[2])
    assert all(event["data"]["revision"] > seen for event in events)
    headers = {"Last-Event-ID": events[-1]["id"]}
    path = f"/api/events?jobId={job_id}"
    assert (await client.call("GET", path, headers=headers))[0] == 204
    for malformed in ("", "x", f"{job_id}:", f"{job_id}:-1", ",,,", f"{UNKNOWN}:5"):
        again = [event async for event in client.events(job_id, last_event_id=malformed)]
        assert [event["event"] for event in again] == ["cancelled"]


async def test_one_stream_follows_several_jobs(client: Client, file_id: str) -> None:
    jobs = [await client.convert(file_id, name) for name in ("mp3", "flac", "wav")]
    async with asyncio.timeout(30):
        events = [event async for event in client.events(*jobs)]
    for job_id in jobs:
        own = [event["event"] for event in events if event["data"]["jobId"] == job_id]
        assert own[-1] == "completed"
        assert own.count("completed") == 1
    last = dict(item.split(":") for item in events[-1]["id"].split(","))
    assert set(last) == set(jobs)


async def test_a_cancelled_and_a_failed_job_end_a_stream_too(client: Client, long_id: str) -> None:
    noise = aiohttp.FormData()
    noise.add_field("file", bytes(range(256)) * 40, filename="a.mp3")
    _, upload, _ = await client.call("POST", "/api/upload-audio", data=noise)
    failing = await client.convert(upload["fileId"], "mp3")
    cancelled = await client.convert(long_id, "ogg")
    await cancel(client, cancelled)
    async with asyncio.timeout(30):
        events = [event async for event in client.events(failing, cancelled)]
    ends = {event["data"]["jobId"]: event for event in events if event["event"] in FINAL}
    assert ends[cancelled]["event"] == "cancelled"
    assert ends[failing]["event"] == "failed"
    assert ends[failing]["data"]["progress"] == -1
    assert ends[failing]["data"]["error"]["code"] == "invalid_format"


async def test_unknown_jobs_among_known_ones_are_told_as_errors(
    client: Client, file_id: str
) -> None:
    job_id = await client.convert(file_id, "mp3")
    async with asyncio.timeout(30):
        events = [event async for event in client.events(UNKNOWN, job_id)]
    assert events[0]["event"] == "error"
    assert events[0]["data"]["code"] == "job_not_found"
    assert events[0]["data"]["jobId"] == UNKNOWN
    assert events[-1]["event"] == "completed"


async def test_only_unknown_jobs_are_not_found_and_too_many_are_refused(client: Client) -> None:
    path = f"/api/events?jobId={UNKNOWN}&jobId=C"
    assert_problem(await client.call("GET", path), 404, "job_not_found")
    many = "&".join(f"jobId=job{number}" for number in range(51))
    assert_problem(await client.call("GET", f"/api/events?{many}"), 400, "invalid_request")
    assert_problem(await client.call("GET", "/api/events"), 400, "invalid_request")
    assert (await client.call("HEAD", path))[0] == 405


async def test_clients_that_leave_in_mid_stream_leak_nothing(
    client: Client, wavemill: Wavemill, long_id: str
) -> None:
    job_id = await client.convert(long_id, "ogg")
    await client.wait_for_stage(job_id, "converting")
    gateway = wavemill.service("gateway")
    before = connections_of(gateway, wavemill.port)
    request = f"GET /api/events?jobId={job_id} HTTP/1.1\r\nHost: x\r\n\r\n".encode()
    streams = [await asyncio.open_connection("127.0.0.1", wavemill.port) for _ in range(15)]
    for reader, writer in streams:
        writer.write(request)
        await reader.readuntil(b"event: progress")
    assert is_watched(wavemill, job_id)
    for _, writer in streams:
        writer.close()
    await eventually(lambda: connections_of(gateway, wavemill.port) <= before)
    await eventually(lambda: not is_watched(wavemill, job_id))
    await cancel(client, job_id)


def connections_of(process: psutil.Process, port: int) -> int:
    """How many connections of clients a process holds."""
    return sum(
        one.status == psutil.CONN_ESTABLISHED and one.laddr.port == port
        for one in process.net_connections("tcp")
    )


def is_watched(server: Wavemill, job_id: str) -> bool:
    """Whether any gateway listens for news of a job."""
    url = (server.data_dir / REDIS_URL_FILE).read_text()
    with redis.Redis.from_url(url) as client:
        return bool(client.pubsub_channels(f"job:{job_id}"))


async def test_ctrl_c_with_a_stream_open_ends_quickly(
    start_wavemill: Callable[..., Wavemill], session: aiohttp.ClientSession, long_audio: Path
) -> None:
    server = start_wavemill()
    client = Client(session, server.url)
    upload = await client.upload(long_audio)
    job_id = await client.convert(upload["fileId"], "ogg")
    await client.wait_for_stage(job_id, "converting")
    reader, writer = await asyncio.open_connection("127.0.0.1", server.port)
    writer.write(f"GET /api/events?jobId={job_id} HTTP/1.1\r\nHost: x\r\n\r\n".encode())
    await reader.readuntil(b"event: progress")
    stalled_reader, stalled = await asyncio.open_connection("127.0.0.1", server.port)
    stalled.write(b"POST /api/uploads HTTP/1.1\r\nHost: x\r\nContent-Length: 100\r\n\r\n{")
    processes = server.processes()
    assert await asyncio.to_thread(server.stop) < 5
    wait_until(lambda: not any(process.is_running() for process in processes), 5)
    assert b"\r\n\r\n" in await reader.read()
    for one in (writer, stalled):
        one.close()
    await stalled_reader.read()
