"""The queue's protocol, against a real server: who holds an entry, who may take it, what is left.

Every entry here has a job id as its only content; the job store has no part in these tests.
"""

import asyncio
import time
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import suppress
from typing import Any, cast

import pytest
from redis.exceptions import ResponseError

from support.redis import TestRedis, raw_client
from support.server import eventually
from wavemill_common.connections import REDIS_ERRORS, connect, connect_blocking
from wavemill_common.jobs import Lane
from wavemill_common.queue import scripts
from wavemill_common.queue.consumer import Consumer
from wavemill_common.queue.jobs import JobQueue, Lease
from wavemill_common.queue.lanes import STREAMS, stream_of
from wavemill_common.queue.renewal import Renewal

STREAM = stream_of(Lane.STANDARD)
IDLE = 0.15  # seconds after which these tests take an entry for an orphan
RENEW = 0.03


@pytest.fixture
async def me(queue: JobQueue, raw: Any) -> Consumer:
    return Consumer(raw, queue, "host-1-me")


@pytest.fixture
async def other(queue: JobQueue, redis_server: TestRedis) -> AsyncIterator[Consumer]:
    async with connect(redis_server.url) as client:
        yield Consumer(client, queue, "host-2-other")


class Losses(list[Lease]):
    """A renewal's `on_lost` that remembers."""

    @property
    def jobs(self) -> list[str]:
        return [lease.job_id for lease in self]


def renewal(server: TestRedis, consumer: Consumer, losses: Losses, **times: float) -> Renewal:
    times = {"every": RENEW, "loop_stall": 5.0} | times
    client = connect_blocking(server.url, reply_timeout=1.0)
    return Renewal(client, consumer.name, on_lost=losses.append, **times)


async def filled(queue: JobQueue, *job_ids: str, lane: Lane = Lane.STANDARD) -> None:
    for job_id in job_ids:
        assert await queue.enqueue(job_id, lane)


async def owner_of(raw: Any, lease: Lease) -> str | None:
    found = await raw.xpending_range(lease.stream, scripts.GROUP, lease.entry_id, lease.entry_id, 1)
    return found[0]["consumer"].decode() if found else None


async def idle_for(raw: Any, *leases: Lease, seconds: float) -> None:
    """Wait until Redis says that nobody has touched these entries for so long."""
    async with asyncio.timeout(10):
        for lease in leases:
            while True:
                place = (lease.entry_id, lease.entry_id, 1)
                found = await raw.xpending_range(lease.stream, scripts.GROUP, *place)
                left = seconds - found[0]["time_since_delivered"] / 1000
                if left <= 0:
                    break
                await asyncio.sleep(left)


async def nothing_left(raw: Any) -> bool:
    """Whether no entry, no pending entry and no index row is left."""
    pending = [(await raw.xpending(stream, scripts.GROUP))["pending"] for stream in STREAMS]
    lengths = [await raw.xlen(stream) for stream in STREAMS]
    return not any(pending) and not any(lengths) and not await raw.exists(scripts.INDEX)


# --- enqueue ---


async def test_a_job_is_queued_once_however_often_and_wherever_it_is_enqueued(
    queue: JobQueue, raw: Any
) -> None:
    added = await asyncio.gather(
        *(queue.enqueue("job", lane) for lane in (Lane.STANDARD, Lane.BULK) for _ in range(10))
    )
    assert added.count(True) == 1
    assert sum([await raw.xlen(stream) for stream in STREAMS]) == 1
    assert await queue.queued(["job", "other"]) == {"job"}
    assert await queue.queued([]) == set()


async def test_a_finished_job_may_be_queued_again(queue: JobQueue, me: Consumer) -> None:
    await filled(queue, "job")
    [lease] = await me.claim(1)
    assert not await queue.enqueue("job", Lane.STANDARD)
    await queue.finish(lease)
    assert await queue.enqueue("job", Lane.STANDARD)


# --- claim ---


async def test_lanes_are_served_in_their_weights(queue: JobQueue, me: Consumer) -> None:
    for lane in Lane:
        await filled(queue, *(f"{lane.value}-{one}" for one in range(20)), lane=lane)
    served = [(await me.claim(1))[0].job_id.split("-")[0] for _ in range(14)]
    assert Counter(served) == {"interactive": 8, "standard": 4, "bulk": 2}
    assert Counter(served[:7]) == {"interactive": 4, "standard": 2, "bulk": 1}


async def test_an_empty_lane_holds_up_no_other(queue: JobQueue, me: Consumer) -> None:
    await filled(queue, "a", "b", lane=Lane.BULK)
    leases = await me.claim(5)
    assert [lease.job_id for lease in leases] == ["a", "b"]
    assert not any(lease.reclaimed for lease in leases)


async def test_no_more_is_claimed_than_there_are_slots(queue: JobQueue, me: Consumer) -> None:
    await filled(queue, *"abcde")
    assert [lease.job_id for lease in await me.claim(2)] == ["a", "b"]


async def test_a_waiting_claim_wakes_at_once(queue: JobQueue, me: Consumer, raw: Any) -> None:
    waiting = asyncio.create_task(me.claim(1))
    async with asyncio.timeout(5):
        while not (await raw.info("clients"))["blocked_clients"]:
            await asyncio.sleep(0.01)
    began = time.monotonic()
    await filled(queue, "job", lane=Lane.BULK)
    [lease] = await waiting
    assert lease.job_id == "job"
    assert time.monotonic() - began < 0.5


async def test_two_consumers_never_get_the_same_entry(
    queue: JobQueue, me: Consumer, other: Consumer
) -> None:
    await filled(queue, *(f"job{one}" for one in range(40)))

    async def take(consumer: Consumer) -> list[str]:
        return [lease.job_id for _ in range(5) for lease in await consumer.claim(4)]

    mine, others = await asyncio.gather(take(me), take(other))
    assert len(mine) == len(others) == 20
    assert len(set(mine + others)) == 40


# --- sweep ---


async def test_only_what_has_been_left_alone_for_long_is_swept(
    queue: JobQueue, me: Consumer, other: Consumer, raw: Any
) -> None:
    await filled(queue, "old", "new")
    [old] = await other.claim(1)
    await idle_for(raw, old, seconds=IDLE)
    [new] = await other.claim(1)
    [swept] = await me.sweep(5, IDLE)
    assert (swept.job_id, swept.reclaimed, swept.place) == ("old", True, old.place)
    assert await owner_of(raw, old) == me.name
    assert await owner_of(raw, new) == other.name


async def test_orphans_of_all_lanes_are_swept(
    queue: JobQueue, me: Consumer, other: Consumer, raw: Any
) -> None:
    for lane in Lane:
        await filled(queue, lane.value, lane=lane)
    leases = [lease for _ in Lane for lease in await other.claim(1)]
    await idle_for(raw, *leases, seconds=IDLE)
    assert {lease.job_id for lease in await me.sweep(2, IDLE)} == {"interactive", "standard"}
    assert {lease.job_id for lease in await me.sweep(2, IDLE)} == {"bulk"}


@pytest.mark.parametrize("carried", [True, False])
async def test_orphans_behind_live_entries_are_reached_only_by_a_carried_cursor(
    queue: JobQueue, me: Consumer, other: Consumer, raw: Any, *, carried: bool
) -> None:
    """One scan looks at ten entries per slot, and there are more live ones in front of these."""
    live, orphans = 60, 50
    await filled(queue, *(f"live{one}" for one in range(live)))
    kept = await other.claim(live)
    await filled(queue, *(f"orphan{one}" for one in range(orphans)))
    lost = await other.claim(orphans)
    await raw.xclaim(
        STREAM, scripts.GROUP, other.name, 0, [one.entry_id for one in lost], idle=3_600_000,
        justid=True,
    )  # fmt: skip
    swept: list[str] = []
    for _ in range(2 * (live + orphans) // 4):
        swept += [lease.job_id for lease in await me.sweep(4, 60)]
        if not carried:
            me._cursors[STREAM] = "0-0"
    assert not [job for job in swept if job.startswith("live")]
    assert len(kept) == live
    assert sorted(swept) == sorted(lease.job_id for lease in lost if carried)


async def test_a_swept_entry_is_never_swept_by_two(
    queue: JobQueue, me: Consumer, other: Consumer, raw: Any
) -> None:
    await filled(queue, *(f"job{one}" for one in range(20)))
    leases = await Consumer(raw, queue, "host-3-dead").claim(20)
    await idle_for(raw, leases[-1], seconds=IDLE)
    both = await asyncio.gather(*(one.sweep(20, IDLE) for one in (me, other)))
    swept = [lease.job_id for leases in both for lease in leases]
    assert len(swept) == len(set(swept)) == 20


# --- renewal ---


async def test_a_renewed_lease_is_never_swept(
    queue: JobQueue, me: Consumer, other: Consumer, redis_server: TestRedis
) -> None:
    await filled(queue, "job")
    [lease] = await me.claim(1)
    losses = Losses()
    async with renewal(redis_server, me, losses) as kept:
        kept.keep(lease)
        for _ in range(10):
            await asyncio.sleep(IDLE / 3)
            assert not await other.sweep(1, IDLE)
    assert not losses


async def test_renewal_does_not_take_an_entry_back(
    queue: JobQueue, me: Consumer, other: Consumer, raw: Any, redis_server: TestRedis
) -> None:
    await filled(queue, "job")
    [lease] = await me.claim(1)
    await idle_for(raw, lease, seconds=IDLE)
    assert len(await other.sweep(1, IDLE)) == 1
    losses = Losses()
    async with renewal(redis_server, me, losses) as zombie:
        zombie.keep(lease)
        await eventually(lambda: losses)
        await asyncio.sleep(3 * RENEW)
        assert await owner_of(raw, lease) == other.name
    assert losses.jobs == ["job"]


async def test_renewal_tells_what_a_wiped_redis_has_forgotten(
    queue: JobQueue, me: Consumer, redis_server: TestRedis
) -> None:
    await filled(queue, "a", "b")
    losses = Losses()
    async with renewal(redis_server, me, losses) as kept:
        for lease in await me.claim(2):
            kept.keep(lease)
        redis_server.flush()
        await eventually(lambda: len(losses) == 2)
    assert sorted(losses.jobs) == ["a", "b"]


async def test_renewal_keeps_entries_of_the_same_id_in_different_lanes_apart(
    me: Consumer, raw: Any, redis_server: TestRedis
) -> None:
    for lane in (Lane.STANDARD, Lane.BULK):
        await raw.xadd(stream_of(lane), {"j": lane.value}, id="7-1")
    leases = [*await me.claim(1), *await me.claim(1)]
    assert [lease.entry_id for lease in leases] == ["7-1", "7-1"]
    losses = Losses()
    async with renewal(redis_server, me, losses) as kept:
        for lease in leases:
            kept.keep(lease)
        kept.drop(leases[0])
        redis_server.flush()
        await eventually(lambda: losses)
    assert losses == [leases[1]]


async def test_renewal_ends_when_the_loop_does_not_tick(
    queue: JobQueue, me: Consumer, redis_server: TestRedis
) -> None:
    await filled(queue, "job")
    [lease] = await me.claim(1)
    with connect_blocking(redis_server.url) as blocking:
        async with renewal(redis_server, me, Losses(), loop_stall=0.1) as kept:
            kept.keep(lease)
            await asyncio.sleep(2 * RENEW)
            time.sleep(0.1 + RENEW + 2 * IDLE)  # noqa: ASYNC251 - the loop hangs
            [entry] = cast("Any", blocking).xpending_range(STREAM, scripts.GROUP, "-", "+", 1)
    assert entry["time_since_delivered"] > IDLE * 1000


async def test_renewal_outlives_an_unreachable_redis(
    own_redis: TestRedis,
) -> None:
    async with raw_client(own_redis.url) as raw:
        queue = JobQueue(raw)
        await queue.prepare()
        me = Consumer(raw, queue, "me")
        await filled(queue, "job")
        [lease] = await me.claim(1)
        losses = Losses()
        async with renewal(own_redis, me, losses) as kept:
            kept.keep(lease)
            assert (await raw.execute_command("WAITAOF", 1, 0, 5000))[0] == 1
            own_redis.kill()
            await asyncio.sleep(3 * RENEW)
            await own_redis.start_again()
            await asyncio.sleep(IDLE)
            found = await raw.xpending_range(STREAM, scripts.GROUP, "-", "+", 1)
            assert found[0]["time_since_delivered"] < IDLE * 1000
        assert not losses


# --- the end of an entry ---


async def test_a_finished_entry_leaves_nothing_behind(
    queue: JobQueue, me: Consumer, raw: Any
) -> None:
    await filled(queue, "job")
    [lease] = await me.claim(1)
    await queue.finish(lease)
    assert await nothing_left(raw)
    await queue.finish(lease)  # again does no harm


async def test_finishing_an_old_entry_does_not_touch_the_new_one_of_the_job(
    queue: JobQueue, me: Consumer, raw: Any
) -> None:
    await filled(queue, "job")
    [old] = await me.claim(1)
    await queue.finish(old)
    await filled(queue, "job", "other")
    await queue.finish(old)
    assert not await me.discard(old)
    assert await raw.xlen(STREAM) == 2
    assert await queue.queued(["job", "other"]) == {"job", "other"}


async def test_an_entry_can_be_discarded_only_by_its_holder(
    queue: JobQueue, me: Consumer, other: Consumer, raw: Any
) -> None:
    await filled(queue, "job")
    [lease] = await me.claim(1)
    assert not await other.discard(lease)
    assert await owner_of(raw, lease) == me.name
    assert await queue.queued(["job"]) == {"job"}
    assert await me.discard(lease)
    assert await nothing_left(raw)


@pytest.mark.parametrize("state", ["waiting", "claimed", "delayed"])
async def test_a_withdrawn_job_leaves_nothing_behind(
    queue: JobQueue, me: Consumer, raw: Any, state: str
) -> None:
    if state == "delayed":
        await queue.delay("job", Lane.STANDARD, 60)
    else:
        await filled(queue, "job")
    if state == "claimed":
        assert await me.claim(1)
    assert await queue.withdraw("job", Lane.STANDARD) is (state != "delayed")
    assert await nothing_left(raw)
    assert not await raw.zcard(scripts.DELAY)


async def test_withdrawing_touches_no_other_job(queue: JobQueue, raw: Any) -> None:
    await filled(queue, "job", "other")
    await queue.delay("other", Lane.STANDARD, 60)
    await queue.withdraw("job", Lane.STANDARD)
    assert await queue.queued(["job", "other"]) == {"other"}
    assert (await raw.xlen(STREAM), await raw.zcard(scripts.DELAY)) == (1, 1)


async def test_converters_hear_of_a_withdrawn_job(queue: JobQueue, raw: Any) -> None:
    listening = queue.withdrawn()
    heard = asyncio.ensure_future(anext(listening))
    async with asyncio.timeout(5):
        while not (await raw.pubsub_numsub(scripts.WITHDRAWN))[0][1]:
            await asyncio.sleep(0.01)
    await queue.withdraw("job", Lane.BULK)
    assert await heard == "job"
    await listening.aclose()  # type: ignore[attr-defined]


# --- delayed jobs ---


async def test_a_delayed_job_is_queued_in_its_lane_when_its_time_has_come(
    queue: JobQueue, me: Consumer, raw: Any
) -> None:
    await queue.delay("soon", Lane.BULK, 0.1)
    await queue.delay("later", Lane.STANDARD, 60)
    assert await queue.promote() == 0
    [(_, due)] = await raw.zrange(scripts.DELAY, 0, 0, withscores=True)
    promoted = 0
    async with asyncio.timeout(5):
        while not promoted:
            promoted = await queue.promote()
    seconds, micros = await raw.time()
    assert due <= seconds + micros / 1e6 < due + 0.5
    [lease] = await me.claim(5)
    assert (lease.job_id, lease.stream) == ("soon", stream_of(Lane.BULK))


async def test_a_delayed_job_is_promoted_once_by_many(queue: JobQueue, raw: Any) -> None:
    for one in range(150):
        await queue.delay(f"job{one}", Lane.STANDARD, 0)
    await filled(queue, "job7")
    assert sum(await asyncio.gather(*(queue.promote() for _ in range(5)))) == 150
    assert await raw.xlen(STREAM) == 150
    assert not await raw.zcard(scripts.DELAY)


# --- consumers ---


async def test_what_a_dead_consumer_held_can_be_claimed_at_once(
    queue: JobQueue, me: Consumer, other: Consumer
) -> None:
    await filled(queue, "a", lane=Lane.INTERACTIVE)
    await filled(queue, "b", lane=Lane.BULK)
    held = [*await other.claim(1), *await other.claim(1)]
    assert not await me.sweep(5, 60)
    assert await queue.release_consumer(other.name) == 2
    swept = await me.sweep(5, 60)
    assert {lease.place for lease in swept} == {lease.place for lease in held}
    assert await queue.release_consumer("nobody") == 0


async def test_a_consumer_that_still_holds_something_is_not_dropped(
    queue: JobQueue, me: Consumer, raw: Any
) -> None:
    await filled(queue, "job")
    [lease] = await me.claim(1)
    assert not await queue.drop_consumer(me.name)
    assert await owner_of(raw, lease) == me.name
    await queue.finish(lease)
    assert await queue.drop_consumer(me.name)
    assert me.name not in await queue.consumers()


async def test_a_consumer_that_leaves_gives_up_what_it_holds(
    queue: JobQueue, me: Consumer, other: Consumer
) -> None:
    await filled(queue, "job")
    await me.claim(1)
    await me.leave()
    assert [lease.job_id for lease in await other.sweep(1, 60)] == ["job"]


async def test_consumers_are_told_with_their_shortest_idle_time(
    queue: JobQueue, me: Consumer
) -> None:
    await filled(queue, "job")
    await me.claim(1)
    idle = await queue.consumers()
    assert 0 <= idle[me.name] < 5


# --- what Redis loses ---


@pytest.mark.parametrize("lost", ["everything", "groups"])
@pytest.mark.parametrize("way", ["claim", "sweep"])
async def test_the_group_comes_back_whoever_misses_it_first(
    queue: JobQueue, me: Consumer, raw: Any, lost: str, way: str
) -> None:
    await filled(queue, "before")
    if lost == "everything":
        await raw.flushall()
    else:
        for stream in STREAMS:
            await raw.xgroup_destroy(stream, scripts.GROUP)
    assert await (me.claim(1) if way == "claim" else me.sweep(1, IDLE)) == []
    await queue.enqueue("job", Lane.STANDARD)
    found = {lease.job_id for lease in await me.claim(5)}
    assert found == ({"job"} if lost == "everything" else {"before", "job"})


async def test_errors_other_than_a_lost_group_are_not_hidden(me: Consumer, raw: Any) -> None:
    await raw.delete(STREAM)
    await raw.set(STREAM, "not a stream")
    with pytest.raises(ResponseError, match="WRONGTYPE"):
        await me.claim(1)
    with pytest.raises(ResponseError, match="WRONGTYPE"):
        await me.sweep(1, IDLE)


async def test_entries_survive_a_killed_server(own_redis: TestRedis) -> None:
    async with raw_client(own_redis.url) as raw:
        queue = JobQueue(raw)
        await queue.prepare()
        me = Consumer(raw, queue, "me")
        await filled(queue, "claimed", "waiting")
        await queue.delay("delayed", Lane.BULK, 0)
        [lease] = await me.claim(1)
        await queue.set_epoch(await queue.life())
        assert (await raw.execute_command("WAITAOF", 1, 0, 5000))[0] == 1
        own_redis.kill()
        with pytest.raises(REDIS_ERRORS):
            await queue.enqueue("refused", Lane.STANDARD)
        await own_redis.start_again()
        assert await queue.knows_epoch()
        assert await owner_of(raw, lease) == "me"
        assert not await queue.enqueue("waiting", Lane.STANDARD)
        assert await queue.promote() == 1
        assert {one.job_id for _ in range(2) for one in await me.claim(5)} == {"waiting", "delayed"}


async def test_a_hanging_server_is_given_up_in_time(own_redis: TestRedis) -> None:
    async with connect(own_redis.url, reply_timeout=0.2) as client:
        queue = JobQueue(client)
        await queue.check()
        own_redis.pause()
        try:
            began = time.monotonic()
            with pytest.raises(REDIS_ERRORS):
                await queue.enqueue("job", Lane.STANDARD)
            assert time.monotonic() - began < 2
        finally:
            own_redis.resume()
        await queue.check()


# --- what is told ---


async def test_a_job_knows_its_place_in_its_lane(queue: JobQueue, me: Consumer) -> None:
    await filled(queue, *"abcd")
    assert [await queue.position(job, Lane.STANDARD) for job in "abcd"] == [1, 2, 3, 4]
    await me.claim(2)
    assert [await queue.position(job, Lane.STANDARD) for job in "abcd"] == [0, 0, 1, 2]
    assert await queue.position("unknown", Lane.STANDARD) is None


async def test_lanes_tell_how_full_they_are(queue: JobQueue, me: Consumer) -> None:
    await filled(queue, *"abc")
    await me.claim(1)
    stats = {one.lane: (one.waiting, one.pending) for one in await queue.stats()}
    assert stats == {"interactive": (0, 0), "standard": (2, 1), "bulk": (0, 0)}


# --- cancellation ---


async def test_a_cancellation_is_never_lost_in_the_middle_of_a_command(queue: JobQueue) -> None:
    async def ask_then_wait_for_ever() -> None:
        with suppress(*REDIS_ERRORS):
            await queue.queued(["job"])
        await asyncio.Event().wait()

    for steps in range(12):
        for _ in range(50):
            task = asyncio.create_task(ask_then_wait_for_ever())
            for _ in range(steps):
                await asyncio.sleep(0)
            task.cancel()
            done, _ = await asyncio.wait({task}, timeout=1)
            assert done, f"cancelled after {steps} steps, it went on"
    assert await queue.queued(["job"]) == set()  # and no reply has come to the wrong question
