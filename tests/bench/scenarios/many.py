"""Many five-second files, all at once, against `xargs -P2 ffmpeg`.

The files are uploaded before; from the first POST to the last end, everything counts.
"""

import asyncio
import shutil
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import aiohttp

from bench.bench import Bench, LeftOut, interleaved
from bench.rows import Goal, Row
from bench.scenarios.job import COMMANDS
from bench.usage import Usage, cpu_seconds, of_command
from support.audio import FFMPEG, make_sweep
from support.client import TERMINAL, Client
from support.server import Wavemill, running

NAME = "many"
ABOUT = "five-second files to mp3, all at once, on two slots"
AT_ONCE = 2
LOOK_EVERY = 0.05  # seconds


def run(bench: Bench) -> Iterator[Row]:
    """Measure wall and CPU time."""
    if shutil.which("xargs") is None:
        raise LeftOut("there is no xargs here")
    count = bench.sized(100, 200)
    folder = bench.folder / "many-files"
    folder.mkdir()
    first = make_sweep(folder / "0.wav", 5)
    for number in range(1, count):
        shutil.copy(first, folder / f"{number}.wav")
    with running(bench.folder / "many", WAVEMILL_VERIFY="structure") as server:
        ours, bare = interleaved(
            bench.times(3, 5),
            lambda: asyncio.run(_convert_all(server, sorted(folder.glob("*.wav")))),
            lambda: _xargs(folder),
        )
    yield Row(
        name=f"{count} files",
        against="xargs -P2 ffmpeg",
        unit="s",
        ours=[one.wall for one in ours],
        limit=[one.wall for one in bare],
        goal=Goal(most=1.15),
    )
    yield Row(
        name=f"{count} files: CPU",
        against="xargs -P2 ffmpeg",
        unit="s",
        ours=[one.cpu for one in ours],
        limit=[one.cpu for one in bare],
        goal=Goal(most=1.25),
    )


async def _convert_all(server: Wavemill, sources: list[Path]) -> Usage:
    async with aiohttp.ClientSession() as session:
        client = Client(session, server.url)
        uploads = [(await client.upload(source))["fileId"] for source in sources]
        processes = server.processes()
        before, began = cpu_seconds(processes), time.perf_counter()
        jobs = await asyncio.gather(*(client.convert(one, "mp3") for one in uploads))
        waiting = list(jobs)
        while waiting:
            shown = await client.progress(waiting[-1])
            if shown["status"] in TERMINAL:
                assert shown["status"] == "completed", shown
                waiting.pop()
            else:
                await asyncio.sleep(LOOK_EVERY)
        used = Usage(time.perf_counter() - began, cpu_seconds(processes) - before)
        for job_id, file_id in zip(jobs, uploads, strict=True):
            await client.call("DELETE", f"/api/jobs/{job_id}")
            await client.call("DELETE", f"/api/uploads/{file_id}")
    return used


def _xargs(folder: Path) -> Usage:
    names = folder / "names"
    names.write_text("\n".join(str(path) for path in sorted(folder.glob("*.wav"))))
    quiet = ("-nostdin", "-v", "error", "-y")
    command = ["xargs", "-a", str(names), "-P", str(AT_ONCE), "-I", "{}"]
    used = of_command([*command, FFMPEG, *quiet, "-i", "{}", *COMMANDS["mp3"], "{}.mp3"])
    subprocess.run(["rm", "-f", *map(str, folder.glob("*.mp3"))], check=True)
    return used
