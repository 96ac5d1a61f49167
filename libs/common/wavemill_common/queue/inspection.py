"""QueueInspector: what operators see of the queue and of the server below it. Changes nothing."""

import time
from typing import Any, cast

from msgspec import Struct
from redis.asyncio import Redis
from redis.exceptions import ResponseError

from wavemill_common.queue import scripts
from wavemill_common.queue.lanes import LANES, STREAMS

KEYS_AT_ONCE = 1000
# What may stay in Redis without an end; all else expires by itself.
LASTING_KEYS = frozenset(
    {
        *STREAMS,
        scripts.INDEX,
        scripts.DELAY,
        scripts.EPOCH,
        scripts.LIFE,
        scripts.DEAD,
        scripts.DEAD_DETAILS,
        scripts.CONVERTERS,
        f"{scripts.CONVERTERS}:details",
    }
)


class LaneReport(Struct, frozen=True, kw_only=True, rename="camel"):
    """A lane: entries nobody has read, entries being worked on, whether its group is there.

    `lag` is what the group itself counts as not read, None where Redis cannot tell;
    `oldest_waiting` the age in seconds of the first entry that nobody has read, None without one.
    """

    lane: str
    waiting: int
    pending: int
    has_group: bool
    lag: int | None = None
    oldest_waiting: float | None = None


class ConsumerReport(Struct, frozen=True, kw_only=True, rename="camel"):
    """A consumer: the entries it holds, and the seconds since it last spoke on any lane."""

    name: str
    pending: int
    idle: float


class QueueReport(Struct, frozen=True, kw_only=True, rename="camel"):
    """The whole queue. `epoch` is None after Redis lost everything, until it is filled again."""

    lanes: tuple[LaneReport, ...]
    consumers: tuple[ConsumerReport, ...]
    delayed: int
    dead: int
    epoch: str | None


class Entry(Struct, frozen=True, kw_only=True, rename="camel"):
    """An entry of a lane. Ages in seconds; `consumer` and `idle` are None until it is read."""

    lane: str
    entry_id: str
    job_id: str
    age: float
    consumer: str | None
    idle: float | None
    deliveries: int


class ServerReport(Struct, frozen=True, kw_only=True, rename="camel"):
    """The server: what it is, whether it keeps what it is given, how far its clock is ahead."""

    version: str
    eviction: str
    append_only: bool
    clock_ahead: float


class QueueInspector:
    """Looks at the queue of one shard. Raises what redis-py raises."""

    def __init__(self, client: Redis) -> None:
        self._redis = cast("Any", client)

    async def report(self) -> QueueReport:
        """Tell how full everything is; works on an empty server too."""
        lanes, consumers = [], dict[str, ConsumerReport]()
        now = await self._now()
        for lane, stream in zip(LANES, STREAMS, strict=True):
            length = int(await self._redis.xlen(stream))
            group = await self._group(stream)
            pending = int(group["pending"]) if group else 0
            lanes.append(
                LaneReport(
                    lane=lane.value,
                    waiting=max(0, length - pending),
                    pending=pending,
                    has_group=group is not None,
                    lag=group.get("lag") if group else None,
                    oldest_waiting=await self._oldest_waiting(stream, group, now),
                )
            )
            for one in await self._consumers(stream) if group else ():
                consumers[one.name] = _merged(one, consumers.get(one.name))
        epoch = await self._redis.get(scripts.EPOCH)
        return QueueReport(
            lanes=tuple(lanes),
            consumers=tuple(sorted(consumers.values(), key=lambda one: one.name)),
            delayed=int(await self._redis.zcard(scripts.DELAY)),
            dead=int(await self._redis.zcard(scripts.DEAD)),
            epoch=None if epoch is None else _text(epoch),
        )

    async def peek(self, count: int) -> list[Entry]:
        """Show the first `count` entries of each lane, the longest queued first."""
        now = await self._now()
        entries: list[Entry] = []
        for lane, stream in zip(LANES, STREAMS, strict=True):
            rows = await self._redis.xrange(stream, count=count)
            held = await self._held(stream, [_text(row[0]) for row in rows])
            entries += [_entry(lane.value, row, held.get(_text(row[0])), now) for row in rows]
        return entries

    async def held(self, count: int) -> list[Entry]:
        """The first `count` entries of each lane that consumers hold, the longest queued first."""
        now = await self._now()
        entries: list[Entry] = []
        for lane, stream in zip(LANES, STREAMS, strict=True):
            if await self._group(stream) is None:
                continue
            pending = await self._redis.xpending_range(stream, scripts.GROUP, "-", "+", count)
            pipeline = self._redis.pipeline(transaction=False)
            for one in pending:
                pipeline.xrange(stream, one["message_id"], one["message_id"])
            found = await pipeline.execute() if pending else []
            entries += [
                _entry(lane.value, rows[0], one, now)
                for one, rows in zip(pending, found, strict=True)
                if rows  # it may have been finished just now
            ]
        return entries

    async def server(self) -> ServerReport:
        """Ask the server what it is; INFO is allowed where CONFIG is not."""
        about = await self._redis.info("server")
        memory = await self._redis.info("memory")
        persistence = await self._redis.info("persistence")
        before = time.time()
        seconds, micros = await self._redis.time()
        middle = (before + time.time()) / 2
        return ServerReport(
            version=str(about.get("redis_version", "0")),
            eviction=str(memory.get("maxmemory_policy", "unknown")),
            append_only=bool(persistence.get("aof_enabled")),
            clock_ahead=seconds + micros / 1e6 - middle,
        )

    async def endless_keys(self, limit: int) -> list[str]:
        """Find up to `limit` keys without an end that are none of ours."""
        found: list[str] = []
        batch: list[bytes] = []
        async for key in self._redis.scan_iter(count=KEYS_AT_ONCE):
            batch.append(key)
            if len(batch) == KEYS_AT_ONCE:
                found += await self._without_end(batch)
                batch = []
            if len(found) >= limit:
                break
        found += await self._without_end(batch)
        return sorted(set(found))[:limit]

    async def _without_end(self, keys: list[bytes]) -> list[str]:
        others = [key for key in keys if key.decode(errors="replace") not in LASTING_KEYS]
        pipeline = self._redis.pipeline(transaction=False)
        for key in others:
            pipeline.ttl(key)
        ends = await pipeline.execute() if others else []
        return [
            key.decode(errors="replace")
            for key, end in zip(others, ends, strict=True)
            if end == -1  # -2: it has just gone
        ]

    async def _now(self) -> float:
        """The server's clock, by which entries are named."""
        seconds, micros = await self._redis.time()
        return float(seconds + micros / 1e6)

    async def _oldest_waiting(
        self, stream: str, group: dict[str, Any] | None, now: float
    ) -> float | None:
        read = _text(group["last-delivered-id"]) if group else "0-0"
        rows = await self._redis.xrange(stream, min=f"({read}", count=1)
        return _age(_text(rows[0][0]), now) if rows else None

    async def _group(self, stream: str) -> dict[str, Any] | None:
        try:
            groups = await self._redis.xinfo_groups(stream)
        except ResponseError as error:
            if "no such key" in str(error):
                return None
            raise
        return next((one for one in groups if _text(one["name"]) == scripts.GROUP), None)

    async def _consumers(self, stream: str) -> list[ConsumerReport]:
        rows = await self._redis.xinfo_consumers(stream, scripts.GROUP)
        return [
            ConsumerReport(
                name=_text(row["name"]), pending=int(row["pending"]), idle=row["idle"] / 1000
            )
            for row in rows
        ]

    async def _held(self, stream: str, ids: list[str]) -> dict[str, Any]:
        """Who holds which of these entries, which are in order."""
        if not ids or await self._group(stream) is None:
            return {}
        pending = await self._redis.xpending_range(stream, scripts.GROUP, ids[0], ids[-1], len(ids))
        return {_text(one["message_id"]): one for one in pending}


def _merged(one: ConsumerReport, other: ConsumerReport | None) -> ConsumerReport:
    if other is None:
        return one
    return ConsumerReport(
        name=one.name, pending=one.pending + other.pending, idle=min(one.idle, other.idle)
    )


def _entry(lane: str, row: tuple[Any, Any], held: dict[str, Any] | None, now: float) -> Entry:
    entry_id = _text(row[0])
    return Entry(
        lane=lane,
        entry_id=entry_id,
        job_id=_text(row[1].get(b"j", b"")),
        age=_age(entry_id, now),
        consumer=_text(held["consumer"]) if held else None,
        idle=held["time_since_delivered"] / 1000 if held else None,
        deliveries=int(held["times_delivered"]) if held else 0,
    )


def _age(entry_id: str, now: float) -> float:
    """Seconds since an entry was added: its id begins with the milliseconds of that."""
    return max(0.0, now - int(entry_id.split("-", maxsplit=1)[0]) / 1000)


def _text(value: bytes | str) -> str:
    return value.decode() if isinstance(value, bytes) else value
