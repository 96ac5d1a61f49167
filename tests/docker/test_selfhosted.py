"""The self-hosted variant: disk and SQLite on one volume, which outlives its containers."""

from collections.abc import Iterator
from pathlib import Path

import aiohttp
import pytest

from support.client import Client
from support.compose import Compose


@pytest.fixture
def selfhosted(images: None) -> Iterator[Compose]:  # noqa: ARG001 - they come first
    compose = Compose("docker-compose.selfhosted.yml", "wavemill-test-own")
    try:
        compose.up()
        yield compose
    finally:
        compose("down", "-v", "-t", "2")


async def test_it_converts_and_keeps_its_data_when_it_is_taken_down(
    selfhosted: Compose, session: aiohttp.ClientSession, lena: Path, tmp_path: Path
) -> None:
    client = Client(session, selfhosted.url)
    job_id = await client.convert((await client.upload(lena / "lena.wav"))["fileId"], "opus")
    assert (await client.wait(job_id))["status"] == "completed"
    before = (await client.download(job_id, tmp_path / "before.opus")).read_bytes()

    selfhosted("down", "-t", "5")
    assert selfhosted.containers() == []
    selfhosted.up()

    assert (await client.download(job_id, tmp_path / "after.opus")).read_bytes() == before
    again = await client.convert((await client.upload(lena / "lena.mp3"))["fileId"], "wav")
    assert (await client.wait(again))["status"] == "completed"
