"""However long a result is, a converter holds little of it."""

import asyncio
import hashlib
import json
import shutil
import sys
from pathlib import Path
from typing import Any

import pytest
from media_files import run

from support.fidelity.ledger import Ledger
from support.fidelity.references import make_reference
from wavemill_common.settings import MIB

MOST_HELD = 64 * MIB
MOST_RSS = 150 * 1_000_000
ROOM = 12 * 10**9  # bytes of disk: the result, the same by hand, and some reserve
PCM = "-c:a {codec} -rf64 auto -f wav"


async def streamed_alone(source: Path, folder: Path) -> dict[str, Any]:
    """Convert to WAV in a process of its own; return its figures."""
    words = [sys.executable, "-m", "support.fidelity.lone", str(source), str(folder), "wav"]
    process = await asyncio.create_subprocess_exec(
        *words,
        stdout=asyncio.subprocess.PIPE,
        env={"PYTHONPATH": ":".join(sys.path), "PATH": "/usr/bin:/bin"},
    )
    out, _ = await process.communicate()
    assert process.returncode == 0
    figures: dict[str, Any] = json.loads(out.splitlines()[-1])
    return figures


async def assert_little_is_held(
    ledger: Ledger, folder: Path, source: Path, what: str, codec: str
) -> dict[str, Any]:
    figures = await streamed_alone(source, folder)
    ledger.add(
        "memory",
        result=what,
        bytes=figures["size"],
        **{
            "early parts": figures["early_parts"],
            "memory + scratch MiB": round(figures["held"] / MIB, 1),
            "RSS MB": round(figures["rss"] / 1e6, 1),
            "seconds, decoded again": round(figures["seconds"]),
        },
    )
    reference = make_reference(source, PCM.format(codec=codec), folder / "reference.wav")
    assert await asyncio.to_thread(sha256, reference) == figures["sha256"]
    assert figures["held"] <= MOST_HELD
    assert figures["rss"] <= MOST_RSS
    return figures


@pytest.mark.slow
@pytest.mark.timeout(900)
async def test_an_hour_of_stereo_streams_in_little_memory(tmp_path: Path, ledger: Ledger) -> None:
    source = tmp_path / "hour.flac"
    tone = "sine=f=300:r=44100:d=3600,pan=stereo|c0=c0|c1=c0"
    run("-f", "lavfi", "-i", tone, "-c:a", "flac", "-sample_fmt", "s16", source)
    what = "60 min, 44.1 kHz, 16 bit, stereo"
    figures = await assert_little_is_held(ledger, tmp_path, source, what, "pcm_s16le")
    assert figures["size"] > 635_000_000


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
    what = "RF64, 16 min, 192 kHz, 24 bit, 7.1"
    figures = await assert_little_is_held(ledger, tmp_path, source, what, "pcm_s24le")
    assert figures["size"] > 4_500_000_000
    with Path(figures["path"]).open("rb") as file:
        assert file.read(4) == b"RF64"
    shutil.rmtree(tmp_path)


def sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
