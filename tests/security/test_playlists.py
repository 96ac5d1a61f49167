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
from support.playlists import EXTENSIONS, KINDS
from wavemill_common.errors import AppError, ConversionError
from wavemill_converter.tools import Tools
from wavemill_gateway.sniff import refuse_no_audio

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
