"""Named faults of Redis: restarted, wiped, full, slow, silent, gone; users go on meanwhile."""

import asyncio
import time
from collections.abc import AsyncIterator
from pathlib import Path

import aiohttp
import pytest

from chaos.theatre import SCALE, MakeTheatre, Report, Theatre
from support.client import Client
from support.fault_proxy import FaultProxy, Mode

DOWN = 60.0 * SCALE  # seconds
WATCHERS = 200
STALL = 1.0  # seconds that a janitor stands still before it calls the queue filled
REREAD = 5.0  # seconds after which a gateway reads again what it hears nothing of


@pytest.fixture
async def theatre(own_theatre: MakeTheatre) -> AsyncIterator[Theatre]:
    """A cluster whose Redis the test may harm."""
    one = own_theatre(converters=2)
    await one.cluster.start_async()
    async with one.performance():
        yield one


@pytest.fixture
async def behind_proxy(own_theatre: MakeTheatre) -> AsyncIterator[tuple[Theatre, FaultProxy]]:
    """A cluster whose members reach Redis only by way of a proxy that may fail."""
    one = own_theatre()
    port = int(one.cluster.redis.url.rpartition(":")[2].partition("/")[0])
    with FaultProxy(port) as proxy:
        url = one.cluster.redis.url.replace(f":{port}/", f":{proxy.port}/")
        for member in one.cluster.members:
            member.environ["REDIS_URL"] = url
        await one.cluster.start_async()
        async with one.performance():
            yield one, proxy
            proxy.become(Mode.PASS)
        one.cluster.close()


async def test_a_redis_that_is_killed_and_comes_back_costs_seconds(
    theatre: Theatre, long_noise: Path, report: Report
) -> None:
    jobs = await some_jobs(theatre, long_noise, 4)
    theatre.cluster.redis.kill()
    await theatre.cluster.redis.start_again()

    taken = await all_end(theatre, jobs, time.monotonic())

    assert commits(theatre, jobs) == {1}
    report.seconds("redis-restart", taken, 22.0 * SCALE)


async def test_a_redis_that_forgets_what_is_queued_is_filled_again(
    theatre: Theatre, noise: Path, report: Report
) -> None:
    for one in theatre.cluster.converters:
        one.kill()
    jobs = await some_jobs(theatre, noise, 10)
    theatre.cluster.redis.flush()
    flushed = time.monotonic()
    async with theatre.queue() as queue, asyncio.timeout(30):
        while await queue.queued(jobs) != set(jobs):
            await asyncio.sleep(0.01)
    taken = time.monotonic() - flushed

    for one in theatre.cluster.converters:
        one.start()
    await all_end(theatre, jobs, flushed)
    assert commits(theatre, jobs) == {1}
    report.seconds("redis-flushed-with-queued-jobs", taken, 5.0 * SCALE)


async def test_a_redis_that_forgets_again_while_it_is_filled_is_filled_again(
    theatre: Theatre, noise: Path, report: Report
) -> None:
    for one in theatre.cluster.converters:
        one.kill()
    jobs = await some_jobs(theatre, noise, 10)
    theatre.arm("janitor-before-epoch", f"stall:{STALL}")
    theatre.cluster.redis.flush()
    await theatre.fired("janitor-before-epoch")
    theatre.cluster.redis.flush()
    flushed = time.monotonic()
    async with theatre.queue() as queue:
        async with asyncio.timeout(30):
            while await queue.queued(jobs) != set(jobs):
                await asyncio.sleep(0.01)
        taken = time.monotonic() - flushed
        for one in theatre.cluster.converters:
            one.start()
        await all_end(theatre, jobs, flushed)

        assert await queue.knows_epoch()
    assert commits(theatre, jobs) == {1}
    report.seconds("redis-flushed-again-while-filled", taken, STALL + 5.0 * SCALE)


async def test_a_redis_that_forgets_running_jobs_while_two_hundred_watch_disturbs_nobody(
    theatre: Theatre, long_noise: Path, report: Report
) -> None:
    jobs = await some_jobs(theatre, long_noise, 4)
    await theatre.client.wait_for_stage(jobs[0], "converting")
    connector = aiohttp.TCPConnector(limit=0)
    async with aiohttp.ClientSession(connector=connector) as session:
        client = Client(session, theatre.client.url)
        watching = [
            asyncio.create_task(ends_told(client, jobs[n % len(jobs)])) for n in range(WATCHERS)
        ]
        await asyncio.gather(*(client.progress(job_id) for job_id in jobs))
        theatre.cluster.redis.flush()
        flushed = time.monotonic()
        async with asyncio.timeout(90):
            told = await asyncio.gather(*watching)
    taken = time.monotonic() - flushed

    assert told == [["completed"]] * WATCHERS
    assert commits(theatre, jobs) == {1}
    report.seconds("redis-flushed-while-200-watch", taken, 20.0 + REREAD)


async def test_users_hardly_notice_a_redis_that_is_down_for_a_minute(
    theatre: Theatre, long_noise: Path, noise: Path, report: Report
) -> None:
    client = theatre.client
    finished = (await some_jobs(theatre, noise, 1))[0]
    await all_end(theatre, [finished], time.monotonic())
    running = (await some_jobs(theatre, long_noise, 1))[0]
    await client.wait_for_stage(running, "converting")
    watching = asyncio.create_task(ends_told(client, running))
    theatre.cluster.redis.kill()
    fell = time.monotonic()

    file_id = (await client.upload(noise))["fileId"]
    accepted = [await client.convert(file_id, "mp3") for _ in range(3)]
    assert (await client.progress(accepted[0]))["status"] == "created"
    assert await theatre.is_whole(finished)
    status, body, _ = await client.call("GET", "/readyz")
    assert (status, body["status"]) == (200, "degraded")
    async with asyncio.timeout(60):
        assert await watching == ["completed"]  # a job that ran goes on, and its end is told
    while time.monotonic() - fell < DOWN:
        assert (await client.progress(accepted[0]))["status"] == "created"
        await asyncio.sleep(0.1)
    await theatre.cluster.redis.start_again()

    taken = await all_end(theatre, [*accepted, running], time.monotonic())
    assert commits(theatre, [*accepted, running]) == {1}
    async with asyncio.timeout(30):
        while (await client.call("GET", "/readyz"))[1]["status"] != "ready":
            await asyncio.sleep(0.05)
    report.seconds("redis-down-60-s", taken, 15.0 * SCALE)


async def test_a_full_redis_takes_no_jobs_and_loses_none(
    theatre: Theatre, noise: Path, report: Report
) -> None:
    async with theatre.raw_redis() as raw:
        await raw.config_set("maxmemory", 1)
        jobs = await some_jobs(theatre, noise, 3)
        status, body, _ = await theatre.client.call("GET", f"/api/progress?jobId={jobs[0]}")
        assert (status, body["status"]) == (200, "created")
        await raw.config_set("maxmemory", 0)

    taken = await all_end(theatre, jobs, time.monotonic())
    assert commits(theatre, jobs) == {1}
    report.seconds("redis-out-of-memory", taken, 15.0 * SCALE)


async def test_a_slow_redis_makes_nothing_fail(
    behind_proxy: tuple[Theatre, FaultProxy], noise: Path, report: Report
) -> None:
    theatre, proxy = behind_proxy
    proxy.become(Mode.PASS, delay=0.2)
    began = time.monotonic()
    jobs = await some_jobs(theatre, noise, 3)
    taken = await all_end(theatre, jobs, began)
    assert commits(theatre, jobs) == {1}
    report.seconds("redis-slow-by-200-ms", taken, 10.0)


async def test_a_redis_that_stalls_is_waited_for_no_longer_than_a_second_by_users(
    behind_proxy: tuple[Theatre, FaultProxy], noise: Path, report: Report
) -> None:
    theatre, proxy = behind_proxy
    client = theatre.client
    file_id = (await client.upload(noise))["fileId"]
    proxy.become(Mode.STALL)
    began = time.monotonic()
    job_id = await client.convert(file_id, "mp3")
    accepted = time.monotonic() - began
    proxy.become(Mode.PASS)

    await all_end(theatre, [job_id], time.monotonic())
    assert commits(theatre, [job_id]) == {1}
    calls = 2  # of at most a second each: queue it, show it
    report.seconds("redis-stalls", accepted, calls * 1.0)


async def test_connections_that_are_reset_are_made_anew(
    behind_proxy: tuple[Theatre, FaultProxy], long_noise: Path, report: Report
) -> None:
    theatre, proxy = behind_proxy
    jobs = await some_jobs(theatre, long_noise, 2)
    watching = [asyncio.create_task(ends_told(theatre.client, job_id)) for job_id in jobs]
    await theatre.client.wait_for_stage(jobs[0], "converting")
    for _ in range(5):
        proxy.reset()
        await asyncio.sleep(0.1)

    taken = await all_end(theatre, jobs, time.monotonic())
    assert await asyncio.gather(*watching) == [["completed"]] * 2
    assert commits(theatre, jobs) == {1}
    report.seconds("redis-connections-reset", taken, 22.0 * SCALE)


async def test_half_open_connections_are_found_out(
    behind_proxy: tuple[Theatre, FaultProxy], long_noise: Path, noise: Path, report: Report
) -> None:
    theatre, proxy = behind_proxy
    running = (await some_jobs(theatre, long_noise, 1))[0]
    watching = asyncio.create_task(ends_told(theatre.client, running))
    await theatre.client.wait_for_stage(running, "converting")
    proxy.become(Mode.DROP)
    await asyncio.wait({watching}, timeout=1.0)  # every connection speaks, and is half-open then
    proxy.become(Mode.PASS)
    healed = time.monotonic()

    later = await some_jobs(theatre, noise, 2)
    taken = await all_end(theatre, [running, *later], healed)
    assert commits(theatre, [running, *later]) == {1}
    assert await watching == ["completed"]
    reply_timeout = 10.0  # seconds until a converter gives up a read
    report.seconds("redis-half-open", taken, reply_timeout + 22.0 * SCALE)


async def some_jobs(theatre: Theatre, path: Path, count: int) -> list[str]:
    """Accepted jobs."""
    file_id = (await theatre.client.upload(path))["fileId"]
    return [await theatre.client.convert(file_id, "mp3") for _ in range(count)]


async def all_end(theatre: Theatre, jobs: list[str], since: float) -> float:
    """Wait until jobs have completed; return the seconds since then."""
    return max([await theatre.ended(job_id, since) for job_id in jobs])


def commits(theatre: Theatre, jobs: list[str]) -> set[int]:
    """How often each of these jobs has been committed."""
    return {theatre.commits(job_id) for job_id in jobs}


async def ends_told(client: Client, job_id: str) -> list[str]:
    """The final events that one watcher is told of a job."""
    return [one["event"] async for one in client.events(job_id) if one["event"] != "progress"]
