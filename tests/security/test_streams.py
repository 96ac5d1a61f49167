"""Event streams: so many for one caller, so many for all, and none outlives its client."""

import asyncio
import time
from collections.abc import Awaitable, Callable
from pathlib import Path

import aiohttp
import pytest

from support.client import Client
from support.cluster import Cluster
from support.problems import assert_problem
from support.raw_http import Rude, many, need_files

Start = Callable[..., Awaitable[Cluster]]
FREED_IN = 5.0  # seconds
PER_CLIENT = 20


@pytest.fixture
async def start_with_job(
    start_gateway: Start, session: aiohttp.ClientSession, lena: Path
) -> Callable[..., Awaitable[tuple[Cluster, str]]]:
    """Start a gateway that has a job which never ends: there is no converter."""

    async def start(**variables: str) -> tuple[Cluster, str]:
        cluster = await start_gateway(**variables)
        client = Client(session, cluster.gateways[0].url)
        upload = await client.upload(lena / "lena.mp3")
        return cluster, await client.convert(upload["fileId"], "wav")

    return start


async def open_streams(url: str) -> int:
    async with aiohttp.ClientSession() as session, session.get(f"{url}/readyz") as response:
        return int((await response.json())["load"]["streams"])


async def begin(rude: Rude, job_id: str, address: str = "203.0.113.7") -> tuple[int, int]:
    """Begin a stream; tell its status, and what Retry-After says."""
    head = (
        f"GET /api/events?jobId={job_id} HTTP/1.1\r\nHost: x\r\nX-Forwarded-For: {address}\r\n\r\n"
    )
    rude.writer.write(head.encode())
    async with asyncio.timeout(60):
        told = (await rude.reader.readuntil(b"\r\n\r\n")).decode().lower()
    wait = told.partition("retry-after: ")[2].partition("\r\n")[0]
    return int(told.split()[1]), int(wait or 0)


async def test_the_twenty_first_stream_of_a_caller_is_refused(
    start_with_job: Callable[..., Awaitable[tuple[Cluster, str]]],
    session: aiohttp.ClientSession,
) -> None:
    cluster, job_id = await start_with_job(WAVEMILL_TRUSTED_PROXIES="1")
    gateway = cluster.gateways[0]
    async with many(gateway.port, PER_CLIENT + 1) as rude:
        assert [(await begin(one, job_id))[0] for one in rude[:PER_CLIENT]] == [200] * PER_CLIENT
        client = Client(session, gateway.url)
        path, headers = f"/api/events?jobId={job_id}", {"X-Forwarded-For": "203.0.113.7"}
        reply = await client.call("GET", path, headers=headers)
        body = assert_problem(reply, 503, "too_busy")
        assert int(reply[2]["Retry-After"]) == body["retryAfter"] > 0
        assert (await begin(rude[PER_CLIENT], job_id, "203.0.113.8"))[0] == 200
        assert await open_streams(gateway.url) == PER_CLIENT + 1
    await none_left(gateway.url)


@pytest.mark.parametrize(
    ("opened", "cap"), [(1000, 400), pytest.param(10_000, 2000, marks=pytest.mark.slow)]
)
async def test_the_cap_of_all_streams_holds_and_no_stream_leaks(
    start_with_job: Callable[..., Awaitable[tuple[Cluster, str]]], opened: int, cap: int
) -> None:
    need_files(opened)
    cluster, job_id = await start_with_job(
        WAVEMILL_MAX_SSE_PER_CLIENT="0", WAVEMILL_MAX_SSE=str(cap)
    )
    gateway = cluster.gateways[0]
    began = time.monotonic()
    told: list[tuple[int, int]] = []

    async def ask(rude: Rude) -> None:
        told.append(await begin(rude, job_id))

    async with many(gateway.port, opened, ask):
        print(f"{opened} streams asked for in {time.monotonic() - began:.1f} s, cap {cap}")  # noqa: T201 - the figures of this test
        assert sorted(status for status, _ in told) == [200] * cap + [503] * (opened - cap)
        assert all(wait > 0 for status, wait in told if status == 503)
        assert await open_streams(gateway.url) == cap
    freed = await none_left(gateway.url)
    print(f"all closed: count 0 after {freed:.2f} s")  # noqa: T201 - the figures of this test
    assert "Traceback" not in gateway.log


async def none_left(url: str) -> float:
    """Wait until no stream is held; tell the seconds."""
    began = time.monotonic()
    async with asyncio.timeout(FREED_IN):
        while await open_streams(url):
            await asyncio.sleep(0.05)
    return time.monotonic() - began
