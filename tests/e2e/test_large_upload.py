"""Two gigabytes pass through a gateway that holds few of them, and come out as they went in."""

import hashlib
import re
from collections.abc import Callable, Iterator
from pathlib import Path

import aiohttp
import pytest

from support.client import Client
from support.kept import InAws, Kept, OnDisk
from support.moto_server import running_moto
from support.noise import Noise
from support.server import Wavemill
from wavemill_common.settings import MIB

pytestmark = [pytest.mark.slow, pytest.mark.timeout(900)]

SIZE = 2048 * MIB  # the largest that is taken in by default
MOST_RSS = 150 * 1_000_000  # bytes
CHUNK = 8 * MIB

StartWavemill = Callable[..., Wavemill]


@pytest.fixture(params=["disk", "S3"])
def site(
    request: pytest.FixtureRequest, start_wavemill: StartWavemill
) -> Iterator[tuple[Wavemill, Kept]]:
    """A wavemill, and where it keeps what it takes in."""
    if request.param == "disk":
        server = start_wavemill(WAVEMILL_STORAGE="disk")
        yield server, OnDisk(server.data_dir)
        return
    with running_moto() as url:
        kept = InAws(url)
        yield start_wavemill(**kept.variables), kept


@pytest.mark.parametrize("way", ["whole", "in chunks"])
async def test_two_gigabytes_go_through_little_memory(
    site: tuple[Wavemill, Kept], way: str
) -> None:
    server, kept = site
    song = Noise(SIZE // MIB)
    gateway = server.service("gateway").pid
    before = peak(gateway)
    send = _send_whole if way == "whole" else _send_chunks
    async with aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=None)) as session:
        file_id = await send(Client(session, server.url), song)
    highest = peak(gateway)
    print(f"\ngateway: {before / 1e6:.0f} MB before, at most {highest / 1e6:.0f} MB")  # noqa: T201
    assert highest < MOST_RSS

    (key,) = kept.keys(file_id)
    digest = hashlib.sha256()
    for block in kept.blocks(key):
        digest.update(block)
    assert digest.hexdigest() == song.sha256()


async def _send_whole(client: Client, song: Noise) -> str:
    form = aiohttp.FormData()
    form.add_field("file", song.sent(0, SIZE), filename="large.wav")
    status, body, _ = await client.call("POST", "/api/upload-audio", data=form)
    assert status == 201, body
    return str(body["fileId"])


async def _send_chunks(client: Client, song: Noise) -> str:
    asked = {"fileName": "large.wav", "fileSize": SIZE, "chunkSize": CHUNK}
    status, body, _ = await client.call("POST", "/api/uploads", json=asked)
    assert status == 201, body
    fields = {"fileId": body["fileId"], "totalChunks": body["totalChunks"]}
    for index in range(body["totalChunks"]):
        status, body, _ = await client.call(
            "POST",
            "/api/upload-audio",
            params={**fields, "chunkIndex": index},
            data=song.sent(index * CHUNK, min(SIZE, (index + 1) * CHUNK)),
        )
        assert status in {200, 201}, body
    assert body["complete"] is True
    return str(body["fileId"])


def peak(pid: int) -> int:
    """The most that a process has ever held in memory, in bytes."""
    status = Path(f"/proc/{pid}/status").read_text()
    (kilobytes,) = re.findall(r"VmHWM:\s+(\d+) kB", status)
    return int(kilobytes) * 1024
