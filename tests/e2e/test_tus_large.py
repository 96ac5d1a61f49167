"""A large file by tus, cut at 60 %: a chunk at most is sent twice, and little memory is used."""

import hashlib
import re
from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path
from urllib.parse import urlsplit

import aiohttp
import pytest

from support.client import Client
from support.kept import InAws, Kept, OnDisk
from support.line import line_is_empty
from support.moto_server import running_moto
from support.noise import Noise
from support.server import Wavemill
from support.tus import OCTETS, VERSION, TusUpload
from wavemill_common.settings import MIB

CHUNK = 8 * MIB
MOST_RSS = 150 * 1_000_000  # bytes

StartWavemill = Callable[..., Wavemill]


class CutError(Exception):
    """The line breaks down here."""


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


@pytest.mark.timeout(900)
@pytest.mark.parametrize("mib", [50, pytest.param(1024, marks=pytest.mark.slow)])
async def test_a_file_that_was_cut_at_60_percent_goes_on_there(
    site: tuple[Wavemill, Kept], mib: int
) -> None:
    server, kept = site
    noise = Noise(mib)
    cut = noise.size * 6 // 10
    async with aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=None)) as session:
        upload = TusUpload(Client(session, server.url))
        await upload.create(noise.size, "large.wav")
        with pytest.raises(aiohttp.ClientError):
            await _patch(upload, noise, 0, cut)
        offset = await upload.offset()
        assert 0 <= cut - offset <= CHUNK

        assert await _patch(upload, noise, offset, noise.size) == 204
        _, body, _ = await upload.client.call("GET", f"/api/uploads/{upload.file_id}")
    assert body["complete"]
    highest = _peak(server.service("gateway").pid)
    print(f"\n{cut - offset} bytes sent again; {highest / 1e6:.0f} MB at most")  # noqa: T201
    assert highest < MOST_RSS

    (key,) = kept.keys(upload.file_id)
    digest = hashlib.sha256()
    for block in kept.blocks(key):
        digest.update(block)
    assert digest.hexdigest() == noise.sha256()


async def _patch(upload: TusUpload, noise: Noise, start: int, end: int) -> int:
    headers = {
        **VERSION,
        **OCTETS,
        "Upload-Offset": str(start),
        "Content-Length": str(noise.size - start),
    }
    body = _sent(noise, start, end, urlsplit(upload.client.url).port or 0)
    status, _, _ = await upload.client.call("PATCH", upload.path, headers=headers, data=body)
    return status


async def _sent(noise: Noise, start: int, end: int, port: int) -> AsyncIterator[bytes]:
    """A request's body, which breaks off at `end` if that is not the file's.

    What the kernel still held would be lost with the line: it is waited for.
    """
    async for block in noise.sent(start, end):
        yield block
    if end < noise.size:
        await line_is_empty(port)
        raise CutError


def _peak(pid: int) -> int:
    """The most that a process has ever held in memory, in bytes."""
    status = Path(f"/proc/{pid}/status").read_text()
    (kilobytes,) = re.findall(r"VmHWM:\s+(\d+) kB", status)
    return int(kilobytes) * 1024
