"""Fixtures of the tests that run the whole product."""

import subprocess
from pathlib import Path

import pytest


@pytest.fixture(scope="session")
def long_audio(tmp_path_factory: pytest.TempPathFactory, ffmpeg: str) -> Path:
    """An hour of sound in few megabytes: no conversion of it ends before a test does."""
    path = tmp_path_factory.mktemp("long") / "long.mp3"
    source = ["-f", "lavfi", "-i", "sine=f=440:d=60:r=44100", "-ac", "2", "-b:a", "64k"]
    subprocess.run([ffmpeg, "-v", "error", *source, "-write_xing", "0", str(path)], check=True)
    path.write_bytes(path.read_bytes() * 60)
    return path
