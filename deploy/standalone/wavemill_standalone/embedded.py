"""Embedded: start a wavemill for the time of a block, and wait until it works."""

import asyncio
import os
import signal
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path

import aiohttp

from wavemill_common.tether import tether
from wavemill_standalone.ports import free_port

START_TIMEOUT, STOP_TIMEOUT = 60.0, 10.0  # seconds
LOOK_EVERY = 0.05  # seconds


class NotStarted(Exception):
    """It did not start; the message says why."""


@asynccontextmanager
async def embedded(data_dir: Path | None) -> AsyncIterator[str]:
    """Run a wavemill and tell its URL; without `data_dir`, in a directory that goes with it.

    It has a process group of its own, so that Ctrl-C reaches us alone, and it ends with us,
    however we end.

    Raises:
        NotStarted: it did not.
    """
    port = free_port()
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "wavemill_standalone.passing", str(port)),
        *([] if data_dir is None else [str(data_dir)]),
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.DEVNULL,
        stderr=asyncio.subprocess.PIPE,
        start_new_session=True,
        preexec_fn=tether(signal.SIGTERM),
    )
    try:
        url = f"http://127.0.0.1:{port}"
        await _wait_until_ready(process, url)
        hearing = asyncio.create_task(_drain(process))  # or a talkative one would block
        try:
            yield url
        finally:
            hearing.cancel()
    finally:
        await _stop(process)


async def _wait_until_ready(process: asyncio.subprocess.Process, url: str) -> None:
    try:
        async with asyncio.timeout(START_TIMEOUT), aiohttp.ClientSession() as session:
            while process.returncode is None:
                if await _is_ready(session, url):
                    return
                await asyncio.sleep(LOOK_EVERY)
    except TimeoutError:
        raise NotStarted(f"wavemill was not ready within {START_TIMEOUT:.0f} s") from None
    said = await _drain(process)
    raise NotStarted(said.strip() or f"wavemill ended with {process.returncode}")


async def _is_ready(session: aiohttp.ClientSession, url: str) -> bool:
    with suppress(aiohttp.ClientError):
        async with session.get(f"{url}/readyz") as response:
            return bool((await response.json())["status"] == "ready")
    return False


async def _drain(process: asyncio.subprocess.Process) -> str:
    """Read what it says until it ends; the last line is why."""
    last = b""
    while process.stderr is not None and (line := await process.stderr.readline()):
        last = line
    return last.decode(errors="replace")


async def _stop(process: asyncio.subprocess.Process) -> None:
    if process.returncode is not None:
        return
    with suppress(ProcessLookupError):
        process.terminate()
    try:
        async with asyncio.timeout(STOP_TIMEOUT):
            await process.wait()
    except TimeoutError:
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        await process.wait()
