"""The self-hosted variant: disk and SQLite on one volume, which outlives its containers."""

import re
from collections.abc import Iterator
from pathlib import Path

import aiohttp
import pytest

from support.client import Client
from support.compose import ROOT, Compose, docker

BACKUPS = ROOT / "docs" / "backup.md"


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
    lines = re.findall(r"```sh\n(# backup\n.*?)```", BACKUPS.read_text(), re.DOTALL)[0]
    (tmp_path / "backup.sh").write_text(lines)
    (tmp_path / "backup").mkdir()
    docker(
        "run", "--rm", "--user", "0", "-e", "DATA_DIR=/data", "-e", "BACKUP=/backup",
        "-v", f"{selfhosted.project}_data:/data", "-v", f"{tmp_path}/backup:/backup",
        "-v", f"{tmp_path}/backup.sh:/backup.sh:ro",
        "--entrypoint", "sh", "wavemill-janitor", "/backup.sh",
    )  # fmt: skip
    kept = [path.read_bytes() for path in tmp_path.glob("backup/objects/conversions/*/*")]
    assert before in kept
    assert (tmp_path / "backup" / "records.sqlite3").stat().st_size > 0

    again = await client.convert((await client.upload(lena / "lena.mp3"))["fileId"], "wav")
    assert (await client.wait(again))["status"] == "completed"
