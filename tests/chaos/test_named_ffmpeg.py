"""Named faults of ffmpeg: it hangs, crashes, is killed, is not there."""

import asyncio
import signal
import time
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from chaos.theatre import SCALE, MakeTheatre, Report, Theatre
from support.server import eventually

STALL = 2.0  # seconds without progress after which ffmpeg counts as hanging


@pytest.fixture
async def theatre(own_theatre: MakeTheatre) -> AsyncIterator[Theatre]:
    """A cluster of its own: the announcements of its converter must not mix with others'."""
    one = own_theatre(WAVEMILL_STALL_TIMEOUT=str(STALL))
    await one.cluster.start_async()
    async with one.performance():
        yield one


async def test_an_ffmpeg_that_hangs_is_stopped_and_named(
    theatre: Theatre, noise: Path, report: Report
) -> None:
    theatre.ffmpeg_mode.write_text("hang")
    client = theatre.client
    began = time.monotonic()
    body = await client.wait(await client.convert((await client.upload(noise))["fileId"], "mp3"))

    assert (body["status"], body["error"]["code"]) == ("failed", "ffmpeg_timeout")
    assert body["error"]["httpStatus"] == 408
    report.seconds("ffmpeg-hangs", time.monotonic() - began, STALL)


async def test_an_ffmpeg_that_crashes_is_tried_again(
    theatre: Theatre, noise: Path, report: Report
) -> None:
    theatre.ffmpeg_mode.write_text("segfault-once")
    client = theatre.client
    began = time.monotonic()
    job_id = await client.convert((await client.upload(noise))["fileId"], "mp3")
    taken = await theatre.ended(job_id, began)

    _, record, _ = await client.call("GET", f"/api/jobs/{job_id}")
    assert (record["failures"], record["strikes"]) == (1, 0)
    report.seconds("ffmpeg-segfault", taken, 5.0 * SCALE)


async def test_an_ffmpeg_that_crashes_each_time_fails_the_job_after_the_second(
    theatre: Theatre, noise: Path, report: Report
) -> None:
    theatre.ffmpeg_mode.write_text("segfault")
    client = theatre.client
    began = time.monotonic()
    body = await client.wait(await client.convert((await client.upload(noise))["fileId"], "mp3"))

    assert (body["status"], body["error"]["code"]) == ("failed", "ffmpeg_crashed")
    _, record, _ = await client.call("GET", f"/api/jobs/{body['jobId']}")
    assert record["attempt"] == 2
    report.seconds("ffmpeg-segfault-each-time", time.monotonic() - began, 5.0 * SCALE)


async def test_an_ffmpeg_killed_from_outside_is_tried_again(
    theatre: Theatre, long_noise: Path, report: Report
) -> None:
    client, converter = theatre.client, theatre.cluster.converters[0]
    job_id = await client.convert((await client.upload(long_noise))["fileId"], "mp3")
    await client.wait_for_stage(job_id, "converting")
    await eventually(converter.ffmpegs)
    began = time.monotonic()
    converter.ffmpegs()[0].send_signal(signal.SIGKILL)
    await theatre.failed_once(job_id)

    taken = await theatre.ended(job_id, began)

    _, record, _ = await client.call("GET", f"/api/jobs/{job_id}")
    assert (record["failures"], record["strikes"]) == (1, 0)
    report.seconds("ffmpeg-out-of-memory-killed", taken, 5.0 * SCALE + 1.0)


async def test_an_ffmpeg_that_goes_missing_turns_readiness_red_until_it_is_back(
    theatre: Theatre, noise: Path, report: Report
) -> None:
    client = theatre.client
    theatre.ffmpeg.unlink()
    gone = time.monotonic()
    job_id = await client.convert((await client.upload(noise))["fileId"], "mp3")
    record = await theatre.failed_once(job_id)
    assert record["error"]["code"] == "ffmpeg_missing"
    await until_ready(theatre, 503, "unavailable")
    red = time.monotonic() - gone

    theatre.install_ffmpeg()
    back = time.monotonic()
    await until_ready(theatre, 200, "ready")
    await theatre.ended(job_id, back)

    report.seconds("ffmpeg-vanishes", red, 10.0 * SCALE)


async def test_a_converter_that_starts_without_ffmpeg_waits_for_it(
    theatre: Theatre, noise: Path, report: Report
) -> None:
    client, converter = theatre.client, theatre.cluster.converters[0]
    converter.terminate()
    await asyncio.to_thread(converter.wait)
    theatre.ffmpeg.unlink()
    converter.start()
    await until_ready(theatre, 503, "unavailable")
    job_id = await client.convert((await client.upload(noise))["fileId"], "mp3")

    theatre.install_ffmpeg()
    taken = await theatre.ended(job_id, time.monotonic())
    await until_ready(theatre, 200, "ready")
    assert theatre.commits(job_id) == 1
    report.seconds("ffmpeg-missing-at-start", taken, 10.0 * SCALE)


async def until_ready(theatre: Theatre, status: int, word: str) -> None:
    """Wait until readiness says this."""
    async with asyncio.timeout(60):
        while True:
            found, body, _ = await theatre.client.call("GET", "/readyz")
            if (found, body["status"]) == (status, word):
                return
            await asyncio.sleep(0.05)
