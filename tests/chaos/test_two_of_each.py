"""Two of each service: gateways share every upload and job, janitors do nothing twice."""

import asyncio
import time
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import aiohttp
import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer

from chaos.theatre import MakeTheatre, Report, Theatre
from support.chunks import MIB, ChunkedFile, write_wav
from support.server import eventually


@pytest.fixture
async def theatre(own_theatre: MakeTheatre) -> AsyncIterator[Theatre]:
    """Two of each."""
    one = own_theatre(gateways=2, converters=2, janitors=2)
    await one.cluster.start_async()
    async with one.performance():
        yield one


async def test_a_client_carries_on_at_another_gateway_from_its_first_chunk_to_its_last_event(
    theatre: Theatre, tmp_path: Path, report: Report
) -> None:
    a, b = theatre.cluster.gateways
    upload = ChunkedFile(theatre.client_of(a), write_wav(tmp_path / "noise.wav", 22 * MIB))
    await upload.open()
    for index in range(upload.total):
        upload.client = theatre.client_of((a, b)[index % 2])
        status, body, _ = await upload.send_raw(index)
    assert (status, body["complete"]) == (201, True)
    job_id = await theatre.client_of(a).convert(upload.file_id, "mp3")
    elsewhere = asyncio.create_task(events_of(theatre, job_id, b.url, ""))
    here = asyncio.create_task(events_of(theatre, job_id, a.url, ""))
    await theatre.client_of(b).wait_for_stage(job_id, "converting")
    a.kill()
    killed = time.monotonic()

    seen = await here
    seen += await events_of(theatre, job_id, b.url, seen[-1]["id"] if seen else "")
    taken = time.monotonic() - killed

    for events in (seen, await elsewhere):
        revisions = [event["data"]["revision"] for event in events]
        assert revisions == sorted(set(revisions)), "told twice, or out of order"
        assert [one["event"] for one in events if one["event"] != "progress"] == ["completed"]
    assert await theatre.is_whole(job_id, theatre.client_of(b))
    assert theatre.commits(job_id) == 1
    report.seconds("gateway-killed-while-watched", taken, 30.0)


async def events_of(theatre: Theatre, job_id: str, url: str, last: str) -> list[dict[str, Any]]:
    """The events that one gateway tells of a job until it ends, or dies."""
    client = theatre.client
    client.url = url
    events = []
    with suppress(aiohttp.ClientError):
        async for event in client.events(job_id, last_event_id=last or None):
            events.append(event)  # noqa: PERF401 - what came before the gateway died counts
    return events


async def test_two_janitors_call_no_webhook_and_requeue_nothing_twice(
    theatre: Theatre, noise: Path, report: Report
) -> None:
    calls: Counter[str] = Counter()

    async def take(request: web.Request) -> web.Response:
        calls[request.headers["Wavemill-Id"]] += 1
        return web.Response()

    app = web.Application()
    app.router.add_post("/", take)
    async with TestServer(app) as server:
        client, hook = theatre.client, str(server.make_url("/"))
        file_id = (await client.upload(noise))["fileId"]
        for one in theatre.cluster.converters:
            one.kill()
        jobs = [await client.convert(file_id, "mp3", webhookUrl=hook) for _ in range(10)]
        theatre.cluster.redis.flush()
        async with theatre.queue() as queue, asyncio.timeout(20):
            while await queue.queued(jobs) != set(jobs):
                await asyncio.sleep(0.01)
            await eventually(lambda: all("queue_rebuilt" in log for log in one_log(theatre)), 5)
            assert sum(row.waiting for row in await queue.stats()) == len(jobs)
        for one in theatre.cluster.converters:
            one.start()
        began = time.monotonic()
        for job_id in jobs:
            await theatre.ended(job_id, began)
        await eventually(lambda: len(calls) == len(jobs), 20)
        taken = time.monotonic() - began
        async with theatre.raw_redis() as raw:  # both janitors come by a few times more
            epochs = await raw.time()
            while (await raw.time())[0] < epochs[0] + 2:
                await asyncio.sleep(0.1)

    assert set(calls.values()) == {1}
    assert [theatre.commits(job_id) for job_id in jobs] == [1] * len(jobs)
    report.seconds("two-janitors", taken, 10.0)


def one_log(theatre: Theatre) -> list[str]:
    """The logs of all janitors, as one: whichever was faster has rebuilt the queue."""
    return ["".join(one.log for one in theatre.cluster.janitors)]
