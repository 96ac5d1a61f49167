"""tus 1.0: every verb as the specification has it; what is stored in the end is the file."""

import asyncio
import base64
import hashlib
import random
from datetime import datetime
from email.utils import parsedate_to_datetime
from io import BytesIO
from pathlib import Path

import pytest

from support.chunks import write_wav
from support.client import Client
from support.problems import assert_problem
from support.server import Wavemill, eventually
from support.tus import OCTETS, VERSION, TusUpload, metadata
from wavemill_common.settings import MIB

CHUNK = 8 * MIB  # as the gateway keeps things
SIZE = 2 * CHUNK + 1_234_567
UNKNOWN = "A" * 32


@pytest.fixture(scope="module")
def wav(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    return write_wav(tmp_path_factory.mktemp("wav") / "a.wav", SIZE).read_bytes()


@pytest.fixture
def upload(client: Client) -> TusUpload:
    return TusUpload(client)


def kept(server: Wavemill, upload: TusUpload) -> list[str]:
    """The digests of all objects that there are of an upload."""
    found = server.kept.keys(upload.file_id)
    return [hashlib.sha256(server.kept.read(key)).hexdigest() for key in found]


def sha256(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


def checksum(algorithm: str, data: bytes) -> str:
    return f"{algorithm} {base64.b64encode(hashlib.new(algorithm, data).digest()).decode()}"


# --- OPTIONS ---


async def test_options_tell_what_can_be_done(client: Client) -> None:
    for path in ("/api/tus", "/api/tus/", f"/api/tus/{UNKNOWN}"):
        status, _, headers = await client.call("OPTIONS", path)
        assert status == 204
        assert headers["Tus-Version"] == "1.0.0"
        assert headers["Tus-Max-Size"] == str(2048 * MIB)
        extensions = set(headers["Tus-Extension"].split(","))
        assert extensions == {
            "creation", "creation-with-upload", "termination", "expiration", "checksum",
        }  # fmt: skip
        assert headers["Tus-Checksum-Algorithm"] == "sha1,sha256,md5"


@pytest.mark.parametrize("version", [{}, {"Tus-Resumable": "0.2.2"}])
async def test_another_version_is_told_which_one_there_is(
    client: Client, upload: TusUpload, version: dict[str, str]
) -> None:
    await upload.create(100)
    paths = {"POST": "/api/tus", **dict.fromkeys(("PATCH", "DELETE"), upload.path)}
    for method, path in paths.items():
        reply = await client.call(method, path, headers=version)
        assert_problem(reply, 412, "unknown_tus_version")
        assert reply[2]["Tus-Version"] == "1.0.0"
    assert await upload.offset() == 0


# --- POST ---


async def test_a_creation_tells_where_and_until_when(upload: TusUpload) -> None:
    status, _, headers = await upload.create(SIZE)
    assert status == 201
    assert headers["Location"].startswith("/api/tus/")
    assert headers["Tus-Resumable"] == "1.0.0"
    assert headers["Upload-Expires"].endswith(" GMT")
    assert await upload.offset() == 0


async def test_the_endpoint_may_end_with_a_slash(client: Client) -> None:
    headers = {**VERSION, "Upload-Length": "100"}
    status, _, answered = await client.call("POST", "/api/tus/", headers=headers)
    assert (status, answered["Location"][:9]) == (201, "/api/tus/")


async def test_a_creation_may_bring_the_whole_file(
    wavemill: Wavemill, client: Client, upload: TusUpload, wav: bytes
) -> None:
    status, _, headers = await upload.create(len(wav), "Ünïcode name.wav", wav)
    assert (status, headers["Upload-Offset"]) == (201, str(len(wav)))
    _, body, _ = await client.call("GET", f"/api/uploads/{upload.file_id}")
    assert (body["complete"], body["fileName"]) == (True, "Ünïcode name.wav")
    assert kept(wavemill, upload) == [sha256(wav)]


async def test_a_creation_may_bring_the_first_bytes(upload: TusUpload, wav: bytes) -> None:
    status, _, headers = await upload.create(len(wav), data=wav[:1000])
    assert (status, headers["Upload-Offset"]) == (201, "1000")
    assert await upload.offset() == 1000


async def test_a_creation_whose_bytes_are_refused_leaves_nothing(
    wavemill: Wavemill, upload: TusUpload, wav: bytes
) -> None:
    before = wavemill.kept.keys("uploads/")
    reply = await upload.create(len(wav), data=wav, upload_checksum=checksum("sha1", b"other"))
    assert reply[0] == 460
    assert "Location" not in reply[2]
    reply = await upload.create(5, data=b"hello")
    assert_problem(reply, 400, "invalid_format")
    assert wavemill.kept.keys("uploads/") == before


@pytest.mark.parametrize(
    ("length", "status", "code"),
    [
        ("", 400, "invalid_chunk"),
        ("-1", 400, "invalid_chunk"),
        ("0", 400, "invalid_format"),
        (str(2048 * MIB + 1), 413, "file_too_large"),
    ],
)
async def test_a_length_that_cannot_be_is_refused(
    upload: TusUpload, length: str, status: int, code: str
) -> None:
    assert_problem(await upload.create(0, upload_length=length), status, code)


async def test_a_length_cannot_be_deferred(client: Client) -> None:
    headers = {**VERSION, "Upload-Defer-Length": "1"}
    assert_problem(await client.call("POST", "/api/tus", headers=headers), 400, "invalid_chunk")


@pytest.mark.parametrize("text", ["filename !!", "a YQ==,a YQ==", ",", "ä YQ==", "a " + "A" * 8192])
async def test_malformed_metadata_are_refused(client: Client, text: str) -> None:
    headers = {**VERSION, "Upload-Length": "9", "Upload-Metadata": text}
    assert (await client.call("POST", "/api/tus", headers=headers))[0] == 400


# --- HEAD ---


async def test_head_tells_all_that_a_client_needs_to_resume(upload: TusUpload) -> None:
    sent = metadata(filename="Ü.wav", filetype="audio/wav", more="") + ",flag"
    await upload.create(1000, upload_metadata=sent)
    await upload.patch(0, b"RIFF")
    status, _, headers = await upload.head()
    assert status == 200
    assert headers["Upload-Offset"] == "4"
    assert headers["Upload-Length"] == "1000"
    assert headers["Upload-Metadata"] == sent
    assert headers["Cache-Control"] == "no-store"
    assert headers["Tus-Resumable"] == "1.0.0"
    assert "Upload-Expires" in headers


async def test_what_is_not_there_is_not_found(client: Client, lena: Path) -> None:
    upload = TusUpload(client)
    other = await client.upload(lena / "lena.mp3")
    for file_id in (UNKNOWN, other["fileId"]):  # the second was not begun by tus
        upload.path = f"/api/tus/{file_id}"
        assert (await upload.head())[0] == 404
        for reply in (await upload.patch(0, b"a"), await upload.delete()):
            assert_problem(reply, 404, "upload_not_found")
            assert reply[2]["Tus-Resumable"] == "1.0.0"


async def test_every_answer_tells_when_the_upload_expires(
    client: Client, upload: TusUpload
) -> None:
    created = await upload.create(1000)
    _, body, _ = await client.call("GET", f"/api/uploads/{upload.file_id}")
    expires = datetime.fromisoformat(body["expiresAt"])
    for _, _, headers in (created, await upload.patch(0, b"RIFF"), await upload.head()):
        assert parsedate_to_datetime(headers["Upload-Expires"]) == expires


# --- PATCH ---


async def test_one_patch_makes_an_upload_that_can_be_converted(
    wavemill: Wavemill, client: Client, upload: TusUpload, lena: Path
) -> None:
    data = (lena / "lena.flac").read_bytes()
    await upload.create(len(data), "lena.flac")
    status, _, headers = await upload.patch(0, data)
    assert (status, headers["Upload-Offset"]) == (204, str(len(data)))
    _, body, _ = await client.call("GET", f"/api/uploads/{upload.file_id}")
    assert (body["complete"], body["size"], body["fileName"]) == (True, len(data), "lena.flac")
    assert body["media"]["codec"] == "flac"
    assert wavemill.kept.keys(upload.file_id) == [f"uploads/{upload.file_id}.flac"]
    ended = await client.wait(await client.convert(upload.file_id, "mp3"))
    assert ended["status"] == "completed"


@pytest.mark.parametrize("seed", range(4))
async def test_patches_of_any_length_make_the_file(
    wavemill: Wavemill, client: Client, upload: TusUpload, wav: bytes, seed: int
) -> None:
    chance, offset = random.Random(seed), 0
    await upload.create(len(wav))
    while offset < len(wav):
        length = int(10 ** chance.uniform(0, 7.2))
        status, _, headers = await upload.patch(offset, wav[offset : offset + length])
        offset = min(offset + length, len(wav))
        assert (status, headers["Upload-Offset"]) == (204, str(offset))
        if chance.random() < 0.3:
            assert await upload.offset() == offset
            _, body, _ = await client.call("GET", f"/api/uploads/{upload.file_id}")
            assert body["received"] in {"", "0", "0-1", "0-2"}
            assert body["complete"] is (offset == len(wav))
    assert kept(wavemill, upload) == [sha256(wav)]


async def test_chunks_that_came_in_pieces_are_kept_as_one_each(
    wavemill: Wavemill, upload: TusUpload, wav: bytes
) -> None:
    await upload.create(len(wav))
    for offset in range(0, CHUNK + MIB, MIB):
        await upload.patch(offset, wav[offset : offset + MIB])
    names = [key.rpartition("/")[2] for key in wavemill.kept.keys(upload.file_id)]
    assert names == ["part-1", "whole-0"]


async def test_a_patch_must_begin_where_the_stored_bytes_end(upload: TusUpload, wav: bytes) -> None:
    await upload.create(len(wav))
    await upload.patch(0, wav[:1000])
    for offset in (0, 999, 1001, len(wav)):
        body = assert_problem(await upload.patch(offset, b"x"), 409, "offset_conflict")
        assert body["offset"] == 1000
    assert (await upload.patch(1000, wav[1000:]))[0] == 204
    assert_problem(await upload.patch(0, wav[:9]), 409, "offset_conflict")
    assert (await upload.patch(len(wav), b""))[0] == 204  # a repeat of nothing


async def test_a_patch_may_not_go_past_the_end(upload: TusUpload, wav: bytes) -> None:
    await upload.create(1000)
    assert_problem(await upload.patch(0, wav[:1001]), 413, "file_too_large")
    assert await upload.offset() == 0


@pytest.mark.parametrize("type_", ["application/octet-stream", "text/plain"])
async def test_a_patch_of_another_type_is_refused(upload: TusUpload, type_: str) -> None:
    await upload.create(1000)
    reply = await upload.patch(0, b"x", content_type=type_)
    assert_problem(reply, 415, "unsupported_media_type")


async def test_an_offset_must_be_a_number(upload: TusUpload) -> None:
    await upload.create(1000)
    for offset in ("", "-1", "1.5", "x"):
        reply = await upload.patch(0, b"x", upload_offset=offset)
        assert_problem(reply, 400, "invalid_chunk")


async def test_what_is_no_audio_is_refused_with_its_last_byte_and_not_kept(
    wavemill: Wavemill, upload: TusUpload
) -> None:
    text = b"no song at all, but text\n" * 1000
    await upload.create(len(text), "a.mp3")
    assert (await upload.patch(0, text[:5000]))[0] == 204
    body = assert_problem(await upload.patch(5000, text[5000:]), 400, "invalid_format")
    assert "mp3" in body["supportedFormats"]
    assert kept(wavemill, upload) == []
    assert (await upload.head())[0] == 404


async def test_a_chunk_of_the_other_interface_is_not_mixed_in(
    client: Client, upload: TusUpload, wav: bytes
) -> None:
    await upload.create(len(wav))
    query = f"/api/upload-audio?fileId={upload.file_id}&chunkIndex=0"
    headers = {"Content-Type": "application/octet-stream"}
    reply = await client.call("POST", query, data=BytesIO(wav[:CHUNK]), headers=headers)
    assert_problem(reply, 400, "invalid_chunk")


async def test_a_method_may_stand_in_a_header(
    wavemill: Wavemill, client: Client, upload: TusUpload, lena: Path
) -> None:
    data = (lena / "lena.ogg").read_bytes()
    await upload.create(len(data))
    headers = {**VERSION, **OCTETS, "X-HTTP-Method-Override": "PATCH", "Upload-Offset": "0"}
    assert (await client.call("POST", upload.path, headers=headers, data=data))[0] == 204
    assert kept(wavemill, upload) == [sha256(data)]
    headers = {**VERSION, "X-HTTP-Method-Override": "DELETE"}
    assert (await client.call("POST", upload.path, headers=headers))[0] == 204
    assert (await upload.head())[0] == 404
    assert (await client.call("POST", upload.path, headers=VERSION))[0] == 405


# --- checksums ---


@pytest.mark.parametrize("algorithm", ["sha1", "sha256", "md5"])
@pytest.mark.parametrize("length", [1000, CHUNK, SIZE])
async def test_a_right_checksum_is_taken_and_a_wrong_one_leaves_all_as_it_was(
    wavemill: Wavemill, upload: TusUpload, wav: bytes, algorithm: str, length: int
) -> None:
    await upload.create(len(wav))
    right = checksum(algorithm, wav[:length])
    damaged = bytes([wav[0] ^ 1]) + wav[1:length]
    reply = await upload.patch(0, damaged, upload_checksum=right)
    assert (reply[0], reply[1]["code"]) == (460, "checksum_mismatch")
    assert reply[1]["title"] == "Checksum Mismatch"
    assert await upload.offset() == 0
    assert kept(wavemill, upload) == []
    status, _, headers = await upload.patch(0, wav[:length], upload_checksum=right)
    assert (status, headers["Upload-Offset"]) == (204, str(length))
    if length < len(wav):
        assert (await upload.patch(length, wav[length:]))[0] == 204
    assert kept(wavemill, upload) == [sha256(wav)]


@pytest.mark.parametrize("text", ["crc32 AAAA", "sha1 !", "sha1", ""])
async def test_a_checksum_that_cannot_be_read_is_refused(upload: TusUpload, text: str) -> None:
    await upload.create(1000)
    assert (await upload.patch(0, b"x", upload_checksum=text))[0] in {400, 460}
    assert await upload.offset() == 0


# --- cut connections, newer requests ---


async def test_what_came_before_a_cut_is_kept(
    wavemill: Wavemill, upload: TusUpload, wav: bytes
) -> None:
    await upload.create(len(wav))
    sent = CHUNK + 3 * MIB
    async with upload.begun(0, len(wav), wav[:sent]):
        await eventually(lambda: len(kept(wavemill, upload)) == 1)
    await eventually(lambda: len(kept(wavemill, upload)) == 2)  # the gateway has seen the cut
    offset = await upload.offset()
    assert sent - MIB < offset <= sent
    assert (await upload.patch(offset, wav[offset:]))[0] == 204
    assert kept(wavemill, upload) == [sha256(wav)]


async def test_a_newer_request_ends_the_older_one_and_what_that_brought_is_kept(
    wavemill: Wavemill, upload: TusUpload, wav: bytes
) -> None:
    await upload.create(len(wav))
    sent = CHUNK + MIB
    async with upload.begun(0, len(wav), wav[:sent]) as older:
        await eventually(lambda: kept(wavemill, upload))
        async with asyncio.timeout(10):  # nobody waits until a connection is found dead
            offset = await upload.offset()
        assert CHUNK <= offset <= sent
        status, text = await older.answer()
        assert (status, "upload_interrupted" in text) == (400, True)
        assert (await upload.patch(offset, wav[offset:]))[0] == 204
    assert kept(wavemill, upload) == [sha256(wav)]
    assert "Unhandled exception" not in wavemill.log


async def test_a_body_at_the_wrong_place_is_not_taken_in_for_nothing(
    upload: TusUpload, wav: bytes
) -> None:
    await upload.create(len(wav))
    await upload.patch(0, wav[:10])
    async with upload.begun(0, len(wav), b"") as begun:
        assert (await begun.answer())[0] == 409
        async with asyncio.timeout(5):
            await begun.closed()


async def test_of_two_patches_at_once_the_newer_one_wins(
    wavemill: Wavemill, upload: TusUpload, wav: bytes
) -> None:
    await upload.create(len(wav))
    async with upload.begun(0, len(wav), wav[:CHUNK]) as older:
        await eventually(lambda: kept(wavemill, upload))
        newer = asyncio.create_task(upload.patch(CHUNK, wav[CHUNK:]))
        status, text = await older.answer()
        assert (status, "upload_interrupted" in text) == (400, True)
        await older.send(wav[CHUNK:])
        assert (await newer)[0] == 204
    assert kept(wavemill, upload) == [sha256(wav)]


# --- DELETE ---


async def test_a_terminated_upload_is_gone_with_all_its_bytes(
    wavemill: Wavemill, upload: TusUpload, wav: bytes
) -> None:
    await upload.create(len(wav))
    await upload.patch(0, wav[: CHUNK + 1000])
    assert len(kept(wavemill, upload)) == 2
    status, _, headers = await upload.delete()
    assert (status, headers["Tus-Resumable"]) == (204, "1.0.0")
    assert kept(wavemill, upload) == []
    assert (await upload.head())[0] == 404


async def test_a_termination_ends_a_patch_under_way(
    wavemill: Wavemill, upload: TusUpload, wav: bytes
) -> None:
    await upload.create(len(wav))
    async with upload.begun(0, len(wav), wav[: CHUNK + MIB]) as older:
        await eventually(lambda: kept(wavemill, upload))
        assert (await upload.delete())[0] == 204
        assert (await older.answer())[0] == 400
    assert kept(wavemill, upload) == []
