"""Many short jobs at once: whoever watches one is told of its end, however soon it comes."""

import asyncio
from collections.abc import Callable
from pathlib import Path

import aiohttp
import pytest

from support.audio import generate
from support.client import Client
from support.server import Wavemill

JOBS = 200


@pytest.mark.timeout(300)
async def test_each_of_two_hundred_subscribers_gets_the_final_event_of_its_job(
    start_wavemill: Callable[..., Wavemill], tmp_path: Path
) -> None:
    server = start_wavemill(WAVEMILL_MAX_SSE_PER_CLIENT=str(JOBS))
    beep = generate(tmp_path / "beep.wav", "sine=f=440:d=0.5")
    connector = aiohttp.TCPConnector(limit=0)
    async with aiohttp.ClientSession(connector=connector) as session:
        client = Client(session, server.url)
        file_id = (await client.upload(beep))["fileId"]

        async def last_event() -> tuple[str, int]:
            job_id = await client.convert(file_id, "wav")
            events = [event async for event in client.events(job_id)]
            return events[-1]["event"], events[-1]["data"]["progress"]

        ends = await asyncio.gather(*(last_event() for _ in range(JOBS)))
    assert ends == [("completed", 100)] * JOBS
