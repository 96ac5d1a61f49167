"""The janitor's sweeps against real stores: what is lost comes back, what is over goes."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from typing import Any

import pytest
from msgspec import structs

from support.converters import House
from support.records import DAY, a_job
from support.redis import TestRedis
from wavemill_common.connections import connect
from wavemill_common.errors import JobNotFound, StorageUnavailable, UploadNotFound
from wavemill_common.jobs import (
    DUE_INTERVAL_CAP,
    STOPPED,
    TOMBSTONE_TTL,
    Job,
    JobStatus,
    Lane,
    Output,
)
from wavemill_common.objects.disk import DiskObjectStore
from wavemill_common.queue import scripts
from wavemill_common.queue.consumer import Consumer
from wavemill_common.queue.jobs import JobQueue
from wavemill_common.queue.lanes import STREAMS
from wavemill_common.uploads import Upload, UploadState
from wavemill_converter.work.decide import Decision, decide
from wavemill_janitor import sweeps
from wavemill_janitor.deps import Deps

NOW = 1_800_000_000.0
LEASE = 120.0  # seconds
DUE = NOW + 11  # when a job accepted at NOW has become due


OUTPUT = Output(
    key="conversions/job/1-0-late.mp3",
    format="mp3",
    file_name="clip.mp3",
    mime="audio/mpeg",
    size=7,
    sha256="a" * 64,
)


class Clock:
    """The janitors' time."""

    def __init__(self) -> None:
        self.now = NOW

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def deps(house: House, clock: Clock) -> Deps:
    return Deps(
        jobs=house.jobs,
        objects=house.objects,
        queue=house.queue,
        progress=house.progress,
        job_ttl=DAY,
        webhook_secret=b"secret",
        webhook_private=True,
        now=clock,
    )


@pytest.fixture
async def consumer(house: House, redis_server: TestRedis) -> AsyncIterator[Consumer]:
    async with connect(redis_server.url) as client:
        yield Consumer(client, house.queue, "host-1-me")


async def put(house: House, job_id: str = "job", **fields: Any) -> Job:
    """A job in the store that is not in the queue."""
    return await house.jobs.put_job(a_job(job_id, **{"now": NOW} | fields))


async def started(house: House, job_id: str = "job", **fields: Any) -> Job:
    change = (await put(house, job_id, **fields)).start("claim", NOW, LEASE)
    assert await house.jobs.apply(change)
    return change.job


async def store(house: House, *keys: str) -> None:
    async def content() -> AsyncIterator[bytes]:
        yield b"content"

    for key in keys:
        await house.objects.put(key, content())


async def completed(house: House, job_id: str = "job") -> Job:
    """A job that has ended, with its result and one of an attempt that was lost."""
    job = await started(house, job_id)
    output = structs.replace(OUTPUT, key=f"conversions/{job_id}/1-0-claim.mp3")
    await store(house, output.key, f"conversions/{job_id}/0-0-lost.mp3")
    change = job.complete((output,), None, (), NOW, DAY)
    assert await house.jobs.apply(change)
    return change.job


async def upload(house: House, *job_ids: str, **fields: object) -> Upload:
    one = Upload(
        file_id="file",
        file_name="clip.wav",
        size=7,
        chunk_size=4,
        storage_key="uploads/file.wav",
        created_at=NOW,
        expires_at=NOW + DAY,
        state=UploadState.COMPLETE,
        job_ids=job_ids,
    )
    one = structs.replace(one, **fields)
    await house.jobs.put_upload(one)
    await store(house, one.storage_key, one.chunk_key(0), one.chunk_key(1), "uploads/other.wav")
    return one


async def stored(house: House, prefix: str = "") -> list[str]:
    return sorted([one.key async for one in house.objects.scan(prefix)])


async def entries(raw: Any) -> int:
    return sum([await raw.xlen(stream) for stream in STREAMS])


# --- what is missing from the queue ---


async def test_a_job_that_never_reached_the_queue_is_queued_once_it_is_due(
    deps: Deps, house: House, clock: Clock
) -> None:
    await put(house, lane=Lane.BULK)
    clock.now = NOW + 9
    assert await sweeps.enqueue_due(deps) == 0
    clock.now = DUE
    assert await sweeps.enqueue_due(deps) == 1
    assert await house.queue.position("job", Lane.BULK) == 1


async def test_a_job_that_waits_in_the_queue_is_looked_at_ever_more_rarely(
    deps: Deps, house: House, clock: Clock, raw: Any
) -> None:
    await put(house)
    await house.queue.enqueue("job", Lane.STANDARD)
    intervals = []
    for _ in range(8):
        clock.now = ((await house.jobs.job("job")).due_at or 0) + 1
        assert await sweeps.enqueue_due(deps) == 0
        job = await house.jobs.job("job")
        assert job.due_at == clock.now + job.due_interval
        intervals.append(job.due_interval)
    assert intervals[:3] == [20.0, 40.0, 80.0]
    assert intervals[-1] == DUE_INTERVAL_CAP
    assert await entries(raw) == 1


async def test_two_janitors_at_once_queue_a_job_once(
    deps: Deps, house: House, clock: Clock, raw: Any
) -> None:
    for one in range(30):
        await put(house, f"job{one}")
    clock.now = DUE
    queued = await asyncio.gather(*(sweeps.enqueue_due(deps) for _ in range(3)))
    assert sum(queued) == await entries(raw) == 30


async def test_a_delayed_job_that_redis_forgot_is_queued_soon_after_its_time(
    deps: Deps, house: House, clock: Clock
) -> None:
    await put(house, not_before=NOW + 60, due_at=NOW + 70)
    clock.now = NOW + 69
    assert await sweeps.enqueue_due(deps) == 0
    clock.now = NOW + 71
    assert await sweeps.enqueue_due(deps) == 1


async def test_a_job_whose_lease_has_run_out_can_be_taken_over_by_whoever_reads_it(
    deps: Deps, house: House, clock: Clock, consumer: Consumer
) -> None:
    """Redis was wiped, then the converter died: only the record knows."""
    await started(house)
    clock.now = NOW + LEASE - 1
    assert await sweeps.enqueue_due(deps) == 0
    clock.now = NOW + LEASE + 1
    assert await sweeps.enqueue_due(deps) == 1
    for _ in range(3):  # however often janitors look before it is read
        assert await sweeps.enqueue_due(deps) == 0
    [lease] = await consumer.claim(1)
    job = await house.jobs.job(lease.job_id)
    decision = decide(job, reclaimed=lease.reclaimed, now=clock.now, max_strikes=3)
    assert decision is Decision.START


async def test_jobs_that_ended_meanwhile_are_left_alone(
    deps: Deps, house: House, clock: Clock, raw: Any
) -> None:
    await completed(house)
    clock.now = NOW + LEASE + 1
    assert await sweeps.enqueue_due(deps) == 0
    assert not await entries(raw)


# --- a Redis that lost everything ---


async def test_an_emptied_queue_is_filled_again_with_all_but_live_leases(
    deps: Deps, house: House, clock: Clock, raw: Any, redis_server: TestRedis
) -> None:
    await put(house, "created", lane=Lane.INTERACTIVE)
    await put(house, "looked-at-rarely", due_at=NOW + DUE_INTERVAL_CAP, due_interval=600.0)
    await put(house, "delayed", not_before=NOW + 60, due_at=NOW + 70)
    await started(house, "running")
    await started(house, "lapsed", now=NOW - 200)
    await completed(house, "done")
    redis_server.flush()
    clock.now = NOW + 1
    lapsed = await house.jobs.job("lapsed")
    assert await house.jobs.apply(lapsed.renew(NOW - LEASE, LEASE))
    assert await sweeps.rebuild_queue(deps) == 4
    names = ["created", "looked-at-rarely", "delayed", "running", "lapsed", "done"]
    assert await house.queue.queued(names) == set(names) - {"running", "done"}
    assert await house.queue.knows_epoch()
    assert await sweeps.rebuild_queue(deps) == 0
    assert await entries(raw) == 4


async def test_the_queue_counts_as_filled_only_once_it_is(
    deps: Deps, house: House, raw: Any, redis_server: TestRedis
) -> None:
    """A janitor that dies half-way is made up for by the next."""
    for one in range(3):
        await put(house, f"job{one}")
    redis_server.flush()
    enqueued = 0

    class Dying(JobQueue):
        async def enqueue(self, job_id: str, lane: Lane) -> bool:
            nonlocal enqueued
            enqueued += 1
            if enqueued > 1:
                raise ConnectionError
            return await super().enqueue(job_id, lane)

    with pytest.raises(ConnectionError):
        await sweeps.rebuild_queue(structs.replace(deps, queue=Dying(raw)))
    assert not await house.queue.knows_epoch()
    assert await sweeps.rebuild_queue(deps) == 2
    assert await entries(raw) == 3


async def test_a_queue_that_is_lost_again_while_it_is_filled_is_filled_again(
    deps: Deps, house: House, raw: Any, redis_server: TestRedis
) -> None:
    names = [f"job{one}" for one in range(4)]
    for name in names:
        await put(house, name)
    redis_server.flush()
    enqueued = 0

    class Lost(JobQueue):
        async def enqueue(self, job_id: str, lane: Lane) -> bool:
            nonlocal enqueued
            enqueued += 1
            if enqueued == 3:
                redis_server.flush()
            return await super().enqueue(job_id, lane)

    await sweeps.rebuild_queue(structs.replace(deps, queue=Lost(raw)))
    assert await house.queue.queued(names) != set(names)
    assert not await house.queue.knows_epoch()
    assert await sweeps.rebuild_queue(deps) == 2
    assert await house.queue.queued(names) == set(names)
    assert await house.queue.knows_epoch()


async def test_many_janitors_fill_the_queue_once(
    deps: Deps, house: House, raw: Any, redis_server: TestRedis
) -> None:
    for one in range(30):
        await put(house, f"job{one}")
    redis_server.flush()
    assert sum(await asyncio.gather(*(sweeps.rebuild_queue(deps) for _ in range(3)))) == 30
    assert await entries(raw) == 30


# --- jobs whose time is over ---


async def test_an_expired_job_loses_its_files_then_its_record(
    deps: Deps, house: House, clock: Clock
) -> None:
    await completed(house)
    await store(house, "conversions/jobs-neighbour/1-0-claim.mp3")
    clock.now = NOW + DAY - 1
    assert await sweeps.expire_jobs(deps) == 0
    clock.now = NOW + DAY + 1
    assert await sweeps.expire_jobs(deps) == 1
    job = await house.jobs.job("job")
    assert (job.tombstone, job.outputs, job.output_key) == (True, (), None)
    assert await stored(house) == ["conversions/jobs-neighbour/1-0-claim.mp3"]
    clock.now += TOMBSTONE_TTL - 1
    assert await sweeps.expire_jobs(deps) == 0
    clock.now += 2
    assert await sweeps.expire_jobs(deps) == 1
    with pytest.raises(JobNotFound):
        await house.jobs.job("job")


async def test_a_record_stays_as_long_as_its_files(deps: Deps, house: House, clock: Clock) -> None:
    await completed(house)
    clock.now = NOW + DAY + 1

    class Refusing(DiskObjectStore):
        async def delete(self, keys: Sequence[str]) -> None:
            raise StorageUnavailable(f"cannot delete {keys}")

    with pytest.raises(StorageUnavailable):
        await sweeps.expire_jobs(structs.replace(deps, objects=Refusing(house.folder / "objects")))
    assert not (await house.jobs.job("job")).tombstone
    assert await sweeps.expire_jobs(deps) == 1


async def test_a_job_that_is_run_again_just_then_keeps_its_new_result(
    deps: Deps, house: House, clock: Clock
) -> None:
    job = await started(house)
    assert await house.jobs.apply(job.cancel(NOW, DAY))
    clock.now = NOW + DAY + 1
    new = structs.replace(OUTPUT, key="conversions/job/4-0-again.mp3")

    class RunningAgain(DiskObjectStore):
        async def delete(self, keys: Sequence[str]) -> None:
            again = (await house.jobs.job("job")).retry(clock.now, DAY, 10)
            start = again.job.start("again", clock.now, LEASE)
            await store(house, new.key)
            done = start.job.complete((new,), None, (), clock.now, DAY)
            for change in (again, start, done):
                assert await house.jobs.apply(change)
            await super().delete(keys)

    objects = RunningAgain(house.folder / "objects")
    assert await sweeps.expire_jobs(structs.replace(deps, objects=objects)) == 0
    assert (await house.jobs.job("job")).output_key == new.key
    assert await stored(house) == [new.key]


async def test_what_a_janitor_that_died_left_of_a_buried_job_goes_with_its_record(
    deps: Deps, house: House, clock: Clock
) -> None:
    job = await completed(house)
    assert await house.jobs.apply(job.bury(NOW))
    clock.now = NOW + TOMBSTONE_TTL + 1
    assert await sweeps.expire_jobs(deps) == 1
    assert await stored(house) == []


@pytest.mark.parametrize("status", [JobStatus.CREATED, JobStatus.PROCESSING])
async def test_a_job_that_did_not_end_in_time_fails_as_expired(
    deps: Deps, house: House, clock: Clock, raw: Any, status: JobStatus
) -> None:
    job = await (started if status is JobStatus.PROCESSING else put)(house)
    await house.queue.enqueue("job", job.lane)
    clock.now = NOW + DAY + 1
    assert await sweeps.expire_jobs(deps) == 1
    failed = await house.jobs.job("job")
    assert failed.error is not None
    assert (failed.status, failed.error.code) == (JobStatus.FAILED, "expired")
    assert failed.attempt > job.attempt  # whoever works on it is fenced
    assert not await house.jobs.apply(job.complete((OUTPUT,), None, (), clock.now, DAY))
    assert not await entries(raw)
    assert not await raw.exists(scripts.INDEX)
    assert (await house.progress.read(["job"]))["job"][0].progress == STOPPED


async def test_two_janitors_at_once_expire_a_job_once(
    deps: Deps, house: House, clock: Clock
) -> None:
    for one in range(10):
        await put(house, f"job{one}")
        await completed(house, f"done{one}")
    clock.now = NOW + DAY + 1
    assert sum(await asyncio.gather(*(sweeps.expire_jobs(deps) for _ in range(3)))) == 20


# --- uploads and what is left over ---


@pytest.mark.parametrize("state", list(UploadState))
async def test_an_expired_upload_goes_with_all_that_is_stored_of_it(
    deps: Deps, house: House, clock: Clock, state: UploadState
) -> None:
    await upload(house, state=state)
    clock.now = NOW + DAY - 1
    assert await sweeps.expire_uploads(deps) == 0
    clock.now = NOW + DAY + 1
    assert await sweeps.expire_uploads(deps) == 1
    assert await stored(house) == ["uploads/other.wav"]
    with pytest.raises(UploadNotFound):
        await house.jobs.upload("file")


async def test_an_upload_outlives_the_jobs_that_need_it(
    deps: Deps, house: House, clock: Clock
) -> None:
    await completed(house, "done")
    job = await started(house, "running", expires_at=NOW + 3 * DAY)
    await upload(house, "done", "running", "forgotten")
    clock.now = NOW + DAY + 1
    assert await sweeps.expire_uploads(deps) == 0
    assert "uploads/file.wav" in await stored(house)
    assert await house.jobs.apply(job.cancel(clock.now, DAY))
    assert await sweeps.expire_uploads(deps) == 1


async def test_drafts_and_multiparts_that_nobody_finished_are_dropped(
    deps: Deps, house: House, clock: Clock
) -> None:
    upload_id = await house.objects.start_multipart("uploads/big.wav")
    await house.objects.put_part("uploads/big.wav", upload_id, 1, b"part")
    draft = house.folder / "objects" / ".tmp" / "draft"
    draft.write_bytes(b"half of it")
    clock.now = draft.stat().st_mtime + sweeps.STALE_DRAFT - 60
    assert await sweeps.abort_stale_writes(deps) == 0
    clock.now += 120
    assert await sweeps.abort_stale_writes(deps) == 2
    assert not draft.exists()
    assert not [one async for one in house.objects.scan_multiparts("")]


async def test_results_that_no_ended_job_names_are_deleted(
    deps: Deps, house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sweeps, "AT_ONCE", 2)
    for job_id in ("one", "two", "three"):
        await completed(house, job_id)  # each with the result of a lost attempt beside its own
    assert await sweeps.delete_lost_results(deps) == 3
    own = [f"conversions/{job_id}/1-0-claim.mp3" for job_id in ("one", "three", "two")]
    assert await stored(house, "conversions/") == own
    assert await sweeps.delete_lost_results(deps) == 0


async def test_what_a_running_job_has_published_is_not_lost_yet(deps: Deps, house: House) -> None:
    job = await started(house, "running")
    await store(house, "conversions/running/1-0-claim.mp3")
    assert await sweeps.delete_lost_results(deps) == 0
    assert await house.jobs.apply(job.cancel(NOW, DAY))
    assert await sweeps.delete_lost_results(deps) == 1
    assert await stored(house, "conversions/") == []


async def test_a_result_without_a_record_gets_a_day(deps: Deps, house: House, clock: Clock) -> None:
    await store(house, OUTPUT.key)
    made = (await house.objects.stat(OUTPUT.key)).modified
    clock.now = made + sweeps.STALE_DRAFT - 60
    assert await sweeps.delete_lost_results(deps) == 0
    clock.now = made + sweeps.STALE_DRAFT + 60
    assert await sweeps.delete_lost_results(deps) == 1
    assert await stored(house) == []


async def test_only_consumers_that_are_gone_and_hold_nothing_are_forgotten(
    deps: Deps, house: House, consumer: Consumer, monkeypatch: pytest.MonkeyPatch
) -> None:
    await house.queue.enqueue("job", Lane.STANDARD)
    [lease] = await consumer.claim(1)
    assert await sweeps.drop_idle_consumers(deps) == 0
    monkeypatch.setattr(sweeps, "CONSUMER_IDLE", -1.0)
    assert await sweeps.drop_idle_consumers(deps) == 0
    await house.queue.finish(lease)
    assert await sweeps.drop_idle_consumers(deps) == 1
    assert not await house.queue.consumers()
