"""Subscriptions: the channels of all watched jobs, on one connection that is made anew when lost.

One task sends and one reads. Watchers come and go without touching the connection: one that is
cancelled in mid-send would break it for all, and redis-py would mend it without telling anyone.
"""

import asyncio
from collections import Counter
from collections.abc import Callable, Iterable
from typing import Any, cast

import structlog
from redis.asyncio import Redis

from wavemill_common.connections import REDIS_ERRORS
from wavemill_common.progress.store import channel_of

log = structlog.get_logger(__name__)

KEEPALIVE_CHANNEL = "wavemill:feed"  # so that the connection is subscribed to something, always
RECONNECT_AFTER = 0.5  # seconds
READ_TIMEOUT = 1.0  # seconds


class Subscriptions:
    """Listens to the jobs that are wanted. `run` must be running.

    `on_live` hears of each job from whose channel nothing will be missed from now on, again
    after each reconnection; `on_message` hears of what is published; `on_lost` hears that
    things may be missed.
    """

    def __init__(
        self,
        client: Redis,
        *,
        on_live: Callable[[str], None],
        on_message: Callable[[str, bytes], None],
        on_lost: Callable[[], None],
    ) -> None:
        self._redis = cast("Any", client)
        self._on_live = on_live
        self._on_message = on_message
        self._on_lost = on_lost
        self._wanted: set[str] = set()
        self._changed: set[str] = set()
        self._change = asyncio.Event()
        self._asked: set[str] = set()  # what this connection was told to subscribe to
        self._live: set[str] = set()  # what it confirmed
        self._unconfirmed: Counter[str] = Counter()
        self.connected = False

    def want(self, job_ids: Iterable[str]) -> None:
        """Listen to these jobs too; `on_live` tells when that is so."""
        self._note(set(job_ids), self._wanted.update)

    def unwant(self, job_ids: Iterable[str]) -> None:
        """Listen to these jobs no longer."""
        self._note(set(job_ids), self._wanted.difference_update)

    async def run(self) -> None:
        """Listen until cancelled."""
        while True:
            try:
                await self._run_once()
            except* REDIS_ERRORS as group:
                log.warning("feed_disconnected", reason=repr(group.exceptions[0]))
            await asyncio.sleep(RECONNECT_AFTER)

    def _note(self, job_ids: set[str], change: Callable[[set[str]], None]) -> None:
        change(job_ids)
        self._changed |= job_ids
        self._change.set()

    async def _run_once(self) -> None:
        pubsub = self._redis.pubsub()
        try:
            await pubsub.subscribe(KEEPALIVE_CHANNEL)
            self.connected = True
            self._note(set(self._wanted), self._wanted.update)
            async with asyncio.TaskGroup() as group:
                group.create_task(self._send(pubsub))
                group.create_task(self._read(pubsub))
        finally:
            self.connected = False
            self._asked, self._live, self._unconfirmed = set(), set(), Counter()
            self._on_lost()
            await pubsub.aclose()

    async def _send(self, pubsub: Any) -> None:
        while True:
            await self._change.wait()
            self._change.clear()
            changed, self._changed = self._changed, set()
            await self._adjust(pubsub, changed & self._wanted, changed - self._wanted)

    async def _adjust(self, pubsub: Any, wanted: set[str], unwanted: set[str]) -> None:
        fresh, stale = wanted - self._asked, unwanted & self._asked
        for job_id in wanted & self._live:  # it left and came back before we looked
            self._on_live(job_id)
        self._asked |= fresh
        self._asked -= stale
        self._live -= stale
        self._unconfirmed.update(fresh)
        if stale:
            await pubsub.unsubscribe(*map(channel_of, stale))
        if fresh:
            await pubsub.subscribe(*map(channel_of, fresh))

    async def _read(self, pubsub: Any) -> None:
        while True:
            message = await pubsub.get_message(timeout=READ_TIMEOUT)
            if message is None or message["type"] not in {"subscribe", "message"}:
                continue
            job_id = message["channel"].decode().removeprefix(channel_of(""))
            if message["type"] == "message":
                self._on_message(job_id, message["data"])
            else:
                self._confirm(job_id)

    def _confirm(self, job_id: str) -> None:
        """Count confirmations: one that was asked for before an unsubscription proves nothing."""
        self._unconfirmed[job_id] -= 1
        if self._unconfirmed[job_id] > 0:
            return
        del self._unconfirmed[job_id]
        if job_id in self._asked:
            self._live.add(job_id)
            self._on_live(job_id)
