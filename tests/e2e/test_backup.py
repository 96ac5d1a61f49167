"""The lines of docs/backup.md: what is backed up while wavemill runs comes back elsewhere."""

import os
import re
import subprocess
from collections.abc import Callable
from pathlib import Path

import aiohttp

from support.audio import make_noise
from support.client import Client
from support.server import Wavemill

DOC = Path(__file__).resolve().parents[2] / "docs" / "backup.md"


def run_documented(name: str, data_dir: Path, backup: Path) -> None:
    """Run the shell lines that the page has under this name."""
    blocks = re.findall(r"```sh\n(.*?)```", DOC.read_text(), re.DOTALL)
    (lines,) = [block for block in blocks if block.startswith(f"# {name}\n")]
    environ = {**os.environ, "DATA_DIR": str(data_dir), "BACKUP": str(backup)}
    subprocess.run(["bash", "-eu", "-c", lines], env=environ, check=True)


async def test_a_backup_made_while_jobs_run_comes_back_whole(
    start_wavemill: Callable[..., Wavemill],
    session: aiohttp.ClientSession,
    lena: Path,
    tmp_path: Path,
) -> None:
    # Scaled, or what runs when the backup is made waits two minutes for its lease to end.
    server = start_wavemill(WAVEMILL_STORAGE="disk", WAVEMILL_TIME_SCALE="0.1")
    client = Client(session, server.url)
    done = await client.convert((await client.upload(lena / "lena.wav"))["fileId"], "mp3")
    assert (await client.wait(done))["status"] == "completed"
    before = (await client.download(done, tmp_path / "before.mp3")).read_bytes()
    noise = make_noise(tmp_path / "noise.flac", 400)
    running = await client.convert((await client.upload(noise))["fileId"], "mp3")
    await client.wait_for_stage(running, "converting")

    backup = tmp_path / "backup"
    backup.mkdir()
    run_documented("backup", server.data_dir, backup)
    server.kill_all()
    run_documented("restore", tmp_path / "restored" / "data", backup)

    restored = Wavemill(tmp_path / "restored" / "data", WAVEMILL_STORAGE="disk")
    try:
        restored.start()
        client = Client(session, restored.url)
        after = (await client.download(done, tmp_path / "after.mp3")).read_bytes()
        assert after == before
        assert (await client.wait(running, 120))["status"] == "completed"
    finally:
        restored.close()
