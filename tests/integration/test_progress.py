"""Progress, from the one who writes it to all who watch, against a real Redis and job store."""

import asyncio
import random
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from msgspec import structs

from support.records import DAY, a_job
from support.redis import TestRedis, raw_client
from wavemill_common.connections import connect
from wavemill_common.errors import Gone, JobNotFound
from wavemill_common.jobs import REVISIONS_PER_ATTEMPT, STOPPED, Change, Job, JobStatus, Output
from wavemill_common.progress import feed as feed_module
from wavemill_common.progress import reader as reader_module
from wavemill_common.progress import subscriptions
from wavemill_common.progress.feed import ProgressFeed, Watch
from wavemill_common.progress.reader import ProgressReader
from wavemill_common.progress.snapshot import Progress, Stage, progress_of
from wavemill_common.progress.store import ProgressStore, channel_of, progress_key
from wavemill_common.records import JobStore
from wavemill_common.records.sqlite import SqliteJobStore

NOW = 1_800_000_000.0
LONG = 60.0  # seconds that no test lasts: what must not happen by the clock
OUTPUT = Output(
    key="conversions/job/1-0-me.mp3",
    format="mp3",
    file_name="clip.mp3",
    mime="audio/mpeg",
    size=5,
    sha256="a" * 64,
)


@pytest.fixture
async def jobs(tmp_path: Path) -> AsyncIterator[JobStore]:
    async with SqliteJobStore.open(tmp_path / "records.db") as opened:
        yield opened


@pytest.fixture
def store(raw: Any) -> ProgressStore:
    return ProgressStore(raw)


@pytest.fixture
def reader(store: ProgressStore, jobs: JobStore) -> ProgressReader:
    return ProgressReader(store, jobs)


@pytest.fixture
async def feed(redis_server: TestRedis, reader: ProgressReader) -> AsyncIterator[ProgressFeed]:
    async with feeding(redis_server, reader) as running:
        yield running


@pytest.fixture(autouse=True)
def patient(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let what the channels should tell never come from the regular look instead."""
    look_after(monkeypatch, LONG)
    monkeypatch.setattr(feed_module, "LOOK_EVERY", 0.05)
    monkeypatch.setattr(subscriptions, "RECONNECT_AFTER", 0.02)


def look_after(monkeypatch: pytest.MonkeyPatch, seconds: float) -> None:
    monkeypatch.setattr(feed_module, "STALE_AFTER", seconds)
    monkeypatch.setattr(reader_module, "STALE_AFTER", seconds)


@asynccontextmanager
async def feeding(server: TestRedis, reader: ProgressReader) -> AsyncIterator[ProgressFeed]:
    async with connect(server.url) as client, asyncio.TaskGroup() as group:
        feed = ProgressFeed(client, reader)
        task = group.create_task(feed.run())
        yield feed
        task.cancel()


def a_step(percent: int, revision: int = 1, attempt: int = 1, job_id: str = "job") -> Progress:
    return Progress(
        job_id=job_id,
        status=JobStatus.PROCESSING,
        stage=Stage.CONVERTING,
        progress=percent,
        revision=attempt * REVISIONS_PER_ATTEMPT + revision,
        attempt=attempt,
        start_time=0,
    )


async def put(jobs: JobStore, *changes: Change) -> Job:
    for change in changes:
        assert await jobs.apply(change)
    return changes[-1].job


async def started(jobs: JobStore, job_id: str = "job") -> Job:
    job = await jobs.put_job(a_job(job_id, now=NOW))
    return await put(jobs, job.start("me", NOW, LONG))


async def completed(jobs: JobStore, job: Job, revision: int = 500_000) -> Job:
    job = job.reached(99, job.revision + revision)
    return await put(jobs, job.complete((OUTPUT,), None, (), NOW, DAY))


async def next_of(watch: Watch, seconds: float = 5.0) -> Progress:
    async with asyncio.timeout(seconds):
        while True:
            if news := await watch.next(1.0):
                assert len(news) == 1
                return news[0]


async def channels(raw: Any) -> dict[str, int]:
    """The channels somebody listens to, but for that which keeps the connection."""
    names = [name for name in await raw.pubsub_channels() if name.startswith(b"job:")]
    return {name.decode(): number for name, number in await raw.pubsub_numsub(*names)}


async def settled(raw: Any, expected: dict[str, int]) -> None:
    async with asyncio.timeout(5):
        while await channels(raw) != expected:
            await asyncio.sleep(0.01)


# --- the store ---


async def test_only_what_is_newer_is_written(store: ProgressStore) -> None:
    assert await store.write(a_step(10, 2))
    assert not await store.write(a_step(20, 2))
    assert not await store.write(a_step(30, 1))
    assert (await store.read(["job"]))["job"][0] == a_step(10, 2)


async def test_a_job_never_shows_less_than_before(store: ProgressStore) -> None:
    await store.write(a_step(57, 9, attempt=1))
    assert await store.write(a_step(3, 1, attempt=2))
    [(shown, _)] = (await store.read(["job"])).values()
    assert (shown.progress, shown.attempt) == (57, 2)


async def test_a_stopped_job_shows_that(store: ProgressStore) -> None:
    await store.write(a_step(57))
    failed = structs.replace(a_step(STOPPED, 2), status=JobStatus.FAILED, stage=Stage.FAILED)
    assert await store.write(failed)
    assert (await store.read(["job"]))["job"][0].progress == STOPPED


async def test_a_zombie_cannot_move_the_bar(store: ProgressStore, raw: Any) -> None:
    await store.write(a_step(20, 1, attempt=2))
    async with raw.pubsub() as pubsub:
        await pubsub.subscribe(channel_of("job"))
        await pubsub.get_message(timeout=1)
        assert not await store.write(a_step(90, 800_000, attempt=1))
        assert await pubsub.get_message(ignore_subscribe_messages=True, timeout=0.05) is None
    assert (await store.read(["job"]))["job"][0].progress == 20


async def test_progress_of_unknown_and_forgotten_jobs_is_left_out(store: ProgressStore) -> None:
    await store.write(a_step(10))
    await store.write(a_step(20, job_id="other"))
    await store.forget("job")
    found = await store.read(["job", "other", "unknown"])
    assert list(found) == ["other"]
    assert 0 <= found["other"][1] < 5


# --- the reader ---


async def test_a_job_is_told_from_redis_while_it_runs(
    store: ProgressStore, jobs: JobStore, reader: ProgressReader
) -> None:
    await started(jobs)
    await store.write(a_step(40))
    assert (await reader.one("job")).progress == 40


async def test_the_end_is_told_by_the_record_alone(
    store: ProgressStore, jobs: JobStore, reader: ProgressReader
) -> None:
    job = await started(jobs)
    early = progress_of(job.complete((OUTPUT,), None, (), NOW, DAY).job)
    await store.write(early)
    assert not (await reader.one("job")).is_terminal
    await completed(jobs, job)
    assert (await reader.one("job")).outputs[0].file_name == "clip.mp3"


async def test_a_new_attempt_shows_no_less_before_it_has_told_anything(
    store: ProgressStore,
    jobs: JobStore,
    reader: ProgressReader,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    job = await started(jobs)
    await store.write(a_step(57))
    await put(jobs, job.start("you", NOW, LONG))
    look_after(monkeypatch, 0.0)
    told = await reader.one("job")
    assert (told.attempt, told.progress) == (2, 57)


async def test_what_another_version_wrote_is_left_to_the_record(
    jobs: JobStore, reader: ProgressReader, raw: Any
) -> None:
    await started(jobs)
    await raw.set(progress_key("job"), b'{"progress":5,"stage":"dreaming"}', px=1000)
    assert (await reader.one("job")).stage is Stage.PROBING


async def test_unknown_and_expired_jobs_are_told_apart(
    jobs: JobStore, reader: ProgressReader
) -> None:
    done = await completed(jobs, await started(jobs, "buried"))
    await put(jobs, done.bury(NOW))
    assert await reader.many(["buried", "unknown"]) == {}
    with pytest.raises(JobNotFound):
        await reader.one("unknown")
    with pytest.raises(Gone):
        await reader.one("buried")


# --- the feed ---


async def test_a_watcher_gets_a_snapshot_then_what_changes_then_the_end(
    feed: ProgressFeed, store: ProgressStore, jobs: JobStore
) -> None:
    job = await started(jobs)
    await store.write(a_step(10))
    async with feed.watch(["job"]) as watch:
        assert (await next_of(watch)).progress == 10
        await store.write(a_step(20, 2))
        assert (await next_of(watch)).progress == 20
        await store.write(progress_of(await completed(jobs, job)))
        end = await next_of(watch)
    assert (end.status, end.progress, end.outputs[0].size) == (JobStatus.COMPLETED, 100, 5)


async def test_a_watcher_that_comes_back_is_told_only_what_is_new_to_it(
    feed: ProgressFeed, store: ProgressStore, jobs: JobStore
) -> None:
    await started(jobs)
    await store.write(a_step(10))
    async with feed.watch(["job"], {"job": a_step(10).revision}) as watch:
        assert await watch.next(0.05) == []
    async with feed.watch(["job"], {"job": a_step(10).revision - 1}) as watch:
        assert (await next_of(watch)).progress == 10


async def test_whoever_joins_in_a_storm_sees_a_rising_bar_and_the_end(
    feed: ProgressFeed, store: ProgressStore, jobs: JobStore
) -> None:
    job = await started(jobs)
    watchers, joined = 60, asyncio.Semaphore(0)

    async def write() -> None:
        revision = 0
        while joined._value < watchers:
            revision += 1
            await store.write(a_step(min(99, revision // 10), revision))
        await store.write(progress_of(await completed(jobs, job)))

    async def see(delay: float) -> list[int]:
        await asyncio.sleep(delay)
        seen: list[int] = []
        async with feed.watch(["job"]) as watch:
            joined.release()
            while True:
                progress = await next_of(watch)
                seen.append(progress.revision)
                if progress.is_terminal:
                    return seen

    async with asyncio.TaskGroup() as group:
        group.create_task(write())
        seeing = [group.create_task(see(random.uniform(0, 0.5))) for _ in range(watchers)]
    for one in seeing:
        seen = one.result()
        assert seen == sorted(set(seen))


async def test_a_slow_watcher_is_told_the_newest_only(
    feed: ProgressFeed, store: ProgressStore, jobs: JobStore
) -> None:
    await started(jobs)
    async with feed.watch(["job"]) as slow, feed.watch(["job"]) as quick:
        await next_of(slow)
        for percent in range(1, 50):
            await store.write(a_step(percent, percent))
        while (await next_of(quick)).progress < 49:
            pass
        assert (await next_of(slow)).progress == 49
        assert await slow.next(0.05) == []


async def test_200_watchers_of_a_job_share_one_subscription(
    feed: ProgressFeed, store: ProgressStore, jobs: JobStore, raw: Any
) -> None:
    await started(jobs)
    ready = asyncio.Barrier(201)

    async def see() -> int:
        async with feed.watch(["job"], {"job": a_step(0, 0).revision}) as watch:
            await ready.wait()
            return (await next_of(watch)).progress

    async with asyncio.TaskGroup() as group:
        seeing = [group.create_task(see()) for _ in range(200)]
        await ready.wait()
        assert await channels(raw) == {"job:job": 1}
        await store.write(a_step(33))
    assert {one.result() for one in seeing} == {33}
    await settled(raw, {})


async def test_who_leaves_leaves_no_subscription_behind(
    feed: ProgressFeed, jobs: JobStore, raw: Any
) -> None:
    await started(jobs)
    async with feed.watch(["job", "other"]):
        async with feed.watch(["job"]):
            await settled(raw, {"job:job": 1, "job:other": 1})
        await asyncio.sleep(0.05)
        await settled(raw, {"job:job": 1, "job:other": 1})
    await settled(raw, {})
    assert not feed._jobs


async def test_who_is_cut_off_while_joining_harms_nobody(
    feed: ProgressFeed, store: ProgressStore, jobs: JobStore, raw: Any
) -> None:
    await started(jobs)

    async def come_and_go() -> None:
        async with feed.watch(["job", f"other{random.random()}"]):
            await asyncio.sleep(1)

    async with feed.watch(["job"]) as watch:
        await next_of(watch)
        client = await raw.client_list(_type="pubsub")
        coming = [asyncio.create_task(come_and_go()) for _ in range(100)]
        for one in coming:
            await asyncio.sleep(random.choice([0, 0.001]))
            one.cancel()
        await asyncio.gather(*coming, return_exceptions=True)
        await store.write(a_step(12))
        assert (await next_of(watch)).progress == 12
        await settled(raw, {"job:job": 1})
        assert [one["id"] for one in await raw.client_list(_type="pubsub")] == [
            one["id"] for one in client
        ]


async def test_who_comes_back_at_once_is_told_on(
    feed: ProgressFeed, store: ProgressStore, jobs: JobStore
) -> None:
    await started(jobs)
    for step in range(1, 30):
        async with feed.watch(["job"], {"job": a_step(0, step - 1).revision}) as watch:
            await store.write(a_step(step, step))
            assert (await next_of(watch)).progress == step
            if step % 2:
                await asyncio.sleep(0.005)


async def test_a_confirmation_from_before_an_unsubscription_proves_nothing(raw: Any) -> None:
    live: list[str] = []
    channel = subscriptions.Subscriptions(
        raw, on_live=live.append, on_message=lambda *_: None, on_lost=lambda: None
    )
    async with raw.pubsub() as pubsub:
        await channel._adjust(pubsub, {"job"}, set())
        await channel._adjust(pubsub, set(), {"job"})
        await channel._adjust(pubsub, {"job"}, set())
    channel._confirm("job")
    assert not live
    channel._confirm("job")
    assert live == ["job"]


async def test_nonsense_in_a_channel_ends_nothing(
    feed: ProgressFeed, store: ProgressStore, jobs: JobStore, raw: Any
) -> None:
    await started(jobs)
    async with feed.watch(["job"]) as watch:
        await next_of(watch)
        await raw.publish(channel_of("job"), b"\xff{")
        await raw.publish(channel_of("job"), b'{"stage":"dreaming"}')
        await store.write(a_step(12))
        assert (await next_of(watch)).progress == 12


async def test_the_final_event_waits_for_the_record(
    feed: ProgressFeed, store: ProgressStore, jobs: JobStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    look_after(monkeypatch, 0.2)
    job = await started(jobs)
    async with feed.watch(["job"]) as watch:
        await next_of(watch)
        done = job.reached(99, job.revision + 500_000).complete((OUTPUT,), None, (), NOW, DAY)
        await store.write(progress_of(done.job))
        for told in await watch.next(0.5):
            assert not told.is_terminal
        await put(jobs, done)
        assert (await next_of(watch)).outputs


async def test_an_end_of_which_nobody_told_is_found(
    feed: ProgressFeed, jobs: JobStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The converter commits and dies before it publishes."""
    look_after(monkeypatch, 0.2)
    job = await started(jobs)
    async with feed.watch(["job"]) as watch:
        await next_of(watch)
        await completed(jobs, job)
        assert (await next_of(watch)).is_terminal


async def test_what_was_published_while_the_connection_was_away_is_made_up_for(
    feed: ProgressFeed, store: ProgressStore, jobs: JobStore, raw: Any
) -> None:
    await started(jobs)
    async with feed.watch(["job"]) as watch:
        await next_of(watch)
        for step in range(1, 20):
            await raw.client_kill_filter(_type="pubsub", skipme=False)
            await store.write(a_step(step, step))
            assert (await next_of(watch)).progress == step


async def test_watchers_are_told_on_when_redis_is_back(
    own_redis: TestRedis, jobs: JobStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(feed_module, "CONFIRM_TIMEOUT", 0.1)
    await started(jobs, "before")
    await started(jobs, "meanwhile")
    async with raw_client(own_redis.url) as raw:
        store = ProgressStore(raw)
        reader = ProgressReader(store, jobs)
        async with feeding(own_redis, reader) as feed, feed.watch(["before"]) as before:
            await next_of(before)
            own_redis.kill()
            async with feed.watch(["meanwhile"]) as meanwhile:
                await next_of(meanwhile)
                await own_redis.start_again()
                await settled(raw, {"job:before": 1, "job:meanwhile": 1})
                for step in (1, 2, 3):
                    await store.write(a_step(step, step, job_id="before"))
                    await store.write(a_step(step, step, job_id="meanwhile"))
                    assert (await next_of(before)).progress == step
                    assert (await next_of(meanwhile)).progress == step


async def test_without_redis_watchers_are_told_from_the_job_store(
    own_redis: TestRedis, jobs: JobStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    look_after(monkeypatch, 0.2)
    job = await started(jobs)
    async with raw_client(own_redis.url) as raw:
        reader = ProgressReader(ProgressStore(raw), jobs)
        async with feeding(own_redis, reader) as feed, feed.watch(["job"]) as watch:
            await next_of(watch)
            own_redis.kill()
            renewed = job.reached(60, job.revision + 60).renew(NOW, LONG)
            await put(jobs, renewed)
            assert (await next_of(watch)).progress == 60
            await completed(jobs, renewed.job)
            assert (await next_of(watch)).is_terminal
            async with feed.watch(["job"]) as late:
                assert (await next_of(late)).is_terminal


async def test_waits_can_be_ended_early(feed: ProgressFeed, jobs: JobStore) -> None:
    await started(jobs)
    async with feed.watch(["job"]) as watch:
        await next_of(watch)
        waiting = asyncio.create_task(watch.next(LONG))
        await asyncio.sleep(0)
        feed.wake_all()
        async with asyncio.timeout(5):
            assert await waiting == []
