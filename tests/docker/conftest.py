"""Fixtures of the tests that need a Docker engine: without one they are skipped."""

import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from support.audio import generate, make_noise
from support.compose import Compose


@pytest.fixture(scope="session", autouse=True)
def engine() -> None:
    """Skip where no engine answers; `make docker-test` brings its own where it may."""
    for command in (["docker", "info"], ["docker", "compose", "version"]):
        try:
            done = subprocess.run(command, check=False, capture_output=True, text=True, timeout=30)
        except (OSError, subprocess.TimeoutExpired) as error:
            pytest.skip(f"no Docker engine: {error}")
        if done.returncode != 0:
            reason = (done.stderr.strip() or "no answer").splitlines()[-1]
            pytest.skip(f"no Docker engine ({' '.join(command)}): {reason}")


@pytest.fixture(scope="session")
def images(engine: None) -> None:  # noqa: ARG001 - it comes first
    """The images of this checkout."""
    Compose("docker-compose.yml", "wavemill-test")("build")


@pytest.fixture(scope="session")
def stack(images: None) -> Iterator[Compose]:  # noqa: ARG001 - they come first
    """docker-compose.yml, up. A converter gets one second to finish in, not thirty."""
    compose = Compose("docker-compose.yml", "wavemill-test", WAVEMILL_DRAIN_GRACE="11")
    try:
        compose.up()
        yield compose
    finally:
        compose("down", "-v", "--remove-orphans", "-t", "2")


@pytest.fixture(scope="session")
def noise(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A file whose conversion takes long enough to be disturbed."""
    return make_noise(tmp_path_factory.mktemp("noise") / "noise.flac", 600, "-sample_fmt", "s16")


@pytest.fixture(scope="session")
def long_audio(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two hours of sound in few megabytes: no conversion of it ends before a test does."""
    path = tmp_path_factory.mktemp("long") / "long.mp3"
    generate(path, "sine=f=440:d=60:r=44100", "-ac", "2", "-b:a", "64k", "-write_xing", "0")
    path.write_bytes(path.read_bytes() * 120)
    return path
