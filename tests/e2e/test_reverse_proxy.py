"""The nginx recipe of docs/reverse-proxy.md: one upload and one stream over two gateways."""

import asyncio
import os
import re
import shutil
import signal
import ssl
import subprocess
import sys
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import aclosing
from pathlib import Path

import aiohttp
import pytest

from support.chunks import ChunkedFile, write_wav
from support.client import Client
from support.nginx import NGINX, running_nginx
from support.ports import free_port
from support.server import Wavemill
from wavemill_common.tether import tether

DOC = Path(__file__).resolve().parents[2] / "docs" / "reverse-proxy.md"
MIB = 1024 * 1024

pytestmark = [
    pytest.mark.skipif(NGINX is None, reason="no nginx here (apt-get install nginx-light)"),
    pytest.mark.skipif(shutil.which("openssl") is None, reason="no openssl here"),
]


class Proxy:
    """A running nginx with the recipe, on a port of its own, before two gateways."""

    def __init__(self, folder: Path, gateways: list[int]) -> None:
        self.folder = folder
        self.port, plain = free_port(), free_port()
        recipe = re.findall(r"```nginx\n(.*?)```", DOC.read_text(), re.DOTALL)[0]
        for documented, ours in {
            "127.0.0.1:8080": f"127.0.0.1:{gateways[0]}",
            "127.0.0.1:8081": f"127.0.0.1:{gateways[1]}",
            "listen 443": f"listen 127.0.0.1:{self.port}",
            "listen 80": f"listen 127.0.0.1:{plain}",
            "/etc/ssl/wavemill/": f"{folder}/",
        }.items():
            assert documented in recipe
            recipe = recipe.replace(documented, ours)
        self.recipe = recipe

    @property
    def answered(self) -> set[str]:
        """Which gateways have answered so far."""
        return {line.split()[0] for line in (self.folder / "access.log").read_text().splitlines()}


@pytest.fixture
def two_gateways(start_wavemill: Callable[..., Wavemill]) -> Iterator[list[int]]:
    """A wavemill, and a second gateway on what the first one keeps."""
    server = start_wavemill()
    port = free_port()
    variables = {"PORT": str(port), "DATA_DIR": str(server.data_dir)}
    second = subprocess.Popen(
        [sys.executable, "-m", "wavemill_gateway"],
        env={**os.environ, **server.kept.variables, **variables},
        preexec_fn=tether(signal.SIGKILL),
    )
    try:
        yield [server.port, port]
    finally:
        second.terminate()
        second.wait(15)


@pytest.fixture
def proxy(tmp_path: Path, two_gateways: list[int]) -> Iterator[Proxy]:
    """nginx with the recipe and a certificate that it signed itself."""
    folder = tmp_path / "nginx"
    folder.mkdir(mode=0o755)
    subprocess.run(
        ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "1", "-subj",
         "/CN=audio.example.com", "-keyout", "privkey.pem", "-out", "fullchain.pem"],
        cwd=folder, check=True, capture_output=True,
    )  # fmt: skip
    one = Proxy(folder, two_gateways)
    with running_nginx(folder, one.recipe, one.port, *two_gateways):
        yield one


@pytest.fixture
async def client(proxy: Proxy) -> AsyncIterator[Client]:
    """A client that comes through the proxy, and takes its certificate."""
    trusting = ssl.create_default_context(cafile=str(proxy.folder / "fullchain.pem"))
    trusting.check_hostname = False
    connector = aiohttp.TCPConnector(ssl=trusting)
    async with aiohttp.ClientSession(connector=connector) as session:
        yield Client(session, f"https://127.0.0.1:{proxy.port}")
    await asyncio.sleep(0.25)  # connections over TLS end after their session


async def test_two_gateways_behind_nginx_serve_one_upload_and_one_stream(
    proxy: Proxy, client: Client, two_gateways: list[int], tmp_path: Path
) -> None:
    file = ChunkedFile(client, write_wav(tmp_path / "noise.wav", 22 * MIB))
    await file.open()
    for index in (3, 0, 4, 2, 1):
        status, body, _ = await file.send_raw(index)
        assert status in {200, 201}, body
    assert body["complete"] is True

    job_id = await client.convert(file.file_id, "flac")
    events = [event async for event in client.events(job_id)]
    assert events[-1]["event"] == "completed"
    shown = [event["data"]["progress"] for event in events]
    assert len(shown) > 1
    assert shown == sorted(shown)

    results = {
        (await client.download(job_id, tmp_path / "out.flac")).read_bytes() for _ in range(4)
    }
    assert len(results) == 1
    assert proxy.answered == {f"127.0.0.1:{port}" for port in two_gateways}


async def test_events_come_through_nginx_when_they_happen(client: Client, long_audio: Path) -> None:
    job_id = await client.convert((await client.upload(long_audio))["fileId"], "mp3")
    async with aclosing(client.events(job_id)) as events:
        async for event in events:
            if event["data"]["stage"] == "converting":
                break
    body = await client.progress(job_id)
    assert body["status"] == "processing", "a buffered stream comes when the job has ended"
    await client.call("DELETE", f"/api/jobs/{job_id}")
