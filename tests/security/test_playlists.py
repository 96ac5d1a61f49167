"""Files that name other files and hosts: refused, and nothing that they name is ever opened."""

import http.server
import threading
from collections.abc import Iterator
from pathlib import Path

import aiohttp
import pytest

from support.attempts import convert_both_ways
from support.audio import make_sweep
from support.client import Client
from wavemill_common.errors import AppError, ConversionError
from wavemill_converter.tools import Tools
from wavemill_gateway.sniff import refuse_no_audio

EXTENSIONS = ("mp3", "wav", "m4a", "flac", "ogg", "m3u8", "mpd", "sdp")
MARKER = "Geheimnis7351"  # the secret's content, as its tag


class Canary(http.server.ThreadingHTTPServer):
    """A server that nobody may ask for anything."""

    def __init__(self) -> None:
        self.hits: list[str] = []
        super().__init__(("127.0.0.1", 0), _Handler)

    @property
    def url(self) -> str:
        """A file on it."""
        return f"http://127.0.0.1:{self.server_address[1]}/canary.wav"


class _Handler(http.server.BaseHTTPRequestHandler):
    server: Canary

    def do_GET(self) -> None:
        self.server.hits.append(self.path)
        self.send_error(404)

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture(scope="module")
def canary() -> Iterator[Canary]:
    with Canary() as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.05,))
        thread.start()
        yield server
        server.shutdown()
        thread.join()


@pytest.fixture(scope="module")
def secret(open_folder: Path) -> Path:
    """Audio that is nobody's business, which even the contained user may read."""
    folder = open_folder / "private"
    folder.mkdir(exist_ok=True)
    folder.chmod(0o755)
    path = make_sweep(folder / "secret.wav", 1.0)
    path.write_bytes(path.read_bytes() + MARKER.encode())
    path.chmod(0o644)
    return path


def _hls(entry: str) -> str:
    head = "#EXTM3U\n#EXT-X-TARGETDURATION:1\n#EXT-X-MEDIA-SEQUENCE:0\n"
    return f"{head}#EXTINF:1,\n{entry}\n#EXT-X-ENDLIST\n"


def _dash(entry: str) -> str:
    return (
        '<?xml version="1.0"?><MPD xmlns="urn:mpeg:dash:schema:mpd:2011" type="static" '
        'mediaPresentationDuration="PT1S"><Period><AdaptationSet mimeType="audio/mp4">'
        f'<Representation id="1" bandwidth="1000"><BaseURL>{entry}</BaseURL>'
        "</Representation></AdaptationSet></Period></MPD>"
    )


def _sdp(_: str) -> str:
    return (
        "v=0\no=- 0 0 IN IP4 127.0.0.1\ns=x\nc=IN IP4 127.0.0.1\nt=0 0\n"
        "m=audio 5004 RTP/AVP 0\na=rtpmap:0 PCMU/8000\n"
    )


KINDS = {
    "hls": _hls,
    "m3u": lambda entry: f"#EXTM3U\n{entry}\n",
    "ffconcat": lambda entry: f"ffconcat version 1.0\nfile '{entry}'\n",
    "concat-subfile": lambda entry: _hls(f"concat:{entry}|{entry}"),
    "dash": _dash,
    "sdp": _sdp,
}


@pytest.fixture(params=KINDS)
def playlist(request: pytest.FixtureRequest, canary: Canary, secret: Path) -> list[bytes]:
    """One kind of playlist, once with the canary in it, and once with the secret."""
    make = KINDS[request.param]
    return [make(entry).encode() for entry in (canary.url, f"file://{secret}")]


def test_the_gateway_lets_none_in(playlist: list[bytes]) -> None:
    for content in playlist:
        with pytest.raises(AppError) as refused:
            refuse_no_audio(content[:4096])
        assert refused.value.status == 400


@pytest.mark.parametrize("extension", EXTENSIONS)
async def test_past_the_gateway_it_fails_by_name_and_asks_nobody(
    tools: Tools, tmp_path: Path, playlist: list[bytes], canary: Canary, extension: str
) -> None:
    for at, content in enumerate(playlist):
        path = tmp_path / f"{at}.{extension}"
        path.write_bytes(content)
        for failure in await convert_both_ways(tools, path, tmp_path / f"scratch{at}"):
            assert isinstance(failure, ConversionError), failure
            assert failure.status == 400
            assert MARKER not in repr(failure.members)
    assert canary.hits == []
    assert [one async for one in tools.objects.scan("conversions/")] == []


@pytest.mark.parametrize("extension", EXTENSIONS)
async def test_an_upload_is_answered_with_400(
    client: Client, playlist: list[bytes], canary: Canary, extension: str
) -> None:
    for content in playlist:
        form = aiohttp.FormData()
        form.add_field("file", content, filename=f"song.{extension}")
        status, _, _ = await client.call("POST", "/api/upload-audio", data=form)
        assert status == 400
    assert canary.hits == []
