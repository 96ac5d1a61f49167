"""Event streams: what one idle one holds in memory, and how long a broadcast takes to reach all.

All watch the same job; the bare server writes what is published to every stream, one by one.
"""

import asyncio
import resource
import time
from collections.abc import Awaitable, Iterator
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from bench.bench import Bench, LeftOut
from bench.jobs import running_jobs, step
from bench.rows import Goal, Judged, Row
from bench.services import LOAD_CORE, Service, bare, gateway, redis_in
from bench.usage import pinned
from wavemill_common.connections import connect
from wavemill_common.progress.store import ProgressStore

NAME = "sse"
ABOUT = "event streams of one process"
_RESERVE = 500  # descriptors
_AT_ONCE = 200  # connections that are made at the same time
_REQUEST = "GET /api/events?jobId={} HTTP/1.1\r\nHost: bench\r\n\r\n"
_BODY = b'{"progress":1}' + b" " * 300  # as long as a progress


def run(bench: Bench) -> Iterator[Row]:
    """Measure memory, then broadcasts in turn."""
    count, broadcasts = bench.sized(2000, 10_000), bench.times(5, 9)
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    if hard < count + _RESERVE:
        raise LeftOut(f"a process may have {hard} descriptors here")
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    data, folder = bench.folder / "sse", bench.folder / "sse-bare"
    folder.mkdir()
    with pinned(LOAD_CORE), redis_in(data) as url:
        (job,) = running_jobs(data, 1)
        with _free_gateway(data) as ours, bare("sse", folder, url) as theirs:
            sizes, times = asyncio.run(_measured(ours, theirs, url, job, count, broadcasts))
    yield Row(
        name=f"memory of each of {count:,}",
        against="aiohttp",
        unit="KiB",
        ours=[sizes[0]],
        limit=[sizes[1]],
        goal=Goal(most=12, judged=Judged.OURS),
    )
    yield Row(
        name=f"broadcast to {count:,}, p99",
        against="aiohttp",
        unit="ms",
        ours=times[0],
        limit=times[1],
        goal=Goal(most=1.3),
    )


def _free_gateway(data: Path) -> AbstractContextManager[Service]:
    return gateway(data, WAVEMILL_MAX_SSE="0", WAVEMILL_MAX_SSE_PER_CLIENT="0")


async def _measured(
    ours: Service, theirs: Service, url: str, job: Any, count: int, broadcasts: int
) -> tuple[tuple[float, float], tuple[list[float], list[float]]]:
    async with connect(url) as client:
        store, number = ProgressStore(client), 1
        await store.write(step(job, number))
        mine, theirs_too = Crowd(ours, job.job_id), Crowd(theirs, "any")
        sizes = await mine.join(count), await theirs_too.join(count)
        times = list[float](), list[float]()
        for _ in range(broadcasts + 1):
            number += 1
            times[0].append(await mine.broadcast(store.write(step(job, number))))
            times[1].append(await theirs_too.broadcast(client.publish("bare", _BODY)))
            print(f"    {times[0][-1]:.0f} ms  |  {times[1][-1]:.0f} ms", flush=True)
        mine.leave()
        theirs_too.leave()
    return sizes, (times[0][1:], times[1][1:])


class _Stream(asyncio.Protocol):
    """One client's connection: notes when anything came last."""

    def __init__(self, request: bytes, crowd: "Crowd") -> None:
        self._request = request
        self._crowd = crowd

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self.transport = transport
        transport.write(self._request)

    def data_received(self, data: bytes) -> None:
        self._crowd.heard(data)


class Crowd:
    """Many clients of one server."""

    def __init__(self, service: Service, job_id: str) -> None:
        self._service = service
        self._request = _REQUEST.format(job_id).encode()
        self._streams: list[_Stream] = []
        self._times: list[float] = []
        self._all = asyncio.Event()
        self._begun = 0

    async def join(self, count: int) -> float:
        """Let all connect; tell the KiB that the server holds for each."""
        process, parts = self._service.processes[0], urlsplit(self._service.url)
        before = process.memory_info().rss
        slots = asyncio.Semaphore(_AT_ONCE)

        async def one() -> None:
            async with slots:
                _, stream = await asyncio.get_running_loop().create_connection(
                    lambda: _Stream(self._request, self), parts.hostname or "", parts.port or 0
                )
                self._streams.append(stream)

        await asyncio.gather(*(one() for _ in range(count)))
        async with asyncio.timeout(120):
            while self._begun < count:
                await asyncio.sleep(0.05)
        await asyncio.sleep(1)  # the snapshot follows
        return float(process.memory_info().rss - before) / count / 1024

    async def broadcast(self, publishing: Awaitable[object]) -> float:
        """Publish something; the p99 of the ms until it was with each."""
        self._times.clear()
        self._all.clear()
        began = time.perf_counter()
        await publishing
        async with asyncio.timeout(60):
            await self._all.wait()
        return (sorted(self._times)[len(self._times) * 99 // 100] - began) * 1e3

    def heard(self, data: bytes) -> None:
        """Something came to one of them."""
        if data.startswith(b"HTTP/1.1 200"):
            self._begun += 1
        elif b"event: " in data:
            self._times.append(time.perf_counter())
            if len(self._times) == len(self._streams):
                self._all.set()

    def leave(self) -> None:
        """Close all connections."""
        for stream in self._streams:
            stream.transport.abort()
