"""API keys as their holders use them: the command line, the Python client, limits of one's own."""

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from support.api_keys import holding, keys, new_key
from support.problems import assert_problem
from support.server import Wavemill, running
from wavemill_client import NotAllowed, NotFound, Retry, WavemillClient
from wavemill_common.api_keys import new_key as unknown_key

UNKNOWN = "/api/uploads/" + "A" * 32
REFUSED = 4  # what the command line exits with


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Wavemill]:
    with running(tmp_path_factory.mktemp("keys") / "data", WAVEMILL_API_KEYS_REQUIRED="1") as one:
        yield one


@pytest.fixture
async def key(server: Wavemill) -> str:
    return await new_key(server)


def run(
    server: Wavemill, folder: Path, *words: str, key: str = ""
) -> subprocess.CompletedProcess[str]:
    """The command `wavemill`, with the key in its environment."""
    environ = {**os.environ, "WAVEMILL_SERVER": server.url, "WAVEMILL_API_KEY": key}
    command = [sys.executable, "-m", "wavemill_standalone", *words]
    return subprocess.run(
        command, cwd=folder, env=environ, capture_output=True, text=True, check=False
    )


async def test_the_command_line_works_with_a_key(
    server: Wavemill, key: str, lena: Path, tmp_path: Path
) -> None:
    words = ("convert", str(lena / "lena.flac"), "--to", "mp3", "--out", "out")
    done = run(server, tmp_path, *words, key=key)
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "out" / "lena.mp3").stat().st_size > 0
    assert key not in done.stdout + done.stderr


@pytest.mark.parametrize("given", ["", unknown_key()], ids=["none", "wrong"])
@pytest.mark.parametrize("command", ["convert", "inspect", "formats"])
def test_the_command_line_says_that_it_needs_another_key(
    server: Wavemill, lena: Path, tmp_path: Path, command: str, given: str
) -> None:
    file = str(lena / "lena.wav")
    words = {"convert": [file, "--to", "mp3", "--out", "out"], "inspect": [file], "formats": []}
    done = run(server, tmp_path, command, *words[command], key=given)
    assert done.returncode == REFUSED, done.stderr
    assert "set WAVEMILL_API_KEY" in done.stderr
    assert done.stdout == ""
    assert list(tmp_path.iterdir()) == []


async def test_the_python_client_converts_with_a_key_and_sees_its_own_jobs_alone(
    server: Wavemill, key: str, lena: Path, tmp_path: Path
) -> None:
    async with (
        WavemillClient(server.url, api_key=key) as mine,
        WavemillClient(server.url, api_key=await new_key(server)) as yours,
    ):
        done = await mine.convert(lena / "lena.wav", "flac", out=tmp_path / "a.flac")
        assert done.files[0].stat().st_size > 0
        upload = await mine.upload(lena / "lena.wav")
        job_id = (await mine.create_job(upload.file_id, "mp3")).job_id
        assert (await mine.wait(job_id)).status == "completed"
        with pytest.raises(NotFound):
            await yours.job(job_id)


@pytest.mark.parametrize("given", [None, unknown_key()], ids=["none", "wrong"])
async def test_the_python_client_without_the_right_key_is_told_at_once(
    server: Wavemill, lena: Path, tmp_path: Path, given: str | None
) -> None:
    async with WavemillClient(server.url, api_key=given, retry=Retry(tries=1)) as client:
        with pytest.raises(NotAllowed):
            await client.convert(lena / "lena.wav", "flac", out=tmp_path / "a.flac")
    assert list(tmp_path.iterdir()) == []


async def test_a_key_may_have_limits_of_its_own(server: Wavemill, key: str) -> None:
    words = ("create", "--name", "small", "--rate-limit", "5/hour", "--max-open-uploads", "1")
    small = (await keys(server, *words))["key"]
    asked = {"fileName": "a.wav", "fileSize": 1000}
    async with holding(server, small) as client, holding(server, key) as other:
        assert (await client.call("POST", "/api/uploads", json=asked))[0] == 201
        second = await client.call("POST", "/api/uploads", json=asked)
        assert assert_problem(second, 429, "rate_limited")["limit"] == 1
        replies = [await client.call("GET", UNKNOWN) for _ in range(5)]
        assert replies[0][0] == 404
        assert_problem(replies[-1], 429, "rate_limited")
        for _ in range(2):
            assert (await other.call("POST", "/api/uploads", json=asked))[0] == 201
        assert {(await other.call("GET", UNKNOWN))[0] for _ in range(6)} == {404}
