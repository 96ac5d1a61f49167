"""Named faults of the janitor: killed between any two writes that belong together."""

import asyncio
import time
from pathlib import Path

import aiohttp
import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer

from chaos.theatre import SCALE, MakeTheatre, Report, Theatre
from support.server import eventually

LOST_ENQUEUE = 15.0 * SCALE
STARTING = 3.0  # seconds that a process takes to start on a busy machine


@pytest.mark.parametrize(
    ("fault", "point"),
    [
        ("janitor-killed-before-enqueue", "janitor-before-enqueue"),
        ("janitor-killed-between-enqueue-and-apply", "janitor-enqueued"),
    ],
)
async def test_the_next_janitor_makes_up_for_a_lost_enqueue(
    theatre: Theatre, noise: Path, report: Report, fault: str, point: str
) -> None:
    a, b = theatre.cluster.gateways
    file_id = (await theatre.client_of(a).upload(noise))["fileId"]
    theatre.arm(point)
    theatre.arm("gateway-after-put")
    with pytest.raises(aiohttp.ClientError):
        await theatre.ask(file_id, "one", theatre.client_of(a))
    janitor = theatre.cluster.janitors[0]
    await theatre.fired(point)
    await theatre.died(janitor)
    died = time.monotonic()
    janitor.start()

    job_id = await theatre.submit(file_id, "one", theatre.client_of(b))
    taken = await theatre.ended(job_id, died, theatre.client_of(b))

    assert theatre.commits(job_id) == 1
    report.seconds(fault, taken, LOST_ENQUEUE + STARTING)


async def test_a_rebuild_that_died_half_way_is_done_again(
    theatre: Theatre, long_noise: Path, report: Report
) -> None:
    client, janitor = theatre.client, theatre.cluster.janitors[0]
    file_id = (await client.upload(long_noise))["fileId"]
    jobs = [await client.convert(file_id, "mp3") for _ in range(4)]
    theatre.arm("janitor-before-epoch")
    async with theatre.raw_redis() as raw:
        await raw.flushall()
        await theatre.fired("janitor-before-epoch")
        assert not await raw.exists("{q0}:epoch")
    await theatre.died(janitor)
    died = time.monotonic()
    janitor.start()
    async with theatre.queue() as queue, asyncio.timeout(30):
        while not await queue.knows_epoch():
            await asyncio.sleep(0.02)
    taken = time.monotonic() - died

    for job_id in jobs:
        await theatre.ended(job_id, died)
        assert theatre.commits(job_id) == 1
    report.seconds("janitor-killed-while-rebuilding", taken, SCALE + STARTING)


async def test_files_deleted_but_not_yet_buried_are_buried_by_the_next_janitor(
    own_theatre: MakeTheatre, noise: Path, report: Report
) -> None:
    theatre = own_theatre(WAVEMILL_JOB_TTL="3")
    await theatre.cluster.start_async()
    async with theatre.performance():
        client, janitor = theatre.client, theatre.cluster.janitors[0]
        theatre.arm("janitor-files-deleted")
        job_id = await client.convert((await client.upload(noise))["fileId"], "mp3")
        await theatre.ended(job_id, time.monotonic())
        await theatre.died(janitor)
        died = time.monotonic()
        janitor.start()

        await eventually(lambda: not results(theatre), 20)
        async with asyncio.timeout(30):
            while (await client.call("GET", f"/api/progress?jobId={job_id}"))[0] != 410:
                await asyncio.sleep(0.02)
        status, body, _ = await client.call("GET", f"/api/download?jobId={job_id}")
    assert (status, body["code"]) == (410, "expired")
    taken = time.monotonic() - died
    report.seconds("janitor-killed-between-files-and-tombstone", taken, 5.0 * SCALE + STARTING)


def results(theatre: Theatre) -> list[Path]:
    """The result files that are stored."""
    return list((theatre.cluster.data_dir / "objects").glob("conversions/*/*"))


async def test_a_webhook_called_but_not_recorded_is_called_again_with_the_same_id(
    theatre: Theatre, noise: Path, report: Report
) -> None:
    calls: list[str] = []

    async def take(request: web.Request) -> web.Response:
        calls.append(request.headers["Wavemill-Id"])
        return web.Response()

    app = web.Application()
    app.router.add_post("/", take)
    async with TestServer(app) as server:
        client, janitor = theatre.client, theatre.cluster.janitors[0]
        theatre.arm("janitor-webhook-called")
        file_id = (await client.upload(noise))["fileId"]
        job_id = await client.convert(file_id, "mp3", webhookUrl=str(server.make_url("/")))
        await theatre.died(janitor)
        died = time.monotonic()
        janitor.start()

        await eventually(lambda: len(calls) == 2, 30)
        taken = time.monotonic() - died
    assert calls == [f"{job_id}:terminal"] * 2
    call_lease = 30.0 * SCALE
    report.seconds("janitor-killed-between-webhook-and-record", taken, call_lease + STARTING)
