"""Bad input, one by one: each gets its status and code, and the server keeps serving."""

import asyncio
import base64
import gzip
import io
import json
import zipfile
from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from support.chunks import CHUNK, MIB, ChunkedFile, write_wav
from support.client import Client
from support.problems import Reply, assert_problem
from support.server import Wavemill

UNKNOWN = "A" * 32
PNG = base64.b64decode(
    "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg=="
)
LIMIT = 300_000  # bytes; lena.wav is larger, lena.mp3 is not


@pytest.fixture(scope="module", autouse=True)
def _still_serves(wavemill: Wavemill, lena: Path) -> Iterator[None]:
    """After all of it the server converts a real file, and none of its processes was replaced."""
    names, printed = ("gateway", "converter", "janitor"), len(wavemill.log)
    before = [wavemill.service(name).pid for name in names]
    yield
    assert asyncio.run(convert_one(wavemill.url, lena / "lena.mp3")) == "completed"
    assert [wavemill.service(name).pid for name in names] == before
    assert "request_crashed" not in wavemill.log[printed:]
    assert "Traceback" not in wavemill.log[printed:]


async def convert_one(url: str, path: Path) -> str:
    async with aiohttp.ClientSession() as session:
        client = Client(session, url)
        upload = await client.upload(path)
        ended = await client.wait(await client.convert(upload["fileId"], "flac"))
    return str(ended["status"])


async def send_file(client: Client, content: bytes, name: str | None = "a.mp3") -> Reply:
    form = aiohttp.FormData(quote_fields=False)
    form.add_field("file", io.BytesIO(content), filename=name)
    return await client.call("POST", "/api/upload-audio", data=form)


async def send_form_bytes(
    client: Client, body: bytes, path: str = "/api/upload-audio", boundary: str = "; boundary=b"
) -> Reply:
    """Send a form as these very bytes, with `--b` between its parts."""
    headers = {"Content-Type": f"multipart/form-data{boundary}"}
    return await client.call("POST", path, data=io.BytesIO(body), headers=headers)


async def convert(client: Client, **asked: Any) -> Reply:
    return await client.call("POST", "/api/convert-audio", json={"fileId": UNKNOWN} | asked)


async def post_json(client: Client, path: str, body: bytes) -> Reply:
    headers = {"Content-Type": "application/json"}
    return await client.call("POST", path, data=io.BytesIO(body), headers=headers)


# --- files that are no audio ----------------------------------------------------------------------


def a_zip() -> bytes:
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        archive.writestr("a.mp3", b"x" * 1000)
    return packed.getvalue()


NO_AUDIO = {
    "text renamed": b"It was a dark and stormy night.\n" * 100,
    "one byte of text": b"x",
    "text with a byte order mark": b"\xef\xbb\xbfHello\n",
    "utf-16 text": "Grüße\n".encode("utf-16"),
    "empty": b"",
    "png": PNG,
    "jpeg": b"\xff\xd8\xff\xe0\x00\x10JFIF\x00\x01\x01\x00\x00\x01\x00\x01\x00\x00" + b"\x80" * 500,
    "gif": b"GIF89a\x01\x00\x01\x00\x80\x00\x00\x00\x00\x00\xff\xff\xff,\x00\x00",
    "zip": a_zip(),
    "gzip": gzip.compress(b"x" * 1000),
    "pdf": b"%PDF-1.7\n%\xe2\xe3\xcf\xd3\n1 0 obj\n<< /Type /Catalog >>\nendobj\n" * 5,
    "m3u": b"#EXTM3U\n#EXTINF:10,\nfile:///etc/passwd\n",
    "plain m3u": b"http://127.0.0.1:1/a.mp3\n",
    "m3u after a byte order mark": b"\xef\xbb\xbf#EXTM3U\nhttp://127.0.0.1:1/a.ts\n",
    "pls": b"[playlist]\nFile1=http://127.0.0.1:1/a.mp3\nNumberOfEntries=1\n",
    "ffconcat": b"ffconcat version 1.0\nfile '/etc/passwd'\n",
    "dash": b'<?xml version="1.0"?>\n<MPD><BaseURL>http://127.0.0.1:1/</BaseURL></MPD>\n',
    "sdp": b"v=0\no=- 0 0 IN IP4 127.0.0.1\nm=audio 5004 RTP/AVP 0\n",
    "script": b"#!/bin/sh\nrm -rf /\n",
    "html": b"<html><script>alert(1)</script></html>",
}


@pytest.mark.parametrize("kind", NO_AUDIO)
async def test_a_file_that_is_no_audio_is_refused(
    client: Client, wavemill: Wavemill, kind: str
) -> None:
    before = wavemill.kept.keys()
    reply = await send_file(client, NO_AUDIO[kind])
    body = assert_problem(reply, 400, "invalid_format")
    assert {"mp3", "flac", "wav"} <= set(body["supportedFormats"])
    assert wavemill.kept.keys() == before


async def test_no_audio_in_chunks_is_refused_when_it_is_complete(
    client: Client, wavemill: Wavemill, tmp_path: Path
) -> None:
    path = tmp_path / "a.mp3"
    path.write_bytes(b"not a song\n" * (CHUNK // 10))
    chunked = ChunkedFile(client, path)
    await chunked.open()
    await chunked.send_raw(0)
    assert_problem(await chunked.send_raw(1), 400, "invalid_format")
    assert wavemill.kept.keys(chunked.file_id) == []
    assert_problem(await chunked.state(), 404, "upload_not_found")


async def test_an_amr_file_is_not_taken_for_text(
    client: Client, tmp_path: Path, lena: Path
) -> None:
    upload = await client.upload(lena / "lena.mp3")
    job_id = await client.convert(upload["fileId"], "amr")
    assert (await client.wait(job_id))["status"] == "completed"
    amr = await client.download(job_id, tmp_path / "a.amr")
    assert amr.read_bytes().startswith(b"#!AMR\n")
    upload = await client.upload(amr)
    ended = await client.wait(await client.convert(upload["fileId"], "mp3"))
    assert ended["status"] == "completed"


async def test_noise_is_admitted_but_its_job_says_that_it_is_no_audio(client: Client) -> None:
    status, upload, _ = await send_file(client, bytes(range(256)) * 40)
    assert status == 201
    ended = await client.wait(await client.convert(upload["fileId"], "mp3"))
    assert (ended["status"], ended["progress"]) == ("failed", -1)
    assert (ended["error"]["code"], ended["error"]["httpStatus"]) == ("invalid_format", 400)
    reply = await client.call("GET", f"/api/download?jobId={ended['jobId']}")
    assert_problem(reply, 409, "invalid_format")


@pytest.mark.parametrize("kept", [100, 1000, 100_000])
async def test_a_truncated_mp3_converts_or_fails_clearly(
    client: Client, lena: Path, kept: int
) -> None:
    status, upload, _ = await send_file(client, (lena / "lena.mp3").read_bytes()[:kept])
    assert status == 201
    ended = await client.wait(await client.convert(upload["fileId"], "wav"), timeout=30)
    assert ended["status"] == "completed" or ended["error"]["message"]


# --- files over the limit -------------------------------------------------------------------------


async def test_a_file_over_the_limit_is_refused_before_anything_is_stored(
    start_wavemill: Callable[..., Wavemill],
    session: aiohttp.ClientSession,
    lena: Path,
    tmp_path: Path,
) -> None:
    server = start_wavemill(WAVEMILL_MAX_UPLOAD_BYTES=str(LIMIT))
    client = Client(session, server.url)
    huge = write_wav(tmp_path / "huge.wav", 4 * MIB).read_bytes()
    wav = (lena / "lena.wav").read_bytes()

    async def in_pieces() -> AsyncIterator[bytes]:
        """A body without a Content-Length: it goes out in chunked transfer encoding."""
        yield b'--b\r\nContent-Disposition: form-data; name="file"; filename="a.wav"\r\n\r\n'
        for start in range(0, len(wav), 64 * 1024):
            yield wav[start : start + 64 * 1024]
        yield b"\r\n--b--\r\n"

    asked = {"fileName": "a.wav", "fileSize": LIMIT + 1}
    chunk = {"chunkIndex": "0", "totalChunks": "1", **asked}
    raw = {"Content-Type": "application/octet-stream"}
    form = {"Content-Type": "multipart/form-data; boundary=b"}
    replies = [
        await send_file(client, wav),
        await send_file(client, huge),
        await client.call("POST", "/api/upload-audio", data=in_pieces(), headers=form),
        await client.call("POST", "/api/uploads", json=asked),
        await client.call("POST", "/api/uploads", json=asked | {"fileSize": 10**18}),
        await client.call("POST", "/api/upload-audio", params=chunk, data=b"x" * 1000, headers=raw),
    ]
    for reply in replies:
        body = assert_problem(reply, 413, "file_too_large")
        assert body["limit"] == LIMIT
        assert str(LIMIT) in body["error"]
    assert server.kept.unfinished() == []
    assert not server.kept.keys("uploads")
    upload = await client.upload(lena / "lena.mp3")
    assert upload["complete"]
    announced = {"fileName": "a.wav", "fileSize": LIMIT}
    _, upload, _ = await client.call("POST", "/api/uploads", json=announced)
    more = {"fileId": upload["fileId"], "chunkIndex": "0"}
    reply = await client.call(
        "POST", "/api/upload-audio", params=more, data=wav[: LIMIT + 1], headers=raw
    )
    assert_problem(reply, 400, "invalid_chunk")  # more bytes than were announced


# --- chunks ---------------------------------------------------------------------------------------


@pytest.fixture
def chunked(client: Client, tmp_path: Path) -> ChunkedFile:
    return ChunkedFile(client, write_wav(tmp_path / "a.wav", 2 * CHUNK + 1000))


@pytest.mark.parametrize(
    ("index", "length"), [(0, CHUNK - 1), (0, CHUNK + 1), (0, 0), (2, 999), (2, 1001), (2, CHUNK)]
)
@pytest.mark.parametrize("way", ["send_form", "send_raw"])
async def test_a_chunk_of_the_wrong_size_is_refused(
    chunked: ChunkedFile, way: str, index: int, length: int
) -> None:
    await chunked.open()
    body = assert_problem(await getattr(chunked, way)(index, bytes(length)), 400, "invalid_chunk")
    assert str(len(chunked.piece(index))) in body["error"]
    assert (await chunked.state())[1]["received"] == ""


WILD = [
    "-1",
    "1e9",
    "abc",
    "3",
    "1000000000",
    "99999999999999999999",
    "",
    "0x1",
    "1.0",
    "\u0661",
    None,
]


@pytest.mark.parametrize("index", WILD)
@pytest.mark.parametrize("is_open", [False, True])
async def test_a_wild_index_is_refused(
    chunked: ChunkedFile, index: str | None, *, is_open: bool
) -> None:
    if is_open:
        await chunked.open()
    for send in (chunked.send_raw, chunked.send_form):
        body = assert_problem(await send(0, b"x", chunkIndex=index), 400, "invalid_chunk")
        assert "chunkIndex" in body["error"]


@pytest.mark.parametrize("total", ["0", "2", "4", "-1", "abc", "99999999999999999999"])
@pytest.mark.parametrize("is_open", [False, True])
async def test_a_wrong_total_is_refused(chunked: ChunkedFile, total: str, *, is_open: bool) -> None:
    if is_open:
        await chunked.open()
    body = assert_problem(await chunked.send_raw(0, b"x", totalChunks=total), 400, "invalid_chunk")
    assert "totalChunks" in body["error"]


@pytest.mark.parametrize("size", ["-1", "abc", None, "1e6"])
async def test_a_wrong_file_size_is_refused(chunked: ChunkedFile, size: str | None) -> None:
    body = assert_problem(await chunked.send_raw(0, b"x", fileSize=size), 400, "invalid_chunk")
    assert "fileSize" in body["error"]


async def test_a_file_size_that_changes_is_refused(chunked: ChunkedFile) -> None:
    await chunked.open()
    assert_problem(await chunked.send_raw(0, b"x", fileSize=5), 400, "invalid_chunk")


async def test_an_announced_empty_file_is_refused(chunked: ChunkedFile) -> None:
    reply = await chunked.send_raw(0, b"x", fileSize=0, totalChunks=0)
    assert_problem(reply, 400, "invalid_format")
    asked = {"fileName": "a.wav", "fileSize": 0}
    reply = await chunked.client.call("POST", "/api/uploads", json=asked)
    assert_problem(reply, 400, "invalid_format")


# --- ids ------------------------------------------------------------------------------------------


async def test_unknown_ids_are_not_found(client: Client, chunked: ChunkedFile) -> None:
    chunked.file_id = UNKNOWN
    for reply in (
        await chunked.send_raw(0, b"x"),  # an early answer may cut off a large body
        await chunked.send_form(0, b"x"),
        await chunked.state(),
        await chunked.complete(),
        await chunked.abort(),
        await convert(client, format="mp3"),
    ):
        assert_problem(reply, 404, "upload_not_found")
    for method, path in (
        ("GET", "/api/progress?jobId="),
        ("GET", "/api/events?jobId="),
        ("GET", "/api/download?jobId="),
        ("GET", "/api/jobs/"),
        ("DELETE", "/api/jobs/"),
    ):
        assert_problem(await client.call(method, path + UNKNOWN), 404, "job_not_found")


MALFORMED = ["../../etc/x", "/abs", "a b", "a\0b", "x" * 65, "é", "a.b", "a\nb", "..", "$(id)"]


@pytest.mark.parametrize("value", MALFORMED)
async def test_malformed_ids_are_refused(
    client: Client, chunked: ChunkedFile, wavemill: Wavemill, value: str
) -> None:
    before = sorted(wavemill.data_dir.rglob("*.wav")), wavemill.kept.keys()
    encoded = "".join(f"%{byte:02x}" for byte in value.encode())
    replies = [
        await chunked.send_raw(0, b"x", fileId=value),
        await chunked.send_form(0, b"x", fileId=value),
        await convert(client, fileId=value, format="mp3"),
        await client.call("GET", "/api/progress", params={"jobId": value}),
        await client.call("GET", "/api/events", params={"jobId": value}),
        await client.call("GET", "/api/download", params={"jobId": value}),
    ]
    if value != "..":  # clients resolve that one themselves
        for method, path in (
            ("GET", "/api/uploads/{}"),
            ("DELETE", "/api/uploads/{}"),
            ("POST", "/api/uploads/{}/complete"),
            ("GET", "/api/jobs/{}"),
            ("DELETE", "/api/jobs/{}"),
        ):
            replies.append(await raw_call(wavemill.port, method, path.format(encoded)))
    for reply in replies:
        assert_problem(reply, 400, "invalid_id")
    assert (sorted(wavemill.data_dir.rglob("*.wav")), wavemill.kept.keys()) == before


async def raw_call(port: int, method: str, path: str) -> Reply:
    """Send a request whose path no client library has tidied up."""
    head = f"{method} {path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"
    return await exchange(port, head.encode())


async def exchange(port: int, sent: bytes) -> Reply:
    """Send bytes; read the reply up to the connection's end."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(sent)
    received = await asyncio.wait_for(reader.read(), 10)
    writer.close()
    head, _, content = received.decode().partition("\r\n\r\n")
    status, *lines = head.split("\r\n")
    headers = dict(line.split(": ", 1) for line in lines)
    return int(status.split()[1]), json.loads(content or "{}"), headers


@pytest.mark.parametrize(
    "path", ["/api/uploads/%2e%2e%2f", "/api/uploads/%2e%2e%2f%2e%2e%2fx", "/api/jobs/%00"]
)
async def test_encoded_path_parts_in_an_id_are_refused(wavemill: Wavemill, path: str) -> None:
    assert_problem(await raw_call(wavemill.port, "GET", path), 400, "invalid_id")


async def test_a_path_that_leaves_the_interface_is_not_found(wavemill: Wavemill) -> None:
    for path in ("/api/uploads/../../etc/x", "/nothing", "/assets/../app.py", "/assets/%2e%2e"):
        assert_problem(await raw_call(wavemill.port, "GET", path), 404, "not_found")


async def test_a_missing_job_id_is_named(client: Client) -> None:
    for path in ("/api/progress", "/api/download", "/api/events"):
        body = assert_problem(await client.call("GET", path), 400, "invalid_request")
        assert "jobId" in body["error"]


async def test_a_wrong_method_tells_the_right_one(client: Client) -> None:
    reply = await client.call("PUT", "/api/convert-audio")
    assert_problem(reply, 405, "method_not_allowed")
    assert reply[2]["Allow"] == "POST"


# --- what is asked for ----------------------------------------------------------------------------


@pytest.mark.parametrize("asked", ["exe", "mp3 -f null", "", "MP3", "-i", "../mp3", "x" * 500])
async def test_an_unknown_format_is_refused(client: Client, asked: str) -> None:
    body = assert_problem(await convert(client, format=asked), 400, "invalid_format")
    assert "mp3" in body["supportedFormats"]
    assert "choose one of" in body["error"]


@pytest.mark.parametrize(
    "asked",
    [
        "best",
        "-1",
        "",
        "192",
        "192K",
        "5k",
        "9999k",
        "V10",
        "q5",
        "V2 -f null",
        "\uff11\uff19\uff12k",
    ],
)
async def test_an_unknown_quality_is_refused(client: Client, asked: str) -> None:
    reply = await convert(client, format="mp3", quality=asked)
    body = assert_problem(reply, 400, "invalid_quality")
    assert "standard" in body["supportedQualities"]


@pytest.mark.parametrize(
    "options",
    [
        {"sampleRate": 1},
        {"sampleRate": 44_101},
        {"sampleRate": 1e9},
        {"sampleRate": 10**30},
        {"sampleRate": "44100; rm"},
        {"channels": 0},
        {"channels": -1},
        {"channels": 64},
        {"channels": True},
        {"trimStart": -1},
        {"trimStart": "1"},
        {"trimStart": 5, "trimEnd": 5},
        {"fadeIn": 1e9},
        {"fadeOut": -0.5},
        {"bitDepth": 24},
        {"loudness": {"targetLufs": 0}},
        {"loudness": {"truePeakDb": 3}},
        {"loudness": {"target": -16}},
        {"loudness": -16},
        {"metadata": {"": "x"}},
        {"metadata": {"title=x": "x"}},
        {"metadata": {"title": "a\u0000b"}},
        {"metadata": {"title": 5}},
        {"metadata": {"title": "x" * 70_000}},
        {"metadata": {f"tag{number}": "x" for number in range(101)}},
        {"cover": "https://example.com/cover.jpg"},
        {"cover": "conversions/another/cover-0.jpg"},
        {"cover": "data:image/png;base64,AAAA"},
        {"cover": "data:image/svg+xml;base64,PHN2Zz4="},
        {"chapters": [{"start": 5}, {"start": 5}]},
        {"chapters": [{"start": -1}]},
        {"chapters": "none"},
        {"split": "minutes"},
        {"filter": "amovie=/etc/passwd"},
        {"": 1},
        [],
        "-i",
    ],
)
async def test_an_unknown_or_impossible_option_is_refused(client: Client, options: Any) -> None:
    reply = await convert(client, format="mp3", options=options)
    assert_problem(reply, 400, "invalid_option")


@pytest.mark.parametrize(
    ("asked", "hint"),
    [
        ({"format": "mp3", "outputs": [{"format": "mp3"}]}, "format belongs into each"),
        ({"outputs": []}, "1 to 8"),
        ({"outputs": [{"format": "mp3"}] * 9}, "1 to 8"),
        ({"outputs": {"format": "mp3"}}, "outputs"),
        ({"outputs": [{"format": "mp3", "preview": True}]}, "preview"),
        ({"format": "mp3", "preview": "yes"}, "preview"),
    ],
)
async def test_several_outputs_that_make_no_sense_are_refused(
    client: Client, asked: dict[str, Any], hint: str
) -> None:
    reply = await convert(client, **asked)
    assert hint in assert_problem(reply, 400, "invalid_request")["error"]


@pytest.mark.parametrize(
    ("target", "options", "able"),
    [
        ("aac", {"metadata": {"title": "x"}}, "mp3"),
        ("wav", {"chapters": [{"start": 0}]}, "m4b"),
        ("mp3", {"bitDepth": 16}, "flac"),
        ("tta", {"cover": "data:image/png;base64,iVBORw0KGgo="}, "m4a"),
    ],
)
async def test_what_a_format_cannot_do_is_refused_with_those_that_can(
    client: Client, target: str, options: dict[str, Any], able: str
) -> None:
    reply = await convert(client, format=target, options=options)
    assert able in assert_problem(reply, 400, "invalid_option")["error"]


@pytest.mark.parametrize(
    "asked",
    [
        {"fileId": 5, "format": "mp3"},
        {"fileId": None, "format": "mp3"},
        {"fileId": UNKNOWN},
        {"format": "mp3"},
        {"fileId": UNKNOWN, "format": ["mp3"]},
        {"fileId": UNKNOWN, "format": "mp3", "quality": 5},
        {"fileId": UNKNOWN, "format": "mp3", "typo": 1},
        {},
    ],
)
async def test_json_that_does_not_fit_says_where(client: Client, asked: dict[str, Any]) -> None:
    reply = await client.call("POST", "/api/convert-audio", json=asked)
    body = assert_problem(reply, 400, "invalid_request")
    assert "`" in body["error"]


@pytest.mark.parametrize("path", ["/api/convert-audio", "/api/uploads"])
@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"{",
        b"not json",
        b"[]",
        b"5",
        b"null",
        b'"text"',
        b'{"fileId": \xff}',
        b'{"a": "\\ud800"}',
        b"[" * 100_000,
        b'{"a":' * 5_000,
        b'{"a":' + b"[" * 60_000,
    ],
    ids=lambda body: repr(body[:12]),
)
async def test_malformed_json_is_refused(client: Client, path: str, body: bytes) -> None:
    assert_problem(await post_json(client, path, body), 400, "invalid_json")


@pytest.mark.parametrize(
    ("path", "size"), [("/api/uploads", 70_000), ("/api/convert-audio", 4 * MIB)]
)
async def test_a_json_body_over_its_limit_is_refused(client: Client, path: str, size: int) -> None:
    body = json.dumps({"fileId": UNKNOWN, "format": "x" * size}).encode()
    assert_problem(await post_json(client, path, body), 413, "file_too_large")


@pytest.mark.parametrize("encoding", ["gzip", "deflate", "br", "GZIP", "gzip, gzip", "x" * 300])
@pytest.mark.parametrize("path", ["/api/convert-audio", "/api/upload-audio"])
async def test_a_compressed_body_is_refused(client: Client, path: str, encoding: str) -> None:
    headers = {"Content-Encoding": encoding, "Content-Type": "application/json"}
    bomb = gzip.compress(bytes(20 * MIB))
    reply = await client.call("POST", path, data=bomb, headers=headers)
    assert_problem(reply, 415, "unsupported_media_type")


@pytest.mark.parametrize(
    "kind", ["application/json", "text/plain", "audio/mpeg", "multipart/mixed"]
)
async def test_an_upload_of_another_content_type_is_refused(client: Client, kind: str) -> None:
    headers = {"Content-Type": kind}
    reply = await client.call("POST", "/api/upload-audio", data=b"x", headers=headers)
    assert "multipart/form-data" in assert_problem(reply, 415, "unsupported_media_type")["error"]


# --- forms ----------------------------------------------------------------------------------------


def a_field(name: str, value: str = "x") -> bytes:
    return f'--b\r\nContent-Disposition: form-data; name="{name}"\r\n\r\n{value}\r\n'.encode()


FILE_HEAD = b'--b\r\nContent-Disposition: form-data; name="file"; filename="a.mp3"\r\n\r\n'
MALFORMED_FORMS = {
    "no part of ours": a_field("a") + b"--b--\r\n",
    "no part at all": b"--b--\r\n",
    "empty": b"",
    "no boundary in it": b"hello",
    "too many parts": a_field("a") * 17 + FILE_HEAD + b"x\r\n--b--\r\n",
    "very many parts": a_field("a") * 5000,
    "a field too long": a_field("fileName", "x" * 5000) + b"--b--\r\n",
    "a field of bytes": FILE_HEAD.replace(b'"file"; filename="a.mp3"', b'"x"')
    + b"\xff\r\n--b--\r\n",
    "cut in a field": b'--b\r\nContent-Disposition: form-data; name="a"\r\n\r\nxx',
    "cut in the file": FILE_HEAD + b"xx",
    "cut in a header": b"--b\r\nContent-Disp",
    "a form in a form": b"--b\r\nContent-Type: multipart/mixed; boundary=c\r\n\r\n--c--\r\n",
    "a huge header": b"--b\r\nX: " + b"x" * 100_000 + b"\r\n\r\n",
    "many headers": b"--b\r\n" + b"X: y\r\n" * 5000 + b"\r\n",
    "a broken header": b"--b\r\nbroken\r\n\r\nx\r\n--b--\r\n",
    "a broken charset": a_field("_charset_", "x" * 40) + b"--b--\r\n",
}


@pytest.mark.parametrize("kind", MALFORMED_FORMS)
@pytest.mark.parametrize("path", ["/api/upload-audio", "/api/convert"])
async def test_a_malformed_form_is_refused(client: Client, path: str, kind: str) -> None:
    reply = await send_form_bytes(client, MALFORMED_FORMS[kind], path)
    assert_problem(reply, 400, "invalid_request")


@pytest.mark.parametrize("boundary", ["", "; boundary=", "; boundary=" + "x" * 100])
async def test_a_form_without_a_usable_boundary_is_refused(client: Client, boundary: str) -> None:
    reply = await send_form_bytes(client, b"--b--\r\n", boundary=boundary)
    assert_problem(reply, 400, "invalid_request")


MALFORMED_HTTP = [
    b"hello\r\n\r\n",
    b"GET / HTTP/1.1\r\nbroken\r\n\r\n",
    b"GET / HTTP/1.1\r\nHost: a\0b\r\n\r\n",
    b"GET /" + b"x" * 50_000 + b" HTTP/1.1\r\n\r\n",
    b"POST /api/uploads HTTP/1.1\r\nContent-Length: -1\r\n\r\n",
    b"POST /api/uploads HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n",
]


@pytest.mark.parametrize("sent", MALFORMED_HTTP, ids=lambda sent: repr(sent[:24]))
async def test_malformed_http_is_a_problem_too(wavemill: Wavemill, sent: bytes) -> None:
    assert_problem(await exchange(wavemill.port, sent), 400, "invalid_request")


# --- file names -----------------------------------------------------------------------------------

NAMES = {
    "a\u202egnp.mp3": "agnp.mp3",
    "€uro ünï.mp3": "€uro ünï.mp3",
    "../../etc/passwd": "passwd",
    "C:\\Users\\me\\a.mp3": "a.mp3",
    "/abs/a.mp3": "a.mp3",
    "..": "audio",
    "": "audio",
    "a\0b.mp3": "ab.mp3",
    "a\r\nSet-Cookie: x=1\r\n\r\n.mp3": "aSet-Cookie: x=1.mp3",
    'a"; filename="b.mp3': 'a"; filename="b.mp3',
    "-i": "-i",
    "<img src=x onerror=alert(1)>.mp3": "<img src=x onerror=alert(1)>.mp3",
    "n" * 10_000 + ".mp3": "n" * 251 + ".mp3",
    "€" * 3_000 + ".mp3": "€" * 83 + ".mp3",
    "\ud800.mp3": ".mp3",
}


@pytest.mark.parametrize(("sent", "kept"), NAMES.items(), ids=lambda name: ascii(name[:20]))
async def test_a_file_name_is_made_harmless(
    client: Client, lena: Path, sent: str, kept: str
) -> None:
    content = (lena / "lena.mp3").read_bytes()
    asked = b'{"fileName": %s, "fileSize": %d}' % (json.dumps(sent).encode(), len(content))
    status, upload, _ = await post_json(client, "/api/uploads", asked)
    if "\ud800" in sent:
        assert status == 400  # no JSON can hold it
        return
    assert (status, upload["fileName"]) == (201, kept)
    chunk = {"fileId": upload["fileId"], "chunkIndex": "0"}
    headers = {"Content-Type": "application/octet-stream"}
    status, _, _ = await client.call(
        "POST", "/api/upload-audio", params=chunk, data=content, headers=headers
    )
    assert status == 201
    job_id = await client.convert(upload["fileId"], "wav")
    assert (await client.wait(job_id))["status"] == "completed"
    status, _, headers_back = await client.call("HEAD", f"/api/download?jobId={job_id}")
    assert status == 200
    assert "Set-Cookie" not in headers_back
    disposition = headers_back["Content-Disposition"]
    assert disposition.isascii()
    assert disposition.startswith('attachment; filename="')
    assert disposition.count('"') == 2


@pytest.mark.parametrize("sent", ["€ ü.mp3", "a\u202eb.mp3", "../../x.mp3", "n" * 10_000])
async def test_a_form_takes_any_file_name(client: Client, lena: Path, sent: str) -> None:
    status, upload, _ = await send_file(client, (lena / "lena.ogg").read_bytes(), sent)
    assert status == 201, upload
    assert len(upload["fileName"].encode()) <= 255
    assert "/" not in upload["fileName"]


async def test_a_long_name_in_the_query_is_taken(chunked: ChunkedFile) -> None:
    status, body, _ = await chunked.send_raw(2, fileName="n" * 10_000 + ".wav")
    assert status == 200
    assert body["fileName"] == "n" * 251 + ".wav"
