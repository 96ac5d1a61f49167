"""Conversions that begin while their file is still on its way: the same bytes, only sooner."""

import asyncio
from collections.abc import Callable
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from support.audio import make_noise
from support.chunks import CHUNK, MIB, ChunkedFile
from support.client import Client
from support.problems import assert_problem
from support.server import Wavemill, eventually
from support.tus import TusUpload
from wavemill_common.following import INDEX_BEHIND

Start = Callable[..., Wavemill]
AT_HAND = 60.0  # seconds that no step takes
QUICK = {"WAVEMILL_TIME_SCALE": "0.1"}
SOURCES = {  # name → what makes three chunks of it
    "a.wav": (70, ()),
    "a.mp3": (350, ("-b:a", "320k", "-metadata", "title=T")),
    "a.flac": (95, ()),
}
TARGETS = {"a.wav": "mp3", "a.mp3": "flac", "a.flac": "opus"}


@pytest.fixture(scope="module")
def behind(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An M4A file whose index is at its end, of some chunks."""
    return make_noise(tmp_path_factory.mktemp("m4a") / "behind.m4a", 140, "-c:a", "alac")


@pytest.fixture(scope="module")
def wav(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_noise(tmp_path_factory.mktemp("wav") / "some.wav", 62)


async def begun(chunked: ChunkedFile, target: str, *, chunks: int = 1, **more: Any) -> str:
    """Send the first chunks, and ask for the conversion; returns the job's id."""
    await chunked.open()
    for index in range(chunks):
        await sent(chunked, index)
    return await chunked.client.convert(chunked.file_id, target, **more)


async def sent(chunked: ChunkedFile, *indexes: int) -> None:
    for index in indexes:
        status, body, _ = await chunked.send_raw(index)
        assert status in {200, 201}, body


async def rest(chunked: ChunkedFile, begin: int = 1) -> None:
    await sent(chunked, *range(begin, chunked.total))


async def until(client: Client, job_id: str, condition: Callable[[dict[str, Any]], Any]) -> Any:
    """Poll until a job's progress is as it should be."""
    async with asyncio.timeout(AT_HAND):
        while True:
            body = await client.progress(job_id)
            if condition(body):
                return body
            await asyncio.sleep(0.02)


async def result(client: Client, job_id: str, folder: Path) -> bytes:
    body = await client.wait(job_id, AT_HAND)
    assert body["status"] == "completed", body
    return (await client.download(job_id, folder / job_id)).read_bytes()


async def converted_afterwards(chunked: ChunkedFile, target: str, folder: Path) -> bytes:
    """The same conversion, made of the whole file."""
    job_id = await chunked.client.convert(chunked.file_id, target)
    return await result(chunked.client, job_id, folder)


@pytest.mark.parametrize("name", SOURCES)
async def test_a_conversion_follows_its_upload_and_gives_the_same_bytes(
    client: Client, tmp_path: Path, name: str
) -> None:
    seconds, options = SOURCES[name]
    chunked = ChunkedFile(client, make_noise(tmp_path / name, seconds, *options))
    assert chunked.total >= 3
    job_id = await begun(chunked, TARGETS[name])
    half_way = await until(client, job_id, lambda body: body["progress"] > 0)
    assert (half_way["status"], half_way["stage"]) == ("processing", "converting")
    await rest(chunked)
    found = await result(client, job_id, tmp_path)
    assert (await client.progress(job_id))["attempt"] == 1
    assert found == await converted_afterwards(chunked, TARGETS[name], tmp_path)


async def test_a_long_file_that_would_be_done_in_segments_is_followed_in_one(
    client: Client, tmp_path: Path
) -> None:
    sound = make_noise(tmp_path / "long.wav", 720, "-ar", "8000", "-ac", "1")
    chunked = ChunkedFile(client, sound)
    job_id = await begun(chunked, "flac")
    await until(client, job_id, lambda body: body["progress"] > 0)
    await rest(chunked)
    found = await result(client, job_id, tmp_path)
    assert (await client.progress(job_id))["attempt"] == 1
    assert found == await converted_afterwards(chunked, "flac", tmp_path)


async def test_what_reads_the_file_more_than_once_follows_it_too(
    client: Client, tmp_path: Path, wav: Path
) -> None:
    asked: dict[str, Any] = {"options": {"loudness": {"targetLufs": -16}}, "peaks": True}
    chunked = ChunkedFile(client, wav)
    job_id = await begun(chunked, "mp3", **asked)
    await client.wait_for_stage(job_id, "probing", "converting")
    await rest(chunked)
    found = await result(client, job_id, tmp_path)
    again = await client.convert(chunked.file_id, "mp3", **asked)
    assert found == await result(client, again, tmp_path)
    _, peaks, _ = await client.call("GET", f"/api/jobs/{job_id}/peaks?of=source")
    assert peaks == (await client.call("GET", f"/api/jobs/{again}/peaks?of=source"))[1]


async def test_a_part_that_is_ready_early_shows_only_when_the_whole_file_is_there(
    client: Client, tmp_path: Path, wav: Path
) -> None:
    chunked = ChunkedFile(client, wav)
    job_id = await begun(chunked, "mp3", options={"trimEnd": 5})
    await until(client, job_id, lambda body: body["progress"] == 99 or body["stage"] == "verifying")
    await sent(chunked, 1)
    assert (await client.progress(job_id))["status"] == "processing"
    await rest(chunked, 2)
    await result(client, job_id, tmp_path)


async def test_a_file_whose_index_is_at_its_end_waits_for_that_and_says_so(
    client: Client, tmp_path: Path, behind: Path
) -> None:
    chunked = ChunkedFile(client, behind)
    assert chunked.total > 3
    job_id = await begun(chunked, "mp3")
    waits = await until(client, job_id, lambda body: body["awaits"])
    assert (waits["status"], waits["stage"]) == ("created", "queued")
    assert waits["awaits"] == INDEX_BEHIND
    _, record, _ = await client.call("GET", f"/api/jobs/{job_id}")
    assert (record["awaits"], record["failures"], record["strikes"]) == (INDEX_BEHIND, 0, 0)
    await rest(chunked)
    found = await result(client, job_id, tmp_path)
    assert (await client.progress(job_id))["awaits"] is None
    assert found == await converted_afterwards(chunked, "mp3", tmp_path)


async def test_such_a_file_is_followed_when_its_last_chunk_comes_early(
    client: Client, tmp_path: Path, behind: Path
) -> None:
    chunked = ChunkedFile(client, behind)
    await chunked.open()
    await sent(chunked, 0, chunked.total - 1)
    job_id = await client.convert(chunked.file_id, "mp3")
    await until(client, job_id, lambda body: body["progress"] > 0)
    await sent(chunked, *range(1, chunked.total - 1))
    found = await result(client, job_id, tmp_path)
    assert (await client.progress(job_id))["attempt"] == 1
    assert found == await converted_afterwards(chunked, "mp3", tmp_path)


async def test_a_job_may_be_there_before_the_first_byte(
    client: Client, tmp_path: Path, wav: Path
) -> None:
    chunked = ChunkedFile(client, wav)
    job_id = await begun(chunked, "mp3", chunks=0)
    assert (await client.progress(job_id))["stage"] == "queued"
    await sent(chunked, 0)
    await until(client, job_id, lambda body: body["progress"] > 0)
    await rest(chunked)
    await result(client, job_id, tmp_path)


async def test_whoever_breaks_the_upload_off_cancels_its_job(
    wavemill: Wavemill, client: Client, wav: Path
) -> None:
    chunked = ChunkedFile(client, wav)
    job_id = await begun(chunked, "mp3")
    await until(client, job_id, lambda body: body["progress"] > 0)
    status, _, _ = await chunked.abort()
    assert status == 204
    body = await client.wait(job_id, AT_HAND)
    assert (body["status"], body["progress"]) == ("cancelled", -1)
    await eventually(lambda: not wavemill.ffmpegs())
    kept = wavemill.kept.keys("uploads/") + wavemill.kept.keys("conversions/")
    assert not [key for key in kept if chunked.file_id in key or job_id in key]
    assert_problem(await chunked.state(), 404, "upload_not_found")


async def test_a_complete_upload_stays_while_a_job_needs_it(
    client: Client, long_audio: Path
) -> None:
    chunked = ChunkedFile(client, long_audio)
    job_id = await begun(chunked, "mp3")
    await rest(chunked)
    assert_problem(await chunked.abort(), 409, "upload_in_use")
    await client.call("DELETE", f"/api/jobs/{job_id}")
    assert (await chunked.abort())[0] == 204


async def test_a_job_that_is_cancelled_leaves_the_upload_as_it_is(
    client: Client, tmp_path: Path, wav: Path
) -> None:
    chunked = ChunkedFile(client, wav)
    job_id = await begun(chunked, "mp3")
    await until(client, job_id, lambda body: body["progress"] > 0)
    await client.call("DELETE", f"/api/jobs/{job_id}")
    assert (await client.wait(job_id))["status"] == "cancelled"
    await rest(chunked)
    assert (await chunked.state())[1]["complete"]
    await converted_afterwards(chunked, "mp3", tmp_path)


async def test_a_file_that_is_no_audio_fails_its_job_by_the_upload_s_own_error(
    client: Client, tmp_path: Path
) -> None:
    text = tmp_path / "a.mp3"
    text.write_text("no song at all, but text\n" * (2 * CHUNK // 25 + 1))
    chunked = ChunkedFile(client, text)
    await chunked.open()
    await sent(chunked, 2, 1)  # without the first chunk nobody can begin
    job_id = await client.convert(chunked.file_id, "flac")
    assert_problem(await chunked.send_raw(0), 400, "invalid_format")
    body = await client.wait(job_id, AT_HAND)
    assert (body["status"], body["error"]["code"]) == ("failed", "invalid_format")
    assert "text" in body["error"]["message"]


async def test_who_sends_slowly_does_not_keep_others_from_their_results(
    start_wavemill: Start, session: aiohttp.ClientSession, tmp_path: Path, wav: Path
) -> None:
    server = start_wavemill(WAVEMILL_CONVERTER_SLOTS="1")
    client = Client(session, server.url)
    slow = [ChunkedFile(client, wav) for _ in range(3)]
    waiting = [await begun(one, "flac") for one in slow]
    await until(client, waiting[0], lambda body: body["progress"] > 0)
    other = await client.convert((await client.upload(wav))["fileId"], "wav")
    await result(client, other, tmp_path)
    assert {(await client.progress(one))["status"] for one in waiting} == {"created"}
    for one, job_id in zip(slow, waiting, strict=True):
        await rest(one)
        await result(client, job_id, tmp_path)


async def test_an_upload_that_comes_to_a_standstill_gives_the_converter_back(
    start_wavemill: Start, session: aiohttp.ClientSession, tmp_path: Path, wav: Path
) -> None:
    server = start_wavemill(**QUICK)
    client = Client(session, server.url)
    chunked = ChunkedFile(client, wav)
    job_id = await begun(chunked, "flac", chunks=2)
    stands = await until(client, job_id, lambda body: body["awaits"])
    assert (stands["status"], stands["progress"] > 0) == ("created", True)
    assert not server.ffmpegs()
    assert not server.kept.keys("conversions/")
    await rest(chunked, 2)
    found = await result(client, job_id, tmp_path)
    assert found == await converted_afterwards(chunked, "flac", tmp_path)


async def test_a_pause_of_the_sender_is_no_time_out_of_the_conversion(
    start_wavemill: Start, session: aiohttp.ClientSession, tmp_path: Path, wav: Path
) -> None:
    server = start_wavemill(WAVEMILL_STALL_TIMEOUT="1")
    client = Client(session, server.url)
    chunked = ChunkedFile(client, wav)
    job_id = await begun(chunked, "flac", chunks=2)
    waits = await until(client, job_id, lambda body: body["awaits"])
    assert (waits["status"], waits["error"]) == ("created", None)
    await rest(chunked, 2)
    await result(client, job_id, tmp_path)
    _, record, _ = await client.call("GET", f"/api/jobs/{job_id}")
    assert record["failures"] == 0


async def test_what_comes_by_tus_is_followed_too(client: Client, tmp_path: Path) -> None:
    sound = make_noise(tmp_path / "some.wav", 100).read_bytes()
    upload = TusUpload(client)
    await upload.create(len(sound), data=sound[: 9 * MIB])
    job_id = await client.convert(upload.file_id, "flac")
    await until(client, job_id, lambda body: body["progress"] > 0)
    await upload.patch(9 * MIB, sound[9 * MIB :])
    found = await result(client, job_id, tmp_path)
    assert (await client.progress(job_id))["attempt"] == 1
    again = await client.convert(upload.file_id, "flac")
    assert found == await result(client, again, tmp_path)


async def test_an_upload_that_expires_cancels_its_job(
    start_wavemill: Start, session: aiohttp.ClientSession, wav: Path
) -> None:
    server = start_wavemill(WAVEMILL_UPLOAD_TTL="3", **QUICK)
    client = Client(session, server.url)
    job_id = await begun(ChunkedFile(client, wav), "mp3")
    assert (await client.wait(job_id, AT_HAND))["status"] == "cancelled"
    await eventually(lambda: not server.kept.keys("uploads/"))


async def test_an_upload_that_was_followed_lives_as_long_as_its_job_may(
    start_wavemill: Start, session: aiohttp.ClientSession, tmp_path: Path, wav: Path
) -> None:
    server = start_wavemill(WAVEMILL_UPLOAD_TTL="60")
    client = Client(session, server.url)
    chunked = ChunkedFile(client, wav)
    job_id = await begun(chunked, "mp3")
    before = (await chunked.state())[1]["expiresAt"]
    await rest(chunked)
    assert (await chunked.state())[1]["expiresAt"] > before
    await result(client, job_id, tmp_path)
