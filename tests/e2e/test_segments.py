"""A long FLAC through the whole of a running wavemill, with and without segments."""

import os
import subprocess
from collections.abc import Callable
from pathlib import Path

import aiohttp
import pytest

from support.audio import decoded, generate
from support.client import Client
from support.server import Wavemill

_TONES = "aevalsrc=0.4*sin(900*t)*sin(t)|0.3*sin(700*t)*sin(2*t):s=8000:d=660.5"


@pytest.mark.parametrize("switch", ["1", "0"])
async def test_a_long_recording_becomes_a_flac(
    start_wavemill: Callable[..., Wavemill], tmp_path: Path, ffmpeg: str, switch: str
) -> None:
    server = start_wavemill(WAVEMILL_SEGMENTS=switch)
    lecture = generate(tmp_path / "lecture.wav", _TONES)
    by_hand = tmp_path / "by-hand.flac"
    words = ["-i", str(lecture), "-frame_size", "4096", "-fflags", "+bitexact", str(by_hand)]
    subprocess.run([ffmpeg, "-v", "error", *words], check=True)
    async with aiohttp.ClientSession() as session:
        client = Client(session, server.url)
        job_id = await client.convert((await client.upload(lecture))["fileId"], "flac")
        assert (await client.wait(job_id))["status"] == "completed"
        result = await client.download(job_id, tmp_path / "result.flac")
    assert result.read_bytes() == by_hand.read_bytes()
    assert decoded(result)[0] == pytest.approx(660.5)
    assert ("segmented" in server.log) == (switch == "1" and os.cpu_count() != 1)
