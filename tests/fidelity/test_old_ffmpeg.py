"""Streaming by an ffmpeg 5, which opens what it writes by its path in /proc."""

from pathlib import Path

import pytest

from support.fidelity.bench import opened, same_bytes
from support.fidelity.inputs import Inputs
from support.fidelity.ledger import Ledger

SYSTEM = Path("/usr/bin/ffmpeg")
PAIRS = [
    ("lena.wav", "mp3"),
    ("end.m4a", "m4a"),
    ("cover.flac", "alac"),
    ("lena.mp3", "wav"),
    ("chapters.opus", "flac"),
    ("lena.ogg", "opus"),
    ("id3.aiff", "aiff"),
    ("cut.mp3", "mka"),
]


@pytest.mark.parametrize(("name", "target"), PAIRS)
async def test_ffmpeg_5_streams_what_it_writes_between_files(
    inputs: Inputs, ledger: Ledger, tmp_path: Path, name: str, target: str
) -> None:
    if not SYSTEM.exists():
        ledger.skipped["ffmpeg 5"] = f"there is no {SYSTEM} here"
        pytest.skip(f"there is no {SYSTEM} here")
    async with opened(tmp_path, str(SYSTEM)) as bench:
        ffmpeg = bench.tools.ffmpeg
        if ffmpeg.knows_fd:
            pytest.skip(f"{SYSTEM} is {ffmpeg.version}, which needs no path in /proc")
        pair = await bench.pair(inputs.path(name), target)
    ledger.add(
        "old",
        ffmpeg=ffmpeg.version,
        input=name,
        format=target,
        identical="yes" if pair.identical else "no",
    )
    assert same_bytes(pair.streamed, pair.filed)
