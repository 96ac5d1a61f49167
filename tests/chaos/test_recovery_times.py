"""Recovery at default times, as promised: measured by `make faults`, too slow for every change."""

import asyncio
import time
from pathlib import Path

import aiohttp
import pytest

from chaos.theatre import MakeTheatre, Report
from support.client import Client
from support.server import eventually, running

pytestmark = pytest.mark.slow

HOST_LOST, UNDER_SUPERVISOR, FLUSHED = 22.0, 6.0, 5.0  # seconds


async def test_a_lost_host_is_made_up_for_in_22_seconds(
    own_theatre: MakeTheatre, long_noise: Path, report: Report
) -> None:
    theatre = own_theatre(converters=2, scale=1.0)
    await theatre.cluster.start_async()
    async with theatre.performance():
        client, converters = theatre.client, theatre.cluster.converters
        job_id = await client.convert((await client.upload(long_noise))["fileId"], "mp3")
        await client.wait_for_stage(job_id, "converting")
        next(one for one in converters if one.ffmpegs()).kill()
        killed = time.monotonic()
        taken = await started_again(client, job_id, killed)
        await theatre.ended(job_id, killed)
        assert theatre.commits(job_id) == 1
    assert taken <= HOST_LOST
    report.seconds("default-times-host-lost", taken, HOST_LOST, slack=0.0)


async def test_under_the_supervisor_a_dead_converter_is_made_up_for_in_6_seconds(
    tmp_path: Path, session: aiohttp.ClientSession, long_noise: Path, report: Report
) -> None:
    with running(tmp_path / "data") as server:
        client = Client(session, server.url)
        job_id = await client.convert((await client.upload(long_noise))["fileId"], "mp3")
        await client.wait_for_stage(job_id, "converting")
        await eventually(server.ffmpegs)
        server.service("converter").kill()
        taken = await started_again(client, job_id, time.monotonic())
        assert (await client.wait(job_id))["status"] == "completed"
    report.seconds("default-times-under-supervisor", taken, UNDER_SUPERVISOR, slack=0.0)


async def test_a_flushed_queue_is_filled_again_in_5_seconds(
    own_theatre: MakeTheatre, noise: Path, report: Report
) -> None:
    theatre = own_theatre(scale=1.0)
    await theatre.cluster.start_async()
    async with theatre.performance():
        client = theatre.client
        theatre.cluster.converters[0].kill()
        file_id = (await client.upload(noise))["fileId"]
        jobs = [await client.convert(file_id, "mp3") for _ in range(100)]
        theatre.cluster.redis.flush()
        flushed = time.monotonic()
        async with theatre.queue() as queue, asyncio.timeout(60):
            while await queue.queued(jobs) != set(jobs):
                await asyncio.sleep(0.01)
        taken = time.monotonic() - flushed
    assert taken <= FLUSHED
    report.seconds("default-times-flushed-queue", taken, FLUSHED, slack=0.0)


async def started_again(client: Client, job_id: str, since: float) -> float:
    """Wait until a second attempt is at work; return the seconds since then."""
    async with asyncio.timeout(60):
        while (await record_of(client, job_id))["attempt"] < 2:
            await asyncio.sleep(0.02)
    return time.monotonic() - since


async def record_of(client: Client, job_id: str) -> dict[str, int]:
    """The whole record of a job."""
    _, record, _ = await client.call("GET", f"/api/jobs/{job_id}")
    return record
