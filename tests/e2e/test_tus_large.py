"""A large file by tus, cut at 60 %: a chunk at most is sent twice, and little memory is used."""

import hashlib
import random
import re
import struct
from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path

import aiohttp
import pytest

from support.chunks import RATE
from support.client import Client
from support.kept import InAws, Kept, OnDisk
from support.moto_server import running_moto
from support.server import Wavemill
from support.tus import OCTETS, VERSION, TusUpload
from wavemill_common.settings import MIB

CHUNK = 8 * MIB
MOST_RSS = 150 * 1_000_000  # bytes

StartWavemill = Callable[..., Wavemill]


class Noise:
    """A WAV of `mib` MiB that is nowhere: every MiB of it is made when it is asked for."""

    def __init__(self, mib: int) -> None:
        self.size = mib * MIB
        self._noise = random.Random(mib).randbytes(MIB)

    def block(self, number: int) -> bytes:
        """One MiB of it; no two are alike."""
        head = self._header() if number == 0 else struct.pack("<Q", number)
        return head + self._noise[len(head) :]

    async def sent(self, start: int, end: int) -> AsyncIterator[bytes]:
        """Bytes as a request's body, which breaks off at `end` if that is not the file's."""
        for number in range(start // MIB, -(-end // MIB)):
            first = number * MIB
            yield self.block(number)[max(0, start - first) : end - first]
        if end < self.size:
            raise CutError

    def sha256(self) -> str:
        """What must be stored."""
        digest = hashlib.sha256()
        for number in range(self.size // MIB):
            digest.update(self.block(number))
        return digest.hexdigest()

    def _header(self) -> bytes:
        riff = struct.pack("<4sI4s", b"RIFF", self.size - 8, b"WAVE")
        form = struct.pack("<4sIHHIIHH", b"fmt ", 16, 1, 1, RATE, 2 * RATE, 2, 16)
        return riff + form + struct.pack("<4sI", b"data", self.size - 44)


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
    body = noise.sent(start, end)
    status, _, _ = await upload.client.call("PATCH", upload.path, headers=headers, data=body)
    return status


def _peak(pid: int) -> int:
    """The most that a process has ever held in memory, in bytes."""
    status = Path(f"/proc/{pid}/status").read_text()
    (kilobytes,) = re.findall(r"VmHWM:\s+(\d+) kB", status)
    return int(kilobytes) * 1024
