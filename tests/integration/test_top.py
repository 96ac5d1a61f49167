"""`wavemill top`: what waits, what runs and what has ended, as Redis and the records have it."""

import asyncio
import json
import os
import pty
import select
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console

from support.converters import House, ScriptedFfmpeg, converter
from support.redis import TestRedis
from wavemill_common.connections import connect
from wavemill_common.jobs import Lane
from wavemill_common.overview import Overview, Sources, look
from wavemill_common.queue.converters import ConverterRegistry, ConverterStatus
from wavemill_common.queue.inspection import QueueInspector
from wavemill_standalone.commands.top_view import PIPE_WIDTH, picture

PATIENCE = 30.0  # seconds
HOSTILE = "\x1b[2Jforged\r\n[red]clip[/red].wav"


@pytest.fixture
def waiting(tmp_path: Path) -> ScriptedFfmpeg:
    """An ffmpeg that hangs until it is let go on."""
    return ScriptedFfmpeg(tmp_path / "waiting", "wait")


async def overview(house: House, count: int = 10) -> Overview:
    async with connect(house.redis_url) as redis:
        sources = Sources(
            QueueInspector(redis), ConverterRegistry(redis), house.progress, house.jobs
        )
        return await look(sources, time.time(), count)


async def announce(house: House, name: str, running: int) -> None:
    status = ConverterStatus(
        name=name, ffmpeg_version="7.1", formats=(), slots=2, running=running, sandbox=("seccomp",)
    )
    async with connect(house.redis_url) as redis:
        await ConverterRegistry(redis).announce(status)


def drawn(seen: Overview, width: int = PIPE_WIDTH) -> str:
    console = Console(width=width, record=True, file=open(os.devnull, "w"))  # noqa: SIM115, PTH123
    console.print(picture(seen))
    console.file.close()
    return console.export_text()


def told(house: House, *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "wavemill_standalone", "top", *arguments],
        env=environ(house),
        capture_output=True,
        text=True,
        check=False,
    )


def environ(house: House) -> dict[str, str]:
    return {**os.environ, "DATA_DIR": str(house.folder), "REDIS_URL": house.redis_url}


async def test_what_waits_runs_and_has_ended_is_told(
    house: House, waiting: ScriptedFfmpeg, clip: Path
) -> None:
    async with converter(house, waiting, slots=1) as worker:
        await announce(house, worker.name, running=1)
        await house.submit("running", source=clip, file_name=HOSTILE)
        await house.until(lambda _: waiting.started, "running")
        await house.submit("waiting", source=clip, lane=Lane.BULK)
        async with asyncio.timeout(PATIENCE):
            while (seen := await overview(house)).running[0].stage != "converting":
                await asyncio.sleep(0.02)
        [running] = seen.running
        assert (running.job_id, running.converter, running.attempt) == ("running", worker.name, 1)
        assert (running.format, running.lane) == ("mp3", "standard")
        lanes = {one.lane: one for one in seen.queue.lanes}
        assert (lanes["standard"].pending, lanes["standard"].oldest_waiting) == (1, None)
        assert (lanes["bulk"].waiting, lanes["bulk"].lag) == (1, 1)
        assert lanes["bulk"].oldest_waiting is not None
        assert seen.ended == ()
        text = drawn(seen)
        assert "1/2 slots · 1 waiting" in text
        assert "\x1b" not in text
        assert "[red]clip" in text
        waiting.open()
        await house.ended("running")
        await house.ended("waiting")
    seen = await overview(house)
    assert seen.running == ()
    assert {(one.job_id, one.status) for one in seen.ended} == {
        ("running", "completed"),
        ("waiting", "completed"),
    }
    assert "completed" in drawn(seen)


async def test_the_latest_ends_come_first_and_failures_say_why(
    house: House, clip: Path, tmp_path: Path
) -> None:
    garbage = tmp_path / "garbage.wav"
    garbage.write_bytes(bytes(range(256)) * 40)
    async with converter(house):
        for job_id, source in (("first", clip), ("second", garbage)):
            await house.submit(job_id, source=source)
            await house.ended(job_id)
            async with asyncio.timeout(PATIENCE):
                while not any(one.job_id == job_id for one in (await overview(house)).ended):
                    await asyncio.sleep(0.02)
    seen = await overview(house, 1)
    [last] = seen.ended
    assert (last.job_id, last.status, last.code) == ("second", "failed", "invalid_format")


async def test_an_empty_redis_is_no_failure(house: House, redis_server: TestRedis) -> None:
    redis_server.flush()
    seen = await overview(house)
    assert (seen.running, seen.ended, seen.converters) == ((), (), ())
    assert [one.lag for one in seen.queue.lanes] == [None] * 3
    assert "Redis is empty" in drawn(seen)
    assert drawn(seen, 60)  # a narrow terminal


async def test_the_command_tells_once_as_text_or_as_json(house: House, clip: Path) -> None:
    await house.submit(source=clip)
    text = await asyncio.to_thread(told, house)  # a pipe is no place for a live view
    assert (text.returncode, text.stderr) == (0, "")
    assert "1 waiting" in text.stdout
    document: dict[str, Any] = json.loads((await asyncio.to_thread(told, house, "--json")).stdout)
    lanes = {one["lane"]: one for one in document["queue"]["lanes"]}
    assert (lanes["standard"]["waiting"], lanes["standard"]["lag"]) == (1, 1)
    assert set(document) == {"queue", "converters", "running", "ended"}


def test_where_nothing_runs_it_says_what_to_do(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "wavemill_standalone", "top", "--data-dir", str(tmp_path)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert "wavemill up" in done.stderr
    assert "Traceback" not in done.stderr


async def test_on_a_terminal_it_is_live_until_ctrl_c(house: House, clip: Path) -> None:
    main, child = pty.openpty()
    command = [sys.executable, "-m", "wavemill_standalone", "top", "--every", "0.1"]
    wide = {**environ(house), "COLUMNS": "120", "LINES": "50", "TERM": "xterm"}
    process = subprocess.Popen(command, env=wide, stdin=child, stdout=child, stderr=child)
    os.close(child)
    try:
        await asyncio.to_thread(read_until, main, "0 waiting")
        await house.submit(source=clip)
        await asyncio.to_thread(read_until, main, "1 waiting")
        process.send_signal(signal.SIGINT)
        await asyncio.to_thread(drain, main)
        assert process.wait(PATIENCE) == 0
    finally:
        process.kill()
        process.wait()
        os.close(main)


def read_until(terminal: int, wanted: str) -> None:
    """Read what a terminal shows until it shows this."""
    seen, ends = "", time.monotonic() + PATIENCE
    while wanted not in seen:
        ready, _, _ = select.select([terminal], [], [], max(0.0, ends - time.monotonic()))
        assert ready, f"{wanted!r} was not shown: {seen[-2000:]!r}"
        seen += os.read(terminal, 65536).decode(errors="replace")


def drain(terminal: int) -> None:
    """Read a terminal to its end: whoever writes to it would wait otherwise."""
    try:
        while os.read(terminal, 65536):
            pass
    except OSError:  # Linux says the end so
        return
