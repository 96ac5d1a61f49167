"""Named faults of converting while uploading: whoever dies, one result, and the same bytes."""

import asyncio
import time
from collections.abc import AsyncIterator, Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from chaos.theatre import PLAYED, SCALE, MakeTheatre, Report, Theatre
from support.audio import make_noise
from support.chunks import ChunkedFile
from support.client import Client
from support.server import eventually

HOST_LOST = 22.0 * SCALE  # seconds until another converter has the job
TAKEN_OVER = 30.0 * SCALE  # after which a completion that died is another's
LOOKED_AT = 35.0 * SCALE  # after which a janitor has looked at a parked job
TARGET = "flac"


@pytest.fixture(scope="module")
def wav(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Three chunks of sound."""
    return make_noise(tmp_path_factory.mktemp("wav") / "some.wav", 62)


@pytest.fixture
async def theatre(own_theatre: MakeTheatre) -> AsyncIterator[Theatre]:
    one = own_theatre(gateways=2, converters=2)
    await one.cluster.start_async()
    async with one.performance():
        yield one


async def begun(client: Client, source: Path) -> tuple[ChunkedFile, str]:
    """Send the first chunk, and ask for the conversion."""
    chunked = ChunkedFile(client, source)
    await chunked.open()
    await sent(chunked, 0)
    return chunked, await client.convert(chunked.file_id, TARGET)


async def sent(chunked: ChunkedFile, *indexes: int) -> None:
    for index in indexes:
        status, body, _ = await chunked.send_raw(index)
        assert status in {200, 201}, body


async def until(client: Client, job_id: str, condition: Callable[[dict[str, Any]], Any]) -> None:
    async with asyncio.timeout(PLAYED):
        while not condition(await client.progress(job_id)):
            await asyncio.sleep(0.02)


async def is_followed(client: Client, job_id: str) -> None:
    await until(client, job_id, lambda body: body["progress"] > 0)


async def is_parked(client: Client, job_id: str) -> None:
    await until(client, job_id, lambda body: body["awaits"])


async def check_result(
    theatre: Theatre, client: Client, chunked: ChunkedFile, job_id: str, folder: Path
) -> None:
    """One commit, one object, and the bytes that the whole file gives."""
    found = (await client.download(job_id, folder / "followed")).read_bytes()
    again = await client.convert(chunked.file_id, TARGET)
    await theatre.ended(again, time.monotonic(), client)
    assert found == (await client.download(again, folder / "afterwards")).read_bytes()
    assert theatre.commits(job_id) == 1
    results = theatre.cluster.data_dir.glob(f"objects/conversions/{job_id}/*")
    assert len(list(results)) == 1


async def test_a_converter_that_is_killed_while_it_follows_is_followed_by_another(
    theatre: Theatre, wav: Path, tmp_path: Path, report: Report
) -> None:
    client = theatre.client
    chunked, job_id = await begun(client, wav)
    await is_followed(client, job_id)
    victim = next(one for one in theatre.cluster.converters if one.ffmpegs())
    victim.kill()
    died = time.monotonic()
    taken = await theatre.started_again(job_id, died)
    await sent(chunked, 1, 2)
    await theatre.ended(job_id, died)
    await check_result(theatre, client, chunked, job_id, tmp_path)
    report.seconds("converter-killed-while-following", taken, HOST_LOST)


async def test_a_gateway_that_dies_between_two_chunks_costs_a_follower_nothing(
    theatre: Theatre, wav: Path, tmp_path: Path
) -> None:
    chunked, job_id = await begun(theatre.client, wav)
    await is_followed(theatre.client, job_id)
    first, second = theatre.cluster.gateways
    theatre.arm("gateway-chunk-stored")
    with suppress(aiohttp.ClientError):
        await chunked.send_raw(1)
    await theatre.died(first)
    chunked.client = client = theatre.client_of(second)
    await sent(chunked, 1, 2)
    await theatre.ended(job_id, time.monotonic(), client)
    await check_result(theatre, client, chunked, job_id, tmp_path)


async def test_a_gateway_that_dies_while_it_assembles_delays_a_follower_until_another_does(
    theatre: Theatre, wav: Path, tmp_path: Path, report: Report
) -> None:
    chunked, job_id = await begun(theatre.client, wav)
    await is_followed(theatre.client, job_id)
    first, second = theatre.cluster.gateways
    await sent(chunked, 1)
    theatre.arm("gateway-completing")
    with suppress(aiohttp.ClientError):
        await chunked.send_raw(2)
    await theatre.died(first)
    died = time.monotonic()
    chunked.client = client = theatre.client_of(second)
    assert (await client.progress(job_id))["status"] != "completed"
    status, body, _ = await chunked.complete()
    assert status == 200, body
    taken = await theatre.ended(job_id, died, client)
    await check_result(theatre, client, chunked, job_id, tmp_path)
    report.seconds("gateway-killed-while-assembling-what-is-followed", taken, TAKEN_OVER)


async def test_a_gateway_that_dies_before_it_wakes_a_parked_job_is_made_up_for(
    theatre: Theatre, wav: Path, tmp_path: Path, report: Report
) -> None:
    chunked, job_id = await begun(theatre.client, wav)
    await sent(chunked, 1)
    await is_parked(theatre.client, job_id)
    first, second = theatre.cluster.gateways
    theatre.arm("gateway-completed")
    with suppress(aiohttp.ClientError):
        await chunked.send_raw(2)
    await theatre.died(first)
    died = time.monotonic()
    client = theatre.client_of(second)
    chunked.client = client
    taken = await theatre.ended(job_id, died, client)
    await check_result(theatre, client, chunked, job_id, tmp_path)
    report.seconds("gateway-killed-before-it-wakes-a-parked-job", taken, LOOKED_AT)


@pytest.mark.parametrize("stage", ["followed", "parked"])
async def test_a_gateway_that_dies_between_abort_and_cancel_leaves_no_job_behind(
    theatre: Theatre, wav: Path, stage: str
) -> None:
    chunked, job_id = await begun(theatre.client, wav)
    await (is_followed if stage == "followed" else is_parked)(theatre.client, job_id)
    first, second = theatre.cluster.gateways
    theatre.arm("gateway-broken-off")
    with suppress(aiohttp.ClientError):
        await chunked.abort()
    await theatre.died(first)
    body = await theatre.client_of(second).wait(job_id, PLAYED)
    assert body["status"] == "cancelled"
    await eventually(lambda: not theatre.cluster.ffmpegs())
    assert not list(theatre.cluster.data_dir.glob(f"objects/conversions/{job_id}/*"))
    assert theatre.commits(job_id) == 0


@pytest.mark.parametrize("fault", ["restarted", "emptied"])
@pytest.mark.parametrize("stage", ["followed", "parked"])
async def test_a_redis_that_is_restarted_or_emptied_loses_no_follower(
    theatre: Theatre, wav: Path, tmp_path: Path, fault: str, stage: str
) -> None:
    client = theatre.client
    chunked, job_id = await begun(client, wav)
    await (is_followed if stage == "followed" else is_parked)(client, job_id)
    if fault == "restarted":
        theatre.cluster.redis.kill()
        await sent(chunked, 1)
        await theatre.cluster.redis.start_again()
    else:
        theatre.cluster.redis.flush()
        await sent(chunked, 1)
    await sent(chunked, 2)
    await theatre.ended(job_id, time.monotonic())
    await check_result(theatre, client, chunked, job_id, tmp_path)
