"""What each service holds in memory: over a few jobs and over many, over a long one and a longer.

Flat is what grows by less than a quarter from the few to the many, and from a file to one of four
times its size. The long ones are converted to WAV, which is the most that has to be stored.
"""

import asyncio
from collections.abc import Iterator, Mapping, Sequence
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
MIB, _MB = 1 << 20, 1_000_000
_FEW = 20  # jobs
_PART = 4  # how much shorter a file is that should take as much memory
_FLAT, _AT_MOST = Goal(most=1.25), Goal(most=150, judged=Judged.OURS)
_AT_ONCE = 8
_SECOND = 176_400  # bytes of CD sound
_PATIENCE = 3600.0  # seconds

Peaks = Mapping[str, int]  # bytes, by service


def run(bench: Bench) -> Iterator[Row]:
    """Measure peaks: of a few jobs, of many, of a long one and of one that is longer."""
    many, long = bench.sized(100, 10_000), bench.sized(256, 2000) * _MB
    with running(bench.folder / "memory", WAVEMILL_VERIFY="structure") as server:
        services = {name: server.service(name) for name in SERVICES}

        def peaks(source: Path, times: int, wanted: str) -> Peaks:
            asyncio.run(_convert(server, source, times, wanted))
            return _peaks(services)

        short = make_sweep(bench.folder / "short.wav", 1)
        few, more = peaks(short, _FEW, "mp3"), peaks(short, many, "mp3")
        part, whole = (
            peaks(make_sweep(bench.folder / f"{size}.wav", size / _SECOND), 1, "wav")
            for size in (long // _PART, long)
        )
    for name in SERVICES:
        yield _row(name, [max(one[name] for one in (few, more, part, whole))])
        yield _row(f"{name}, {many:,} jobs", [more[name]], f"{_FEW} jobs", [few[name]])
        against = f"{long / _PART / _MB:,.0f} MB"
        yield _row(f"{name}, {long / _MB:,.0f} MB", [whole[name]], against, [part[name]])


def _row(name: str, ours: Sequence[int], against: str = "", limit: Sequence[int] = ()) -> Row:
    """A row: how high at most, or whether it is flat."""
    return Row(
        name=name if limit else f"{name}, at most",
        against=against,
        unit="MiB",
        ours=[one / MIB for one in ours],
        limit=[one / MIB for one in limit],
        goal=_FLAT if limit else _AT_MOST,
        note="without the ffmpegs that a converter starts",
    )


def _peaks(processes: Mapping[str, psutil.Process]) -> Peaks:
    """The peak of each since this was asked before."""
    found = {name: peak_rss(process.pid) for name, process in processes.items()}
    for process in processes.values():
        forget_peak_rss(process.pid)
    print("    " + ", ".join(f"{name} {size / MIB:.0f} MiB" for name, size in found.items()))
    return found


async def _convert(server: Wavemill, source: Path, times: int, wanted: str) -> None:
    timeout = aiohttp.ClientTimeout(total=_PATIENCE)
    slots = asyncio.Semaphore(_AT_ONCE)
    async with aiohttp.ClientSession(timeout=timeout) as session:
        client = Client(session, server.url)

        async def one() -> None:
            async with slots:
                file_id = (await client.upload(source))["fileId"]
                job_id = await client.convert(file_id, wanted)
                ended = await client.wait(job_id, _PATIENCE)
                assert ended["status"] == "completed", ended
                await client.call("DELETE", f"/api/jobs/{job_id}")
                await client.call("DELETE", f"/api/uploads/{file_id}")

        await asyncio.gather(*(one() for _ in range(times)))
