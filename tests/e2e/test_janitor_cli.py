"""The janitor's commands beside a running wavemill, which they find through DATA_DIR alone."""

import asyncio
import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import aiohttp

from support.audio import make_noise
from support.client import Client
from support.server import Wavemill, eventually


async def janitor(server: Wavemill, *words: str) -> tuple[int, Any]:
    environ = {
        **os.environ,
        "DATA_DIR": str(server.data_dir),
        "REDIS_URL": "",
        **server.kept.variables,
    }
    command = [sys.executable, "-m", "wavemill_janitor", *words, "--json"]
    done = await asyncio.to_thread(
        subprocess.run, command, env=environ, capture_output=True, text=True, timeout=60
    )
    assert done.stdout, done.stderr
    return done.returncode, json.loads(done.stdout)


async def test_doctor_is_content_with_a_running_wavemill(wavemill: Wavemill) -> None:
    code, told = await janitor(wavemill, "doctor")
    wrong = [check for check in told["checks"] if check["level"] not in {"ok", "skipped"}]
    assert (code, wrong) == (0, [])


async def test_a_running_job_is_listed_cancelled_and_run_again(
    start_wavemill: Callable[..., Wavemill], session: aiohttp.ClientSession, tmp_path: Path
) -> None:
    server = start_wavemill()
    client = Client(session, server.url)
    source = make_noise(tmp_path / "long.wav", 400)
    job_id = await client.convert((await client.upload(source))["fileId"], "mp3")
    await client.wait_for_stage(job_id, "converting")
    await eventually(server.ffmpegs)
    for ffmpeg in server.ffmpegs():
        ffmpeg.suspend()  # or it would be done before all commands are

    _, listed = await janitor(server, "jobs", "list", "--status", "processing")
    assert [job["jobId"] for job in listed["jobs"]] == [job_id]
    _, peeked = await janitor(server, "queue", "peek")
    assert [entry["jobId"] for entry in peeked["entries"] if entry["consumer"]] == [job_id]

    _, planned = await janitor(server, "jobs", "cancel", job_id)
    assert planned["counts"]["planned"] == 1
    assert (await client.progress(job_id))["status"] == "processing"

    code, done = await janitor(server, "jobs", "cancel", job_id, "--apply")
    assert (code, done["counts"]["done"]) == (0, 1)
    assert (await client.progress(job_id))["status"] == "cancelled"
    await eventually(lambda: not server.ffmpegs(), 5)

    code, _ = await janitor(server, "jobs", "requeue", job_id, "--apply")
    assert code == 0
    assert (await client.wait(job_id))["status"] == "completed"
