"""A running wavemill says what contains its ffmpeg, and converts in it."""

from pathlib import Path

from support.audio import FFMPEG, decoded
from support.client import Client
from wavemill_common.settings import SandboxMode
from wavemill_converter.sandbox import contain


async def test_readiness_names_the_layers_that_work_here(client: Client) -> None:
    sandbox = await contain(FFMPEG, SandboxMode.PREFER)
    _, body, _ = await client.call("GET", "/readyz")
    assert body["status"] == "ready"
    assert body["checks"]["sandbox"] == (", ".join(sandbox.names) if sandbox else "none")


async def test_what_is_converted_in_the_sandbox_sounds_as_before(
    client: Client, lena: Path, tmp_path: Path
) -> None:
    job = await client.convert((await client.upload(lena / "lena.m4a"))["fileId"], "flac")
    assert (await client.wait(job))["status"] == "completed"
    assert abs(decoded(await client.download(job, tmp_path / "lena.flac"))[0] - 12.27) < 0.1
