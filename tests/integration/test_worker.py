"""The worker with real stores and a real ffmpeg: whatever goes wrong, one result or a clear end."""

import asyncio
import sqlite3
import subprocess
import sys
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from support.audio import decoded
from support.converters import QUICK, House, ScriptedFfmpeg, converter
from support.redis import TestRedis, raw_client
from support.server import eventually
from wavemill_common import retry
from wavemill_common.connections import connect
from wavemill_common.jobs import STOPPED, Job, JobStatus, Lane
from wavemill_common.queue import scripts
from wavemill_common.queue.consumer import Consumer
from wavemill_common.queue.lanes import STREAMS, stream_of
from wavemill_common.records import schema
from wavemill_converter.work.scratch import LOCK_NAME, Scratch

LEASE = 30.0  # seconds
STREAM = stream_of(Lane.STANDARD)


@pytest.fixture
def waiting(tmp_path: Path) -> ScriptedFfmpeg:
    """An ffmpeg that hangs until it is let go on."""
    return ScriptedFfmpeg(tmp_path / "waiting", "wait")


@pytest.fixture
def impatient_store(monkeypatch: pytest.MonkeyPatch) -> None:
    """Have all tries of one round over in a tenth of a second."""
    monkeypatch.setattr(schema, "BUSY_TIMEOUT", 0.03)
    monkeypatch.setattr(retry, "BASE", 0.02)
    monkeypatch.setattr(retry, "TRIES", 2)


async def assert_nothing_queued(raw: Any) -> None:
    async def is_empty() -> bool:
        pending = [(await raw.xpending(stream, scripts.GROUP))["pending"] for stream in STREAMS]
        lengths = [await raw.xlen(stream) for stream in STREAMS]
        return not any(pending) and not any(lengths) and not await raw.exists(scripts.INDEX)

    async with asyncio.timeout(5):
        while not await is_empty():
            await asyncio.sleep(0.01)


async def taken_over(house: House, raw: Any) -> Job:
    """Let another converter have the entry and the job, as after a long silence."""
    [entry] = await raw.xpending_range(STREAM, scripts.GROUP, "-", "+", 10)
    await raw.xclaim(STREAM, scripts.GROUP, "another", 0, [entry["message_id"]])
    return await claimed_by_another(house)


async def claimed_by_another(house: House) -> Job:
    change = (await house.jobs.job("job")).start("another", time.time(), LEASE)
    assert await house.jobs.apply(change)
    return change.job


@contextmanager
def store_down(house: House) -> Iterator[sqlite3.Connection]:
    """Keep everyone from writing to the job store."""
    connection = sqlite3.connect(house.folder / "records.sqlite3", isolation_level=None)
    connection.execute("BEGIN IMMEDIATE")
    try:
        yield connection
    finally:
        connection.close()


# --- how it should be ---


async def test_a_job_is_done_once(house: House, raw: Any, clip: Path) -> None:
    ffmpeg = ScriptedFfmpeg(house.folder / "counting")
    async with converter(house, ffmpeg), converter(house, ffmpeg):
        await house.submit(source=clip)
        job = await house.ended()
    assert (job.status, job.attempt, job.progress, job.strikes) == (JobStatus.COMPLETED, 1, 100, 0)
    [key] = await house.results()
    assert job.output_key == key
    assert key.startswith(f"conversions/job/1-0-{job.claim_id}"[:26])
    seconds, _, _ = decoded(house.folder / "objects" / key)
    assert seconds == pytest.approx(1.0, abs=0.1)
    assert len(ffmpeg.pids) == 1
    assert not house.scratch_files()
    await assert_nothing_queued(raw)
    assert (await house.progress.read(["job"]))["job"][0].status is JobStatus.COMPLETED


async def test_many_jobs_in_all_lanes_are_each_done_once(
    house: House, raw: Any, clip: Path
) -> None:
    jobs = [f"job{one}" for one in range(9)]
    async with converter(house), converter(house):
        for one, job_id in enumerate(jobs):
            await house.submit(job_id, source=clip, lane=list(Lane)[one % 3], format="wav")
        ended = [await house.ended(job_id) for job_id in jobs]
    assert {(job.status, job.attempt) for job in ended} == {(JobStatus.COMPLETED, 1)}
    assert len(await house.results()) == len(jobs)
    await assert_nothing_queued(raw)


async def test_entries_of_the_same_id_in_two_lanes_are_both_done(
    house: House, raw: Any, clip: Path
) -> None:
    for lane in (Lane.STANDARD, Lane.BULK):
        await house.submit(lane.value, source=clip, lane=lane)
    await raw.flushall()
    await house.queue.prepare()
    for lane in (Lane.STANDARD, Lane.BULK):
        await raw.xadd(stream_of(lane), {"j": lane.value}, id="7-1")
        await raw.hset(scripts.INDEX, lane.value, "7-1")
    # What is overlooked would be found by a sweep once its lease has run out: never, here.
    async with converter(house, timings=replace(QUICK, lease_ttl=LEASE)):
        for lane in (Lane.STANDARD, Lane.BULK):
            assert (await house.ended(lane.value)).attempt == 1


async def test_a_duplicate_entry_is_dropped(
    house: House, raw: Any, clip: Path, waiting: ScriptedFfmpeg
) -> None:
    await house.submit(source=clip)
    async with converter(house, waiting):
        await eventually(lambda: waiting.started)
        await raw.xadd(STREAM, {"j": "job"})
        async with asyncio.timeout(5):
            while await raw.xlen(STREAM) > 1:
                await asyncio.sleep(0.01)
        assert await house.queue.queued(["job"]) == {"job"}
        waiting.open()
        assert (await house.ended()).attempt == 1
    assert len(waiting.pids) == len(await house.results()) == 1
    await assert_nothing_queued(raw)


@pytest.mark.parametrize("entry", ["of no job", "of a cancelled job"])
async def test_an_entry_for_which_there_is_nothing_to_do_is_dropped(
    house: House, raw: Any, clip: Path, entry: str
) -> None:
    if entry == "of no job":
        await house.queue.enqueue("job", Lane.STANDARD)
    else:
        job = await house.submit(source=clip)
        assert await house.jobs.apply(job.cancel(time.time(), LEASE))
    async with converter(house):
        await assert_nothing_queued(raw)
    assert not await house.results()


# --- who owns a job ---


async def test_a_lost_lease_stops_the_work_and_publishes_nothing(
    house: House, raw: Any, clip: Path, waiting: ScriptedFfmpeg
) -> None:
    await house.submit(source=clip)
    async with converter(house, waiting) as running:
        await eventually(lambda: waiting.running)
        job = await taken_over(house, raw)
        await eventually(lambda: not waiting.running, 3)
        await eventually(lambda: not running.worker.running)
        assert await house.jobs.job("job") == job
        assert (await raw.xpending(STREAM, scripts.GROUP))["pending"] == 1  # the other's still
        assert await house.queue.queued(["job"]) == {"job"}
    assert not await house.results()
    assert not house.scratch_files()


async def test_a_zombie_cannot_commit_and_its_result_is_removed(
    house: House, clip: Path, waiting: ScriptedFfmpeg
) -> None:
    await house.submit(source=clip)
    deaf = replace(QUICK, record_renew_every=LEASE)
    async with converter(house, waiting, timings=deaf) as running:
        await eventually(lambda: waiting.running)
        job = await claimed_by_another(house)
        waiting.open()
        await eventually(lambda: not running.worker.running)
        assert await house.jobs.job("job") == job
        assert not await house.results()
    assert not house.scratch_files()


async def test_who_is_outrun_hears_of_it_from_the_record(
    house: House, clip: Path, waiting: ScriptedFfmpeg
) -> None:
    await house.submit(source=clip)
    async with converter(house, waiting):
        await eventually(lambda: waiting.running)
        await claimed_by_another(house)
        await eventually(lambda: not waiting.running, 3)
        assert not await house.results()


async def test_the_job_of_a_dead_converter_is_taken_over(
    house: House, raw: Any, redis_server: TestRedis, clip: Path
) -> None:
    await house.submit(source=clip)
    async with connect(redis_server.url) as client:
        assert await Consumer(client, house.queue, "host-1-dead").claim(1)
    await claimed_by_another(house)
    async with converter(house):
        job = await house.ended()
    assert (job.status, job.attempt, job.quarantined) == (JobStatus.COMPLETED, 2, True)
    await assert_nothing_queued(raw)


async def test_a_wiped_redis_costs_a_running_job_nothing(
    house: House, redis_server: TestRedis, clip: Path, waiting: ScriptedFfmpeg
) -> None:
    await house.submit(source=clip)
    async with converter(house, waiting, slots=1):
        await eventually(lambda: waiting.running)
        redis_server.flush()
        async with asyncio.timeout(5):  # it queues the job again, in case it should die
            while await house.queue.queued(["job"]) != {"job"}:
                await asyncio.sleep(0.01)
        waiting.open()
        job = await house.ended()
    assert (job.status, job.attempt) == (JobStatus.COMPLETED, 1)
    assert len(waiting.pids) == len(await house.results()) == 1


async def test_work_goes_on_while_redis_is_down(
    own_house: House, own_redis: TestRedis, clip: Path
) -> None:
    house = own_house
    ffmpeg = ScriptedFfmpeg(house.folder / "waiting", "wait")
    async with raw_client(own_redis.url) as raw, converter(house, ffmpeg, slots=1):
        await house.submit("first", source=clip)
        await house.submit("second", source=clip)
        await eventually(lambda: ffmpeg.running)
        assert (await raw.execute_command("WAITAOF", 1, 0, 5000))[0] == 1
        own_redis.kill()
        ffmpeg.open()
        first = await house.ended("first")
        await own_redis.start_again()
        second = await house.ended("second")
        await assert_nothing_queued(raw)
    assert [(one.status, one.attempt) for one in (first, second)] == [(JobStatus.COMPLETED, 1)] * 2


# --- how work ends early ---


@pytest.mark.parametrize("message", ["arrives", "is lost"])
async def test_a_cancelled_job_ends_at_once_and_leaves_nothing(
    house: House, raw: Any, clip: Path, waiting: ScriptedFfmpeg, message: str
) -> None:
    await house.submit(source=clip)
    async with converter(house, waiting) as running:
        await eventually(lambda: waiting.running)
        job = await house.jobs.job("job")
        assert await house.jobs.apply(job.cancel(time.time(), LEASE))
        if message == "arrives":
            await house.queue.withdraw("job", job.lane)
        else:
            await raw.delete(STREAM, scripts.INDEX)
        await eventually(lambda: not waiting.running, 3)
        await eventually(lambda: not running.worker.running)
    job = await house.jobs.job("job")
    assert (job.status, job.progress) == (JobStatus.CANCELLED, STOPPED)
    assert not await house.results()
    assert not house.scratch_files()
    assert not await raw.exists(scripts.INDEX)


async def test_a_converter_that_stops_hands_its_jobs_back_without_a_strike(
    house: House, raw: Any, clip: Path, waiting: ScriptedFfmpeg
) -> None:
    await house.submit(source=clip)
    async with converter(house, waiting) as running:
        await eventually(lambda: waiting.running)
        await running.stop()
        assert not waiting.running
    job = await house.jobs.job("job")
    assert (job.status, job.strikes, job.failures) == (JobStatus.CREATED, 0, 0)
    assert running.name not in await house.queue.consumers()
    assert not house.scratch_files()
    async with converter(house):
        job = await house.ended()
    assert (job.status, job.attempt, job.strikes) == (JobStatus.COMPLETED, 2, 0)
    await assert_nothing_queued(raw)


async def test_a_job_that_is_just_being_claimed_does_not_hold_up_the_stop(
    house: House, clip: Path, waiting: ScriptedFfmpeg
) -> None:
    await house.submit("claimed", source=clip)
    await house.submit("waiting", source=clip)
    with store_down(house) as store:
        async with converter(house, waiting, slots=1) as running:
            await eventually(lambda: running.worker.running)
            await asyncio.sleep(0.1)  # now it waits for the store to let it claim the job
            running.stopping.set()
            await asyncio.sleep(0.1)
            store.close()
            await running.stop()
    assert not waiting.running
    for job_id in ("claimed", "waiting"):
        job = await house.jobs.job(job_id)
        assert (job.status, job.strikes) == (JobStatus.CREATED, 0)


# --- how work fails ---


async def test_a_job_that_failed_by_accident_is_tried_again_later(
    house: House, raw: Any, clip: Path
) -> None:
    ffmpeg = ScriptedFfmpeg(house.folder / "crashing", "crash")
    async with converter(house, ffmpeg):
        await house.submit(source=clip)
        job = await house.until(lambda job: job.failures)
        assert (job.status, job.strikes) == (JobStatus.CREATED, 0)
        assert job.not_before is not None
        assert job.error is not None
        assert (job.error.code, job.error.retryable) == ("ffmpeg_failed", True)
        ffmpeg.open()
        job = await house.ended()
    assert job.status is JobStatus.COMPLETED
    assert job.error is None
    assert job.failures == len(ffmpeg.pids) - 1
    assert job.attempt == len(ffmpeg.pids)
    await assert_nothing_queued(raw)


async def test_a_job_that_keeps_failing_by_accident_fails_at_last(
    house: House, raw: Any, clip: Path
) -> None:
    ffmpeg = ScriptedFfmpeg(house.folder / "crashing", "crash")
    async with converter(house, ffmpeg):
        await house.submit(source=clip)
        job = await house.ended()
    assert job.error is not None
    assert (job.status, job.failures, job.error.code) == (JobStatus.FAILED, 5, "ffmpeg_failed")
    assert len(ffmpeg.pids) == 6
    await assert_nothing_queued(raw)


async def test_an_ffmpeg_that_crashes_once_is_an_accident(
    house: House, raw: Any, clip: Path
) -> None:
    second = f"[ $(wc -l < {house.folder}/crashing/starts) -gt 1 ]"
    ffmpeg = ScriptedFfmpeg(house.folder / "crashing", f"{second} || kill -SEGV $$")
    async with converter(house, ffmpeg):
        await house.submit(source=clip)
        job = await house.ended()
    assert (job.status, job.attempt, job.failures) == (JobStatus.COMPLETED, 2, 1)
    await assert_nothing_queued(raw)


async def test_an_ffmpeg_that_crashes_alike_twice_in_a_row_is_not_tried_a_third_time(
    house: House, raw: Any, clip: Path
) -> None:
    ffmpeg = ScriptedFfmpeg(house.folder / "crashing", "kill -SEGV $$")
    async with converter(house, ffmpeg):
        await house.submit(source=clip)
        job = await house.ended()
    assert job.error is not None
    assert (job.status, job.failures, job.error.code) == (JobStatus.FAILED, 1, "ffmpeg_crashed")
    assert "SIGSEGV" in job.error.message
    assert not job.error.retryable
    assert len(ffmpeg.pids) == 2
    await assert_nothing_queued(raw)


async def test_crashes_of_different_kinds_are_accidents_until_there_are_too_many(
    house: House, raw: Any, clip: Path
) -> None:
    odd = f"[ $(($(wc -l < {house.folder}/crashing/starts) % 2)) = 1 ]"
    crash = f"{odd} && kill -SEGV $$; kill -ABRT $$"
    ffmpeg = ScriptedFfmpeg(house.folder / "crashing", crash)
    async with converter(house, ffmpeg):
        await house.submit(source=clip)
        job = await house.ended()
    assert job.error is not None
    assert (job.status, job.error.code) == (JobStatus.FAILED, "ffmpeg_crashed")
    assert len(ffmpeg.pids) == 6
    await assert_nothing_queued(raw)


async def test_what_can_never_work_fails_at_once_with_its_reason(
    house: House, raw: Any, tmp_path: Path
) -> None:
    text = tmp_path / "text.wav"
    text.write_text("this is no audio " * 100)
    async with converter(house):
        await house.submit("text", source=text)
        await house.submit("missing")
        ended = [await house.ended(job_id) for job_id in ("text", "missing")]
    assert [job.status for job in ended] == [JobStatus.FAILED] * 2
    assert [(job.attempt, job.failures, job.progress) for job in ended] == [(1, 0, STOPPED)] * 2
    assert [job.error and job.error.code for job in ended] == ["invalid_format", "upload_not_found"]
    assert not await house.results()
    await assert_nothing_queued(raw)


@pytest.mark.usefixtures("impatient_store")
async def test_a_result_outlasts_a_job_store_that_is_down_when_it_is_ready(
    house: House, clip: Path, waiting: ScriptedFfmpeg
) -> None:
    await house.submit(source=clip)
    async with converter(house, waiting) as running:
        await eventually(lambda: waiting.running)
        with store_down(house):
            waiting.open()
            async with asyncio.timeout(5):
                while not await house.results():
                    await asyncio.sleep(0.01)
            await asyncio.sleep(1.0)  # ten times as long as all tries of one round take
            assert running.worker.running
        job = await house.ended()
    assert (job.status, job.attempt, job.strikes) == (JobStatus.COMPLETED, 1, 0)
    assert len(waiting.pids) == 1
    assert await house.results() == [job.output_key]


# --- scratch ---

_HOLDER = """
import sys, time
from pathlib import Path
from wavemill_converter.work.scratch import Scratch
with Scratch(Path(sys.argv[1]), sys.argv[2]) as scratch, scratch.attempt("job-1") as path:
    (path / "source").write_bytes(b"x")
    print("ready", flush=True)
    time.sleep(60)
"""


@contextmanager
def scratch_holder(root: Path, name: str) -> Iterator["subprocess.Popen[bytes]"]:
    command = [sys.executable, "-c", _HOLDER, str(root), name]
    with subprocess.Popen(command, stdout=subprocess.PIPE) as process:
        try:
            assert process.stdout is not None
            assert process.stdout.readline() == b"ready\n"
            yield process
        finally:
            process.kill()


def test_scratch_of_a_dead_process_goes_at_the_next_start_and_of_a_live_one_stays(
    tmp_path: Path,
) -> None:
    with scratch_holder(tmp_path, "dead") as dead, scratch_holder(tmp_path, "live"):
        dead.kill()
        dead.wait()
        assert (tmp_path / "dead" / "job-1" / "source").exists()
        with Scratch(tmp_path, "new"):
            assert not (tmp_path / "dead").exists()
            assert (tmp_path / "live" / "job-1" / "source").exists()
        assert not (tmp_path / "new").exists()


def test_converters_that_start_at_once_leave_each_other_their_scratch(tmp_path: Path) -> None:
    def start(number: int) -> Scratch:
        return Scratch(tmp_path / "root", f"converter{number}").__enter__()

    for _ in range(5):
        with ThreadPoolExecutor(8) as threads:
            started = list(threads.map(start, range(8)))
        assert len(list((tmp_path / "root").glob(f"*/{LOCK_NAME}"))) == 8
        for scratch in started:
            with scratch.attempt("job-1") as path:
                assert path.is_dir()
            scratch.__exit__()
