"""Uploads: whole, in chunks, in any order, again, cut off, given up; what is stored is the file."""

import asyncio
import hashlib
import json
import random
import socket
import subprocess
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import aiohttp
import pytest

from support.chunks import CHUNK, MIB, ChunkedFile, write_wav
from support.client import Client
from support.problems import assert_problem
from support.server import Wavemill, eventually

LAST = 1_234_567  # bytes of the last, short chunk
UNKNOWN = "A" * 32


@pytest.fixture(scope="module")
def wav(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_wav(tmp_path_factory.mktemp("wav") / "Ünïcode name.wav", 3 * CHUNK + LAST)


@pytest.fixture
def chunked(client: Client, wav: Path) -> ChunkedFile:
    return ChunkedFile(client, wav)


def sha256(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


def is_stored_as(server: Wavemill, upload: dict[str, Any], source: Path) -> bool:
    """Whether exactly the source's bytes are stored of an upload, and nothing else."""
    kept = [server.kept.read(key) for key in server.kept.keys(upload["fileId"])]
    return [hashlib.sha256(one).hexdigest() for one in kept] == [sha256(source)]


# --- a whole file ---------------------------------------------------------------------------------


def test_curl_uploads_a_whole_file(wavemill: Wavemill, lena: Path) -> None:
    command = ["curl", "-sS", "-w", "\n%{http_code}", "-F", f"file=@{lena / 'lena.wav'}"]
    done = subprocess.run(
        [*command, f"{wavemill.url}/api/upload-audio"], capture_output=True, check=True
    )
    body, _, status = done.stdout.decode().rpartition("\n")
    upload = json.loads(body)
    assert (status, done.stderr) == ("201", b"")
    assert upload["complete"]
    assert upload["fileName"] == "lena.wav"
    assert upload["size"] == (lena / "lena.wav").stat().st_size
    assert is_stored_as(wavemill, upload, lena / "lena.wav")


async def test_a_whole_file_is_described(client: Client, lena: Path) -> None:
    upload = await client.upload(lena / "lena.mp3", "Ünïcode 名.mp3")
    assert set(upload) == {
        "fileId", "fileName", "size", "chunkSize", "totalChunks", "received", "complete",
        "expiresAt", "media",
    }  # fmt: skip
    assert upload["fileName"] == "Ünïcode 名.mp3"
    assert upload["received"] == "0"
    media = upload["media"]
    assert (media["container"], media["codec"], media["channels"]) == ("mp3", "mp3", 1)
    assert media["duration"] == pytest.approx(12.27, abs=0.05)
    assert media["bitDepth"] is None


async def test_a_form_may_carry_other_fields_before_the_file(client: Client, lena: Path) -> None:
    form = aiohttp.FormData()
    for number in range(15):
        form.add_field(f"field{number}", "x" * 4096)
    form.add_field("file", (lena / "lena.ogg").read_bytes(), filename="a.ogg")
    status, body, _ = await client.call("POST", "/api/upload-audio", data=form)
    assert status == 201, body


# --- chunks ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("way", ["send_form", "send_raw"])
async def test_chunks_one_by_one_make_the_file(
    wavemill: Wavemill, chunked: ChunkedFile, wav: Path, way: str
) -> None:
    send = getattr(chunked, way)
    status, body, _ = await send(0)
    assert status == 200
    assert (body["received"], body["complete"], body["media"]) == ("0", False, None)
    assert (body["totalChunks"], body["chunkSize"]) == (4, CHUNK)
    chunked.file_id = body["fileId"]
    assert [(await send(index))[0] for index in (1, 2, 3)] == [200, 200, 201]
    _, body, _ = await chunked.state()
    assert body["complete"]
    assert (body["received"], body["size"]) == ("0-3", wav.stat().st_size)
    assert body["fileName"] == "Ünïcode name.wav"
    assert body["media"]["container"] == "wav"
    assert is_stored_as(wavemill, body, wav)


async def test_parallel_chunks_in_random_order_and_doubled_make_the_file(
    wavemill: Wavemill, chunked: ChunkedFile, wav: Path
) -> None:
    await chunked.open()
    order = [*range(chunked.total)] * 2
    random.Random(1).shuffle(order)
    replies = await asyncio.gather(*(chunked.send_raw(index) for index in order))
    statuses = [status for status, _, _ in replies]
    assert set(statuses) == {200, 201}
    assert statuses.count(201) == 1
    _, body, _ = await chunked.state()
    assert body["complete"]
    assert is_stored_as(wavemill, body, wav)


async def test_the_last_two_chunks_at_once_complete_the_file(
    chunked: ChunkedFile, wavemill: Wavemill, wav: Path
) -> None:
    for _ in range(3):
        await chunked.open()
        await asyncio.gather(chunked.send_raw(0), chunked.send_raw(1))
        replies = await asyncio.gather(chunked.send_raw(2), chunked.send_raw(3))
        assert 201 in [status for status, _, _ in replies]
        _, body, _ = await chunked.state()
        assert is_stored_as(wavemill, body, wav)


async def test_an_upload_is_resumed_by_asking_what_has_arrived(chunked: ChunkedFile) -> None:
    _, body, _ = await chunked.send_form(3)
    chunked.file_id = body["fileId"]
    await chunked.send_form(0)
    await chunked.send_form(1)
    status, body, _ = await chunked.state()  # all that a reloaded page knows is the id
    assert (status, body["received"], body["totalChunks"]) == (200, "0-1,3", 4)
    status, body, _ = await chunked.send_raw(2)
    assert (status, body["complete"]) == (201, True)


async def test_a_chunk_repeated_after_completion_gets_the_complete_upload(
    chunked: ChunkedFile, wavemill: Wavemill
) -> None:
    await chunked.open()
    await asyncio.gather(*(chunked.send_raw(index) for index in range(4)))
    (key,) = wavemill.kept.keys(chunked.file_id)
    written = wavemill.kept.stamp(key)
    status, body, _ = await chunked.send_raw(1)
    assert (status, body["complete"], body["received"]) == (200, True, "0-3")
    assert wavemill.kept.stamp(key) == written
    other = bytes(CHUNK)
    assert_problem(await chunked.send_raw(1, other), 409, "chunk_conflict")


async def test_other_bytes_under_the_same_index_are_a_conflict(chunked: ChunkedFile) -> None:
    await chunked.open()
    await chunked.send_raw(1)
    assert (await chunked.send_raw(1))[0] == 200
    assert_problem(await chunked.send_raw(1, bytes(CHUNK)), 409, "chunk_conflict")
    assert_problem(await chunked.send_form(1, bytes(CHUNK)), 409, "chunk_conflict")
    assert (await chunked.state())[1]["received"] == "1"


async def test_a_chunk_of_a_file_that_came_whole_is_a_conflict(client: Client, lena: Path) -> None:
    upload = await client.upload(lena / "lena.wav")
    chunked = ChunkedFile(client, lena / "lena.wav", 8 * MIB)
    chunked.file_id = upload["fileId"]
    assert_problem(await chunked.send_raw(0), 409, "chunk_conflict")


async def test_finalising_with_a_gap_names_what_is_missing(chunked: ChunkedFile) -> None:
    await chunked.open()
    await chunked.send_raw(1)
    body = assert_problem(await chunked.complete(), 409, "upload_incomplete")
    assert body["missing"] == [0, 2, 3]
    await asyncio.gather(*(chunked.send_raw(index) for index in body["missing"]))
    assert (await chunked.complete())[0] == 200


async def test_finalising_again_gets_the_same_answer(chunked: ChunkedFile) -> None:
    await chunked.open()
    await asyncio.gather(*(chunked.send_raw(index) for index in range(4)))
    replies = await asyncio.gather(*(chunked.complete() for _ in range(5)))
    assert [status for status, _, _ in replies] == [200] * 5
    assert all(body == replies[0][1] for _, body, _ in replies)


async def test_a_wrong_digest_is_refused_and_a_right_one_taken(chunked: ChunkedFile) -> None:
    right = hashlib.sha256(chunked.piece(0)).hexdigest()
    await chunked.open()
    assert_problem(await chunked.send_raw(0, chunkSha256="0" * 64), 400, "invalid_chunk")
    for wrong in ("xyz", "0" * 63):
        assert_problem(await chunked.send_raw(0, b"x", chunkSha256=wrong), 400, "invalid_chunk")
    assert (await chunked.state())[1]["received"] == ""
    assert (await chunked.send_form(0, chunkSha256=right.upper()))[0] == 200
    assert_problem(await chunked.send_raw(0, chunkSha256="0" * 64), 400, "invalid_chunk")


async def test_a_first_chunk_that_is_refused_leaves_nothing(
    chunked: ChunkedFile, wavemill: Wavemill
) -> None:
    before = wavemill.kept.keys("uploads")
    assert_problem(await chunked.send_raw(0, chunkSha256="0" * 64), 400, "invalid_chunk")
    assert_problem(await chunked.send_form(0, b"short"), 400, "invalid_chunk")
    assert_problem(await chunked.send_raw(4), 400, "invalid_chunk")
    assert wavemill.kept.keys("uploads") == before
    assert wavemill.kept.unfinished() == []


def half_a_chunk(chunked: ChunkedFile, port: int) -> socket.socket:
    """Announce a whole chunk on a raw connection, but send only half of it."""
    query = urlencode(chunked.fields(0))
    connection = socket.create_connection(("127.0.0.1", port))
    connection.sendall(
        f"POST /api/upload-audio?{query} HTTP/1.1\r\nHost: x\r\n"
        f"Content-Type: application/octet-stream\r\nContent-Length: {CHUNK}\r\n\r\n".encode()
    )
    connection.sendall(chunked.piece(0)[: CHUNK // 2])
    return connection


async def test_a_body_cut_in_its_middle_is_not_received(
    chunked: ChunkedFile, wavemill: Wavemill
) -> None:
    await chunked.open()
    with half_a_chunk(chunked, wavemill.port):
        await wavemill.kept.writing()
    await eventually(lambda: not wavemill.kept.unfinished())
    assert (await chunked.state())[1]["received"] == ""
    assert wavemill.kept.keys(chunked.file_id) == []
    assert (await chunked.send_raw(0))[0] == 200


async def test_a_whole_file_cut_in_its_middle_leaves_nothing(
    wavemill: Wavemill, wav: Path, client: Client
) -> None:
    before = wavemill.kept.keys()
    head = b'--b\r\nContent-Disposition: form-data; name="file"; filename="a.wav"\r\n\r\n'
    with socket.create_connection(("127.0.0.1", wavemill.port)) as connection:
        connection.sendall(
            b"POST /api/upload-audio HTTP/1.1\r\nHost: x\r\nContent-Length: 10000000\r\n"
            b"Content-Type: multipart/form-data; boundary=b\r\n\r\n" + head
        )
        connection.sendall(wav.read_bytes()[: 5 * MIB])
        await wavemill.kept.writing()
    await eventually(lambda: not wavemill.kept.unfinished())
    assert wavemill.kept.keys() == before
    assert (await client.call("GET", "/healthz"))[0] == 200


# --- opening, aborting ----------------------------------------------------------------------------


async def test_an_opened_upload_tells_its_chunks(client: Client) -> None:
    asked = {"fileName": "a.wav", "fileSize": 20 * MIB}
    status, body, _ = await client.call("POST", "/api/uploads", json=asked)
    assert status == 201
    assert (body["chunkSize"], body["totalChunks"], body["received"]) == (8 * MIB, 3, "")
    status, body, _ = await client.call(
        "POST", "/api/uploads", json=asked | {"chunkSize": 64 * MIB}
    )
    assert (status, body["totalChunks"]) == (201, 1)


@pytest.mark.parametrize("chunk_size", [0, 1, CHUNK - 1, 64 * MIB + 1, -5])
async def test_a_chunk_size_out_of_its_limits_is_refused(client: Client, chunk_size: int) -> None:
    asked = {"fileName": "a.wav", "fileSize": 20 * MIB, "chunkSize": chunk_size}
    body = assert_problem(
        await client.call("POST", "/api/uploads", json=asked), 400, "invalid_chunk"
    )
    assert str(CHUNK) in body["error"]


async def test_the_limits_are_told(client: Client) -> None:
    _, body, _ = await client.call("GET", "/api/formats")
    limits = body["limits"]
    assert (limits["minChunkBytes"], limits["maxChunkBytes"]) == (CHUNK, 64 * MIB)
    assert (limits["chunkBytes"], limits["maxUploadBytes"]) == (8 * MIB, 2048 * MIB)


async def test_an_abort_removes_what_is_stored(chunked: ChunkedFile, wavemill: Wavemill) -> None:
    await chunked.open()
    await chunked.send_raw(0)
    await chunked.send_raw(2)
    assert len(wavemill.kept.keys(chunked.file_id)) == 2
    assert (await chunked.abort())[0] == 204
    assert wavemill.kept.keys(chunked.file_id) == []
    for reply in (
        await chunked.state(),
        await chunked.abort(),
        await chunked.complete(),
        await chunked.send_raw(1, b"x"),
    ):
        assert_problem(reply, 404, "upload_not_found")


async def test_a_complete_upload_can_be_aborted(
    client: Client, wavemill: Wavemill, lena: Path
) -> None:
    upload = await client.upload(lena / "lena.ogg")
    path = f"/api/uploads/{upload['fileId']}"
    assert (await client.call("DELETE", path))[0] == 204
    assert wavemill.kept.keys(upload["fileId"]) == []
    asked = {"fileId": upload["fileId"], "format": "mp3"}
    reply = await client.call("POST", "/api/convert-audio", json=asked)
    assert_problem(reply, 404, "upload_not_found")


async def test_an_upload_is_kept_while_a_job_needs_it(client: Client, long_audio: Path) -> None:
    upload = await client.upload(long_audio)
    first, second = await asyncio.gather(
        client.convert(upload["fileId"], "opus"), client.convert(upload["fileId"], "ogg")
    )
    path = f"/api/uploads/{upload['fileId']}"
    assert_problem(await client.call("DELETE", path), 409, "upload_in_use")
    await client.call("DELETE", f"/api/jobs/{first}")
    assert_problem(await client.call("DELETE", path), 409, "upload_in_use")
    await client.call("DELETE", f"/api/jobs/{second}")
    assert (await client.call("DELETE", path))[0] == 204
