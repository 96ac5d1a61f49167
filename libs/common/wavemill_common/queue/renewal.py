"""Renewal: keep the leases of running jobs alive, from a thread that a busy loop cannot starve.

It stops renewing when the event loop has not ticked for long: a process that hangs must lose its
jobs, or nobody would ever get them.
"""

import asyncio
import threading
import time
from collections.abc import Callable
from typing import Any, Self, cast

import structlog
from redis import Redis

from wavemill_common.connections import REDIS_ERRORS
from wavemill_common.queue.jobs import Lease
from wavemill_common.queue.scripts import GROUP, RENEW

log = structlog.get_logger(__name__)

TICK_EVERY = 1.0  # seconds


class Renewal:
    """Renews leases every `every` seconds until told to stop. An asynchronous context manager.

    `on_lost` is called in the event loop for each lease that the consumer no longer owns. That
    is a hint, not a verdict: Redis may have forgotten it, so ask the job store who owns the job.
    """

    def __init__(
        self,
        client: Redis,
        consumer: str,
        *,
        every: float,
        loop_stall: float,
        on_lost: Callable[[Lease], None],
    ) -> None:
        self._redis = cast("Any", client)
        self._consumer = consumer
        self._every = every
        self._loop_stall = loop_stall
        self._on_lost = on_lost
        self._leases: dict[tuple[str, str], Lease] = {}
        self._lock = threading.Lock()
        self._stopping = threading.Event()
        self._ticked = time.monotonic()

    def keep(self, lease: Lease) -> None:
        """Renew this lease from now on."""
        with self._lock:
            self._leases[lease.place] = lease

    def drop(self, lease: Lease) -> None:
        """Renew this lease no longer."""
        with self._lock:
            self._leases.pop(lease.place, None)

    async def __aenter__(self) -> Self:
        self._loop = asyncio.get_running_loop()
        self._ticker = self._loop.create_task(self._tick())
        self._thread = threading.Thread(target=self._run, name="renewal", daemon=True)
        self._thread.start()
        return self

    async def __aexit__(self, *_: object) -> None:
        self._stopping.set()
        self._ticker.cancel()
        await asyncio.to_thread(self._thread.join)
        self._redis.close()

    async def _tick(self) -> None:
        while True:
            self._ticked = time.monotonic()
            await asyncio.sleep(min(TICK_EVERY, self._loop_stall / 4))

    def _run(self) -> None:
        while not self._stopping.wait(self._every):
            if time.monotonic() - self._ticked > self._loop_stall:
                log.error("renewal_paused", reason="the event loop does not tick")
                continue
            try:
                self._renew_all()
            except REDIS_ERRORS as error:
                # The fence protects the results; the work goes on.
                log.warning("renewal_failed", reason=repr(error))
            except Exception:
                # Whatever it is: without this thread every job here would be run twice.
                log.exception("renewal_failed")

    def _renew_all(self) -> None:
        by_stream: dict[str, dict[str, Lease]] = {}
        with self._lock:
            for lease in self._leases.values():
                by_stream.setdefault(lease.stream, {})[lease.entry_id] = lease
        for stream, leases in by_stream.items():
            lost = self._redis.eval(RENEW, 1, stream, GROUP, self._consumer, *leases)
            for entry_id in lost:
                lease = leases[entry_id.decode()]
                self.drop(lease)
                self._loop.call_soon_threadsafe(self._on_lost, lease)
