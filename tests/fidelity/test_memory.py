"""However long source and result are, a converter holds little of them."""

import asyncio
import hashlib
import json
import shutil
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

import pytest
from media_files import run

from support.fidelity.ledger import Ledger
from support.fidelity.references import make_reference
from support.moto_server import running_moto
from support.s3 import raw_client
from wavemill_common.settings import MIB

MOST_HELD = 64 * MIB
MOST_RSS = 150 * 1_000_000
ROOM = 20 * 10**9  # bytes of disk: source, its copy in the store, result, the same by hand
WAV_16 = "-c:a pcm_s16le -rf64 auto -f wav"
WAV_24 = "-c:a pcm_s24le -rf64 auto -f wav"
FLAC_16 = "-c:a flac -sample_fmt s16 -frame_size 4096 -compression_level 5 -f flac"
FLAC_24 = "-c:a flac -sample_fmt s32 -frame_size 4096 -compression_level 5 -f flac"


class Disk:
    """Objects as files below a folder."""

    name = "disk"
    wire: tuple[str, ...] = ()

    def __init__(self, folder: Path) -> None:
        self._folder = folder / "objects"

    def open(self, key: str) -> IO[bytes]:
        """Read an object behind the converter's back."""
        return (self._folder / key).open("rb")


class S3:
    """Objects in a bucket, over the wire."""

    name = "S3, over the wire"

    def __init__(self, url: str) -> None:
        self._client = raw_client(url)
        self.wire = (url, "bucket")
        self._client.create_bucket(Bucket="bucket")

    def upload(self, source: Path) -> None:
        """Put a source where a job finds it, so that this is not the converter's work."""
        self._client.upload_file(str(source), "bucket", f"uploads/{source.name}")

    def open(self, key: str) -> IO[bytes]:
        """Read an object behind the converter's back."""
        body: IO[bytes] = self._client.get_object(Bucket="bucket", Key=key)["Body"]
        return body


@pytest.fixture
def s3() -> Iterator[S3]:
    """A server in a process of its own: what it holds counts for nobody."""
    with running_moto() as url:
        yield S3(url)


@dataclass(frozen=True)
class Case:
    """A source, and what is to be made of it; `words` are those of the command by hand."""

    source: Path
    target: str
    words: str
    what: str


async def streamed_alone(case: Case, folder: Path, store: Disk | S3) -> dict[str, Any]:
    """Convert in a process of its own; return its figures."""
    words = [str(case.source), str(folder), case.target, *store.wire]
    process = await asyncio.create_subprocess_exec(
        *[sys.executable, "-m", "support.fidelity.lone", *words],
        stdout=asyncio.subprocess.PIPE,
        env={"PYTHONPATH": ":".join(sys.path), "PATH": "/usr/bin:/bin"},
    )
    out, _ = await process.communicate()
    assert process.returncode == 0
    figures: dict[str, Any] = json.loads(out.splitlines()[-1])
    return figures


async def assert_little_is_held(
    ledger: Ledger, folder: Path, case: Case, store: Disk | S3
) -> dict[str, Any]:
    """Convert; compare with the same made by hand, which stays as `folder/reference`."""
    folder.mkdir()
    figures = await streamed_alone(case, folder, store)
    ledger.add(
        "memory",
        conversion=case.what,
        store=store.name,
        **{
            "bytes in": case.source.stat().st_size,
            "bytes out": figures["size"],
            "early parts": figures["early_parts"],
            "memory + scratch MiB": round(figures["held"] / MIB, 1),
            "RSS MB": round(figures["rss"] / 1e6, 1),
            "seconds, decoded again": round(figures["seconds"]),
        },
    )
    reference = make_reference(case.source, case.words, folder / "reference")
    with store.open(figures["key"]) as stored, reference.open("rb") as made:
        assert await asyncio.to_thread(sha256, stored) == await asyncio.to_thread(sha256, made)
    assert figures["held"] <= MOST_HELD
    assert figures["rss"] <= MOST_RSS
    return figures


@pytest.fixture(scope="module")
def hour(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """635 MB of WAV."""
    source = tmp_path_factory.mktemp("hour") / "hour.wav"
    tone = "sine=f=300:r=44100:d=3600,pan=stereo|c0=c0|c1=c0"
    run("-f", "lavfi", "-i", tone, "-c:a", "pcm_s16le", source)
    assert source.stat().st_size > 635_000_000
    return source


@pytest.mark.slow
@pytest.mark.timeout(900)
@pytest.mark.parametrize(("target", "words"), [("wav", WAV_16), ("flac", FLAC_16)])
async def test_an_hour_of_stereo_streams_over_the_wire_in_little_memory(
    tmp_path: Path, ledger: Ledger, hour: Path, s3: S3, target: str, words: str
) -> None:
    await asyncio.to_thread(s3.upload, hour)
    case = Case(hour, target, words, f"WAV, 60 min, 44.1 kHz, 16 bit, stereo → {target}")
    figures = await assert_little_is_held(ledger, tmp_path / "s3", case, s3)
    assert figures["early_parts"] > 0


@pytest.mark.slow
@pytest.mark.timeout(900)
async def test_an_hour_of_stereo_streams_over_the_disk_in_little_memory(
    tmp_path: Path, ledger: Ledger, hour: Path
) -> None:
    case = Case(hour, "wav", WAV_16, "the same WAV → wav")
    folder = tmp_path / "disk"
    figures = await assert_little_is_held(ledger, folder, case, Disk(folder))
    assert figures["early_parts"] > 0


@pytest.mark.slow
@pytest.mark.timeout(1800)
async def test_a_wav_beyond_4_gib_streams_in_little_memory(tmp_path: Path, ledger: Ledger) -> None:
    if shutil.disk_usage(tmp_path).free < ROOM:
        ledger.skipped["the RF64 of 4.5 GB"] = "the disk has too little room"
        pytest.skip("the disk has too little room")
    source = tmp_path / "huge.flac"
    tone = "sine=f=300:r=192000:d=980,pan=7.1|c0=c0|c1=c0|c2=c0|c3=c0|c4=c0|c5=c0|c6=c0|c7=c0"
    run("-f", "lavfi", "-i", tone, "-c:a", "flac", "-sample_fmt", "s32", "-bits_per_raw_sample",
        "24", "-compression_level", "0", source)  # fmt: skip
    there, back = tmp_path / "there", tmp_path / "back"
    case = Case(source, "wav", WAV_24, "FLAC, 16 min, 192 kHz, 24 bit, 7.1 → RF64")
    figures = await assert_little_is_held(ledger, there, case, Disk(there))
    assert figures["size"] > 4_500_000_000
    huge = (there / "reference").rename(tmp_path / "huge.wav")
    with huge.open("rb") as file:
        assert file.read(4) == b"RF64"
    shutil.rmtree(there)

    case = Case(huge, "flac", FLAC_24, "this RF64 → flac")
    await assert_little_is_held(ledger, back, case, Disk(back))
    shutil.rmtree(tmp_path)


def sha256(file: IO[bytes]) -> str:
    """The digest of all that a file still gives."""
    digest = hashlib.sha256()
    while block := file.read(MIB):
        digest.update(block)
    return digest.hexdigest()
