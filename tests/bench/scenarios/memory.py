"""What each service holds in memory: after a few jobs, after many, and over one very long one."""

import asyncio
from collections.abc import Iterator
from pathlib import Path

import aiohttp
import psutil

from bench.bench import Bench
from bench.rows import Goal, Judged, Row
from bench.usage import forget_peak_rss, peak_rss
from support.audio import make_sweep
from support.client import Client
from support.server import Wavemill, running

NAME = "memory"
ABOUT = "resident memory at its peak, of each service"
SERVICES = ("gateway", "converter", "janitor")
MIB = 1 << 20
_FEW = 20
_AT_ONCE = 8
_SECOND = 176_400  # bytes of CD sound
_PATIENCE = 3600.0  # seconds


def run(bench: Bench) -> Iterator[Row]:
    """Measure peaks: of a few jobs, of many, of a long one."""
    many, long = bench.sized(200, 10_000), bench.sized(256, 2000) * 1_000_000
    with running(bench.folder / "memory", WAVEMILL_VERIFY="structure") as server:
        processes = {name: server.service(name) for name in SERVICES}
        short = make_sweep(bench.folder / "short.wav", 1)
        asyncio.run(_convert(server, short, _FEW))
        few = _peaks(processes)
        asyncio.run(_convert(server, short, many))
        more = _peaks(processes)
        source = make_sweep(bench.folder / "long.wav", long / _SECOND)
        asyncio.run(_convert(server, source, 1))
        most = _peaks(processes)
    for name in SERVICES:
        yield _row(f"{name}, {many:,} short jobs", f"{_FEW} jobs", more[name], few[name])
        yield _row(f"{name}, {long / 1e6:,.0f} MB", f"{_FEW} jobs", most[name], few[name])


def _row(name: str, against: str, ours: int, limit: int) -> Row:
    return Row(
        name=name,
        against=against,
        unit="MiB",
        ours=[ours / MIB],
        limit=[limit / MIB],
        goal=Goal(most=150, judged=Judged.OURS),
    )


def _peaks(processes: dict[str, psutil.Process]) -> dict[str, int]:
    """The peak of each since this was asked before."""
    found = {name: peak_rss(process.pid) for name, process in processes.items()}
    for process in processes.values():
        forget_peak_rss(process.pid)
    print("    " + ", ".join(f"{name} {size / MIB:.0f} MiB" for name, size in found.items()))
    return found


async def _convert(server: Wavemill, source: Path, times: int) -> None:
    timeout = aiohttp.ClientTimeout(total=_PATIENCE)
    slots = asyncio.Semaphore(_AT_ONCE)
    async with aiohttp.ClientSession(timeout=timeout) as session:
        client = Client(session, server.url)

        async def one() -> None:
            async with slots:
                file_id = (await client.upload(source))["fileId"]
                job_id = await client.convert(file_id, "mp3")
                ended = await client.wait(job_id, _PATIENCE)
                assert ended["status"] == "completed", ended
                await client.call("DELETE", f"/api/jobs/{job_id}")
                await client.call("DELETE", f"/api/uploads/{file_id}")

        await asyncio.gather(*(one() for _ in range(times)))
