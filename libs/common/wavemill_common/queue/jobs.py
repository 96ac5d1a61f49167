"""JobQueue: what gateways and janitors do with the queue. Every step may be repeated."""

from collections.abc import AsyncIterator, Sequence
from typing import Any, cast
from uuid import uuid4

import msgspec
from msgspec import Struct
from redis.asyncio import Redis
from redis.exceptions import ResponseError

from wavemill_common.jobs import Lane
from wavemill_common.queue import scripts
from wavemill_common.queue.lanes import LANES, STREAMS, stream_of

PROMOTE_AT_ONCE = 100
LISTEN_TIMEOUT = 1.0  # seconds
DEAD_LIMIT = 10_000  # letters kept; the record of each job says the same, and for longer
POSITION_LIMIT = 1000  # a job further back than this is said to be at this place


class Lease(Struct, frozen=True):
    """An entry of the queue that one consumer holds. `reclaimed`: it was another's before."""

    stream: str
    entry_id: str
    job_id: str
    reclaimed: bool

    @property
    def place(self) -> tuple[str, str]:
        """What no other entry has: two streams may well give the same entry id."""
        return self.stream, self.entry_id


class LaneStats(Struct, frozen=True, rename="camel"):
    """How full a lane is: entries waiting to be read, and entries being worked on."""

    lane: str
    waiting: int
    pending: int


class DeadLetter(Struct, frozen=True, rename="camel"):
    """A job that was given up: why, at which attempt, when (seconds since 1970, Redis' clock)."""

    job_id: str
    code: str
    attempt: int
    buried_at: float


class _Verdict(Struct, frozen=True):
    code: str
    attempt: int


class JobQueue:
    """An index of the jobs to be done, on one shard. Raises what redis-py raises."""

    def __init__(self, client: Redis) -> None:
        # redis-py types every reply as a union of all commands' replies: decode them here.
        self._redis = cast("Any", client)

    async def prepare(self) -> None:
        """Make the streams and the consumer group where they are missing."""
        for stream in STREAMS:
            try:
                await self._redis.xgroup_create(stream, scripts.GROUP, id="0", mkstream=True)
            except ResponseError as error:
                if "BUSYGROUP" not in str(error):
                    raise

    async def enqueue(self, job_id: str, lane: Lane) -> bool:
        """Queue a job unless it is queued already; tell whether it was added."""
        added = await self._redis.eval(scripts.ENQUEUE, 2, stream_of(lane), scripts.INDEX, job_id)
        return added is not None

    async def finish(self, lease: Lease) -> None:
        """Take an entry out of the queue, whoever holds it: the job store has decided."""
        await self._redis.eval(
            scripts.FINISH,
            2,
            lease.stream,
            scripts.INDEX,
            scripts.GROUP,
            lease.entry_id,
            lease.job_id,
        )

    async def withdraw(self, job_id: str, lane: Lane) -> bool:
        """Take a cancelled job out of the queue and tell converters; tell whether it was in it."""
        keys = (scripts.INDEX, stream_of(lane), scripts.DELAY)
        arguments = (scripts.GROUP, job_id, _delayed(job_id, lane), scripts.WITHDRAWN)
        return bool(await self._redis.eval(scripts.WITHDRAW, len(keys), *keys, *arguments))

    async def withdrawn(self) -> AsyncIterator[str]:
        """Listen for the ids of jobs that are withdrawn, until the connection fails."""
        async for job_id in self._heard(scripts.WITHDRAWN):
            yield job_id

    async def tell_arrival(self, file_id: str) -> None:
        """Tell converters that there is news of an open upload: more of it, or its end."""
        await self._redis.publish(scripts.ARRIVED, file_id)

    async def arrivals(self) -> AsyncIterator[str]:
        """Listen for the ids of open uploads that there is news of, until the connection fails."""
        async for file_id in self._heard(scripts.ARRIVED):
            yield file_id

    async def _heard(self, channel: str) -> AsyncIterator[str]:
        async with self._redis.pubsub(ignore_subscribe_messages=True) as pubsub:
            await pubsub.subscribe(channel)
            while True:
                message = await pubsub.get_message(timeout=LISTEN_TIMEOUT)
                if message is not None:
                    yield message["data"].decode(errors="replace")

    async def delay(self, job_id: str, lane: Lane, seconds: float) -> None:
        """Queue a job later: `promote` moves it once `seconds` have passed."""
        member = _delayed(job_id, lane)
        await self._redis.eval(scripts.DELAY_JOB, 1, scripts.DELAY, member, seconds)

    async def promote(self) -> int:
        """Queue the delayed jobs whose time has come; return how many there were."""
        keys = (scripts.DELAY, scripts.INDEX, *STREAMS)
        return int(await self._redis.eval(scripts.PROMOTE, len(keys), *keys, PROMOTE_AT_ONCE))

    async def queued(self, job_ids: Sequence[str]) -> set[str]:
        """Tell which of these jobs have an entry; a delayed one has none before its time."""
        if not job_ids:
            return set()
        found = await self._redis.hmget(scripts.INDEX, list(job_ids))
        return {job_id for job_id, entry in zip(job_ids, found, strict=True) if entry}

    async def position(self, job_id: str, lane: Lane) -> int | None:
        """How many jobs of the lane are served up to this one; None where it is not queued."""
        found = await self._redis.eval(
            scripts.POSITION,
            2,
            scripts.INDEX,
            stream_of(lane),
            scripts.GROUP,
            job_id,
            POSITION_LIMIT,
        )
        return None if found is None else int(found)

    async def knows_epoch(self) -> bool:
        """Whether Redis is the one that was filled before; False after it lost everything."""
        return bool(await self._redis.exists(scripts.EPOCH))

    async def life(self) -> str:
        """A name of what Redis holds: once it has lost everything it has another."""
        await self._redis.set(scripts.LIFE, uuid4().hex, nx=True)
        found = await self._redis.get(scripts.LIFE)
        return "" if found is None else str(found, "utf-8")

    async def set_epoch(self, life: str) -> bool:
        """Mark Redis as filled: everything that was live has been enqueued during this life.

        False where Redis has lost everything meanwhile: then what was enqueued is gone again.
        """
        keys = (scripts.LIFE, scripts.EPOCH)
        return bool(await self._redis.eval(scripts.SET_EPOCH, len(keys), *keys, life))

    async def consumers(self) -> dict[str, float]:
        """All consumers of the group → for how many seconds each has been idle, at the least."""
        idle: dict[str, float] = {}
        await self.prepare()
        for stream in STREAMS:
            for consumer in await self._redis.xinfo_consumers(stream, scripts.GROUP):
                name = str(consumer["name"], "utf-8")
                seconds = consumer["idle"] / 1000
                idle[name] = min(seconds, idle.get(name, seconds))
        return idle

    async def drop_consumer(self, consumer: str) -> bool:
        """Forget a consumer, unless it still holds entries; tell whether it is gone."""
        gone = [
            await self._redis.eval(scripts.DROP_CONSUMER, 1, stream, scripts.GROUP, consumer)
            for stream in STREAMS
        ]
        return all(gone)

    async def release_consumer(self, consumer: str) -> int:
        """Let anyone claim a dead consumer's entries now; return how many there were."""
        freed = 0
        for stream in STREAMS:
            freed += int(
                await self._redis.eval(scripts.RELEASE_CONSUMER, 1, stream, scripts.GROUP, consumer)
            )
        return freed

    async def stats(self) -> list[LaneStats]:
        """Tell how full each lane is."""
        rows = []
        for lane, stream in zip(LANES, STREAMS, strict=True):
            length = int(await self._redis.xlen(stream))
            summary = await self._redis.xpending(stream, scripts.GROUP)
            pending = int(summary["pending"])
            rows.append(LaneStats(lane.value, max(0, length - pending), pending))
        return rows

    async def bury(self, job_id: str, code: str, attempt: int) -> None:
        """Leave a dead letter of a job that was given up. Again for the same job: the newer one.

        A sorted set by time with a hash beside it, not a stream: a repeat makes no second letter,
        a replay finds its letter by the job's id, and the oldest fall off at `DEAD_LIMIT`.
        """
        body = msgspec.json.encode(_Verdict(code, attempt))
        await self._redis.eval(scripts.BURY, 2, *_DEAD, job_id, body, DEAD_LIMIT)

    async def dead(self, limit: int) -> list[DeadLetter]:
        """Read up to `limit` (> 0) dead letters, the newest first."""
        letters = []
        for job_id, buried_at, body in await self._redis.eval(scripts.LIST_DEAD, 2, *_DEAD, limit):
            verdict = msgspec.json.decode(body or b'{"code":"","attempt":0}', type=_Verdict)
            when = float(buried_at)
            letters.append(DeadLetter(job_id.decode(), verdict.code, verdict.attempt, when))
        return letters

    async def undead(self, job_id: str) -> bool:
        """Take back a job's dead letter; tell whether there was one."""
        return bool(await self._redis.eval(scripts.UNDEAD, 2, *_DEAD, job_id))

    async def check(self) -> None:
        """Return if the server answers; raise what is wrong otherwise."""
        await self._redis.ping()


_DEAD = (scripts.DEAD, scripts.DEAD_DETAILS)


def _delayed(job_id: str, lane: Lane) -> str:
    """How the sorted set of delayed jobs names a job and the lane that it waits for."""
    return f"{LANES.index(lane)}|{job_id}"
