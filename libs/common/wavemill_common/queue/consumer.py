"""Consumer: what a converter does with the queue: claim what is new, sweep what is orphaned."""

import os
import socket
import time
import uuid
from collections.abc import Callable
from typing import Any, cast

from redis.asyncio import Redis
from redis.exceptions import ResponseError

from wavemill_common.queue.jobs import JobQueue, Lease
from wavemill_common.queue.lanes import STREAMS
from wavemill_common.queue.scripts import DISCARD, GROUP, INDEX
from wavemill_common.queue.shares import LaneShares

BLOCK = 2.0  # seconds; well below the reply timeout, or an idle queue looks like a dead server


def consumer_name(host: str, pid: int, suffix: str) -> str:
    """A consumer's name; never used twice, since the suffix is random."""
    return f"{host}-{pid}-{suffix}"


def own_name() -> str:
    """The name of a consumer in this process."""
    return consumer_name(socket.gethostname(), os.getpid(), uuid.uuid4().hex[:8])


class Consumer:
    """One converter's place in the group. Raises what redis-py raises."""

    def __init__(
        self,
        client: Redis,
        queue: JobQueue,
        name: str,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._redis = cast("Any", client)
        self._queue = queue
        self.name = name
        self._clock = clock
        self._shares = LaneShares()
        self._turn = 0
        self._cursors = dict.fromkeys(STREAMS, "0-0")

    async def claim(self, count: int) -> list[Lease]:
        """Claim up to `count` (> 0) new entries; wait for some time where there are none.

        Where several lanes get their first entries in the same instant of waiting, one of each
        is returned, which may be more than `count`.
        """
        try:
            for stream in self._shares.order(self._turn, self._clock()):
                leases = await self._read([stream], count, block=None)
                if leases:
                    self._turn += 1
                    return leases
            return await self._read(list(STREAMS), 1, block=BLOCK)
        except ResponseError as error:
            await self._make_up_for(error)
            return []

    async def sweep(self, count: int, min_idle: float) -> list[Lease]:
        """Claim up to `count` entries that their consumers have left alone for `min_idle` seconds.

        The cursor is carried from call to call: started anew, a scan never gets behind the
        first live entries.
        """
        leases: list[Lease] = []
        try:
            for stream in STREAMS:
                if len(leases) < count:
                    leases += await self._sweep_stream(stream, count - len(leases), min_idle)
        except ResponseError as error:
            await self._make_up_for(error)
        return leases

    async def _sweep_stream(self, stream: str, count: int, min_idle: float) -> list[Lease]:
        reply = await self._redis.xautoclaim(
            stream,
            GROUP,
            self.name,
            int(min_idle * 1000),
            start_id=self._cursors[stream],
            count=count,
        )
        self._cursors[stream] = _text(reply[0])
        return _leases(stream, reply[1], reclaimed=True)

    def begin(self, lease: Lease) -> None:
        """Work on a lease begins: its time is its lane's."""
        self._shares.begin(lease.place, self._clock())

    def end(self, lease: Lease) -> None:
        """Work on a lease has ended."""
        self._shares.end(lease.place, self._clock())

    async def discard(self, lease: Lease) -> bool:
        """Take an entry out of the queue if this consumer still holds it; tell whether."""
        return bool(
            await self._redis.eval(
                DISCARD, 2, lease.stream, INDEX, GROUP, lease.entry_id, lease.job_id, self.name
            )
        )

    async def leave(self) -> None:
        """Leave the group; what this consumer still holds, anyone may claim now."""
        await self._queue.release_consumer(self.name)
        await self._queue.drop_consumer(self.name)

    async def _make_up_for(self, error: ResponseError) -> None:
        """Make the group anew where Redis has lost it; any other error passes through."""
        if "NOGROUP" not in str(error):
            raise error
        await self._queue.prepare()

    async def _read(self, streams: list[str], count: int, block: float | None) -> list[Lease]:
        reply = await self._redis.xreadgroup(
            GROUP,
            self.name,
            dict.fromkeys(streams, ">"),
            count=count,
            block=None if block is None else int(block * 1000),
        )
        return [
            lease
            for stream, entries in reply or ()
            for lease in _leases(_text(stream), entries, reclaimed=False)
        ]


def _leases(stream: str, entries: list[Any], *, reclaimed: bool) -> list[Lease]:
    """Read entries; one whose fields are gone was deleted while pending, and is nothing."""
    return [
        Lease(stream, _text(entry_id), _text(fields[b"j"]), reclaimed)
        for entry_id, fields in entries
        if fields
    ]


def _text(value: bytes | str) -> str:
    return value.decode() if isinstance(value, bytes) else value
