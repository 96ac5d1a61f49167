"""Named faults of the converter: killed at each step, stopped and woken, asked to end."""

import asyncio
import time
from pathlib import Path

import pytest

from chaos.theatre import SCALE, MakeTheatre, Report, Theatre
from support.server import eventually

HOST_LOST = 22.0 * SCALE  # seconds until another converter has the job
WAITED = 0.5  # seconds in which something that must not happen would


@pytest.mark.parametrize(
    ("fault", "point", "bound", "attempt"),
    [
        ("converter-killed-after-claim", "converter-claimed", HOST_LOST, 1),
        ("converter-killed-mid-probe", "converter-probing", HOST_LOST, 2),
        ("converter-killed-mid-ffmpeg", "converter-converting", HOST_LOST, 2),
        ("converter-killed-while-publishing", "converter-publishing", HOST_LOST, 2),
        ("converter-killed-published-not-committed", "converter-published", HOST_LOST, 2),
        ("converter-killed-committed-before-finish", "converter-before-finish", 5.0, 1),
        ("converter-killed-before-its-last-event", "converter-before-event", 5.0, 1),
    ],
)
async def test_another_converter_makes_up_for_a_dead_one(
    theatre: Theatre,
    long_noise: Path,
    report: Report,
    fault: str,
    point: str,
    bound: float,
    attempt: int,
) -> None:
    file_id = (await theatre.client.upload(long_noise))["fileId"]
    theatre.arm(point)
    job_id = await theatre.client.convert(file_id, "mp3")
    watched = asyncio.create_task(last_event(theatre, job_id))
    died = await theatre.fired(point)
    await theatre.died(*theatre.cluster.converters)

    taken = await theatre.ended(job_id, died)
    told = await watched

    body = await theatre.client.progress(job_id)
    assert (body["attempt"], theatre.commits(job_id)) == (attempt, 1)
    assert told == "completed"
    assert await theatre.is_whole(job_id)
    report.seconds(fault, time.monotonic() - died if "event" in fault else taken, bound)


async def last_event(theatre: Theatre, job_id: str) -> str:
    """What the last event of a stream says that follows a job from now on."""
    names = [event["event"] async for event in theatre.client.events(job_id)]
    return str(names[-1])


async def test_a_zombie_wakes_after_another_has_its_job_and_changes_nothing(
    theatre: Theatre, long_noise: Path, report: Report
) -> None:
    client, converters = theatre.client, theatre.cluster.converters
    job_id = await client.convert((await client.upload(long_noise))["fileId"], "mp3")
    await client.wait_for_stage(job_id, "converting")
    await eventually(lambda: any(one.ffmpegs() for one in converters))
    zombie = next(one for one in converters if one.ffmpegs())

    zombie.stop()
    taken = await theatre.ended(job_id, time.monotonic())
    before = await client.progress(job_id)
    zombie.resume()
    await eventually(lambda: not zombie.ffmpegs(), 10)

    assert before["attempt"] == 2
    assert await client.progress(job_id) == before
    assert theatre.commits(job_id) == 1
    assert await theatre.is_whole(job_id)
    report.seconds("converter-zombie-wakes", taken, HOST_LOST)


async def test_a_job_delivered_three_times_runs_once(
    theatre: Theatre, long_noise: Path, report: Report
) -> None:
    client = theatre.client
    job_id = await client.convert((await client.upload(long_noise))["fileId"], "mp3")
    await client.wait_for_stage(job_id, "converting")
    began = time.monotonic()
    async with theatre.raw_redis() as raw:
        for _ in range(3):
            await raw.xadd("{q0}:interactive", {"j": job_id, "v": "1"})

        await theatre.ended(job_id, began)
        await eventually(lambda: theatre.commits(job_id) == 1)
        async with asyncio.timeout(10):
            while await raw.xlen("{q0}:interactive"):
                await asyncio.sleep(0.02)

    assert (await client.progress(job_id))["attempt"] == 1
    report.note("duplicate-delivery-times-3", "1 start, 1 commit", "1 commit")


async def test_sigterm_in_mid_work_hands_the_job_back_without_a_strike(
    theatre: Theatre, long_noise: Path, report: Report
) -> None:
    client, converters = theatre.client, theatre.cluster.converters
    job_id = await client.convert((await client.upload(long_noise))["fileId"], "mp3")
    await client.wait_for_stage(job_id, "converting")
    await eventually(lambda: any(one.ffmpegs() for one in converters))
    stopping = next(one for one in converters if one.ffmpegs())

    began = time.monotonic()
    stopping.terminate()
    taken = await theatre.ended(job_id, began)

    assert await asyncio.to_thread(stopping.wait) == 0
    _, record, _ = await client.call("GET", f"/api/jobs/{job_id}")
    assert (record["attempt"], record["strikes"], record["quarantined"]) == (2, 0, False)
    report.seconds("converter-sigterm-mid-work", taken, 0.0)


async def test_sigterm_with_a_grace_lets_the_job_come_to_its_end(
    own_theatre: MakeTheatre, long_noise: Path, report: Report
) -> None:
    theatre = own_theatre(WAVEMILL_DRAIN_GRACE="40")
    await theatre.cluster.start_async()
    async with theatre.performance():
        client, converter = theatre.client, theatre.cluster.converters[0]
        job_id = await client.convert((await client.upload(long_noise))["fileId"], "mp3")
        await client.wait_for_stage(job_id, "converting")
        began = time.monotonic()
        converter.terminate()

        taken = await theatre.ended(job_id, began)

        assert (await client.progress(job_id))["attempt"] == 1
        assert await asyncio.to_thread(converter.wait) == 0
    report.seconds("converter-sigterm-with-grace", taken, 30.0)


async def test_poison_is_given_up_and_its_innocent_neighbour_completes(
    own_theatre: MakeTheatre, noise: Path, report: Report
) -> None:
    # Contained, no ffmpeg can kill its converter; this one stands for all else that can.
    theatre = own_theatre(converters=2, WAVEMILL_SANDBOX="off")
    await theatre.cluster.start_async()
    async with theatre.performance():
        theatre.ffmpeg_mode.write_text("poison")
        client = theatre.client
        file_id = (await client.upload(noise))["fileId"]
        began = time.monotonic()
        poison = await client.convert(file_id, "flac")
        neighbour = await client.convert(file_id, "mp3")
        reviving = asyncio.create_task(revive(theatre))

        body = await client.wait(poison, 60)
        taken = time.monotonic() - began
        assert (await client.wait(neighbour))["status"] == "completed"
        reviving.cancel()

        assert (body["status"], body["error"]["code"]) == ("failed", "poison")
        async with theatre.queue() as queue:
            async with asyncio.timeout(10):
                while not (letters := await queue.dead(10)):
                    await asyncio.sleep(0.05)
            assert [letter.job_id for letter in letters] == [poison]
    starting = 4 * 3.0  # seconds: four converters died and were started again
    report.seconds("poison", taken, 4 * HOST_LOST + starting)


async def revive(theatre: Theatre) -> None:
    """Start converters again that have died, as a supervisor does."""
    while True:
        for one in theatre.cluster.converters:
            if not one.is_running:
                one.start()
        await asyncio.sleep(0.05)
