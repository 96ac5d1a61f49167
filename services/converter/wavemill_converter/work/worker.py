"""Worker: read the queue, keep the slots full, look after the leases, stop in good order."""

import asyncio
import random
from collections.abc import Awaitable, Coroutine
from contextlib import AsyncExitStack, nullcontext, suppress
from typing import Any, NoReturn
from uuid import uuid4

import structlog

from wavemill_common.connections import REDIS_ERRORS
from wavemill_common.errors import AppError
from wavemill_common.jobs import Job, JobStatus
from wavemill_common.queue.consumer import Consumer
from wavemill_common.queue.jobs import Lease
from wavemill_common.queue.renewal import Renewal
from wavemill_common.retry import retried
from wavemill_common.service import repeat
from wavemill_common.tracing import span
from wavemill_converter.metrics import ATTEMPTS, RECLAIMED, attempt_started
from wavemill_converter.work.attempt import Attempt, Stop
from wavemill_converter.work.commit import commit
from wavemill_converter.work.decide import Decision, decide
from wavemill_converter.work.deps import Deps
from wavemill_converter.work.following import judge_upload
from wavemill_converter.work.settle import settle
from wavemill_converter.work.traces import attempt_span, tell_outcome

log = structlog.get_logger(__name__)

SWEEP_JITTER = 0.25  # of the interval, so that converters don't sweep in step
HAND_OVER = 10.0  # seconds of the grace that are kept for handing jobs back
PAUSE = 0.5  # seconds, on average, before a failed read is tried again


class Worker:
    """Runs up to `slots` jobs at once. `deps` are shared by all of its attempts."""

    def __init__(self, deps: Deps, consumer: Consumer, slots: int) -> None:
        self._deps = deps
        self._consumer = consumer
        self._slots = slots
        self._slot = asyncio.Semaphore(slots)
        self._quarantine = asyncio.Semaphore(1)
        self._held: set[tuple[str, str]] = set()  # the entries that this worker looks after
        self._attempts: dict[tuple[str, str], Attempt] = {}  # those that are being worked on
        self._freed = asyncio.Event()
        self._overdue = False  # a sweep found no free slot: it comes before the next read
        self._ailing = False  # a store failed: look before the next read
        self._draining = False

    @property
    def running(self) -> int:
        """How many jobs this worker looks after."""
        return len(self._held)

    def lost(self, lease: Lease) -> None:
        """Hear that Redis no longer knows this worker as the owner of a lease."""
        attempt = self._attempts.get(lease.place)
        if attempt is not None:
            self._group.create_task(self._check(attempt))

    async def run(self, renewal: Renewal, stopping: asyncio.Event) -> None:
        """Work until `stopping` is set, then hand back what runs and leave the group."""
        self._renewal = renewal
        async with asyncio.TaskGroup() as self._group:
            loops = [self._group.create_task(loop) for loop in self._loops()]
            await stopping.wait()
            for loop in loops:
                loop.cancel()
            self._draining = True
            await self._finish_within(self._deps.drain_grace - HAND_OVER)
            for attempt in self._attempts.values():
                attempt.stop(Stop.DRAIN)
        with suppress(*REDIS_ERRORS):
            await self._consumer.leave()

    def _loops(self) -> tuple[Coroutine[Any, Any, None], ...]:
        hearing = self._hear_of_uploads()
        return self._read(), self._sweep(), self._listen(), self._promote(), hearing

    async def _finish_within(self, seconds: float) -> None:
        """Let running jobs come to their end, if they do in time; leases are renewed meanwhile."""
        with suppress(TimeoutError):
            async with asyncio.timeout(max(0.0, seconds)):
                while self._attempts:
                    self._freed.clear()
                    await self._freed.wait()

    async def _read(self) -> NoReturn:
        while True:
            while self._free <= 0:
                self._freed.clear()
                await self._freed.wait()
            await self._recover()
            if self._overdue:
                # New entries would take every slot as it comes free, for as long as there are any.
                await self._sweep_once()
            else:
                for lease in await self._try(self._consumer.claim(self._free)):
                    self._take(lease)

    async def _sweep(self) -> NoReturn:
        """Sweep at once, since a converter often starts because another died, then regularly."""
        timings = self._deps.timings
        while True:
            self._overdue = self._free <= 0
            if not self._overdue and not self._ailing:
                await self._sweep_once()
            jitter = random.uniform(1 - SWEEP_JITTER, 1 + SWEEP_JITTER)
            await asyncio.sleep(timings.sweep_every * jitter)

    async def _sweep_once(self) -> None:
        self._overdue = False
        sweeping = self._consumer.sweep(self._free, self._deps.timings.lease_ttl)
        for lease in await self._try(sweeping):
            log.info("entry_reclaimed", job=lease.job_id)
            RECLAIMED.inc()
            self._take(lease)

    async def _listen(self) -> NoReturn:
        while True:
            with suppress(*REDIS_ERRORS):
                async for job_id in self._deps.queue.withdrawn():
                    for attempt in list(self._attempts.values()):
                        if attempt.job.job_id == job_id:
                            await self._check(attempt)
            await asyncio.sleep(PAUSE)

    async def _hear_of_uploads(self) -> NoReturn:
        """Hear when more of an open upload arrives; a lost message costs half a second."""
        while True:
            with suppress(*REDIS_ERRORS):
                async for file_id in self._deps.queue.arrivals():
                    for attempt in list(self._attempts.values()):
                        attempt.heard_of(file_id)
            await asyncio.sleep(PAUSE)

    async def _promote(self) -> None:
        await repeat("promote", self._deps.timings.promote_every, self._deps.queue.promote)

    @property
    def _free(self) -> int:
        return self._slots - len(self._held)

    async def _try(self, reading: Awaitable[list[Lease]]) -> list[Lease]:
        try:
            return await reading
        except REDIS_ERRORS as error:
            log.warning("queue_read_failed", reason=repr(error))
            await asyncio.sleep(random.uniform(0, 2 * PAUSE))
            return []

    async def _recover(self) -> None:
        """Read nothing new while the job store is down: it could not be started."""
        while self._ailing:
            try:
                await self._deps.jobs.check(jobs_only=True)
            except AppError:
                await asyncio.sleep(random.uniform(0, 2 * PAUSE))
            else:
                self._ailing = False

    def _take(self, lease: Lease) -> None:
        if lease.place not in self._held:
            self._held.add(lease.place)
            self._consumer.begin(lease)
            self._group.create_task(self._look_after(lease))

    async def _look_after(self, lease: Lease) -> None:
        """Bring an entry to its end; one that cannot be is left for a later sweep."""
        self._renewal.keep(lease)
        try:
            async with AsyncExitStack() as slot:
                await self._work(lease, slot)
        except (AppError, *REDIS_ERRORS) as error:
            self._ailing = True
            log.warning("entry_left", job=lease.job_id, reason=repr(error))
        except Exception:
            log.exception("entry_left", job=lease.job_id)
        finally:
            self._renewal.drop(lease)
            self._held.discard(lease.place)
            self._consumer.end(lease)
            self._freed.set()

    async def _work(self, lease: Lease, slot: AsyncExitStack) -> None:
        job = await self._claim(lease, slot)
        if job is None:
            return
        structlog.contextvars.bind_contextvars(job=job.job_id, attempt=job.attempt)
        log.info("attempt_started", format=job.format)
        attempt_started(job)
        recorded = slot.enter_context(attempt_span(job))
        attempt = Attempt(self._deps, lease, job)
        self._attempts[lease.place] = attempt
        if self._draining:  # since before there was an attempt to be stopped
            attempt.stop(Stop.DRAIN)
        try:
            with self._deps.tools.lending.taken() if self._deps.tools.lending else nullcontext():
                change = await attempt.run()
        finally:
            del self._attempts[lease.place]
        tell_outcome(recorded, change)
        if change is None:
            log.info("attempt_lost")
            ATTEMPTS.labels("lost", "").inc()
            await self._consumer.discard(lease)
        else:
            with span("commit"):
                await commit(self._deps, self._consumer, lease, change, lambda: self._draining)

    async def _claim(self, lease: Lease, slot: AsyncExitStack) -> Job | None:
        """Start the job behind an entry once a slot is free; None where nothing is to start."""
        deps, reclaimed, waited = self._deps, lease.reclaimed, False
        while not self._draining:
            found = await retried(deps.jobs.jobs, [lease.job_id])
            job, now = found.get(lease.job_id), deps.now()
            decision = decide(job, reclaimed=reclaimed, now=now, max_strikes=deps.max_strikes)
            if job is not None and decision is Decision.START:
                decision = await judge_upload(deps, job)
            if job is None or decision is not Decision.START:
                await settle(deps, self._consumer, lease, job, decision)
                return None
            if not waited:
                # Whoever was there when a converter died waits for the slot apart.
                apart = job.quarantined or job.status is JobStatus.PROCESSING
                place = self._quarantine if apart else self._slot
                was_full, waited = place.locked(), True
                await slot.enter_async_context(place)
                if was_full:
                    continue  # the record may have changed meanwhile
            change = job.start(uuid4().hex, now, deps.timings.record_lease)
            if await retried(deps.jobs.apply, change):  # even if its reply was lost before
                return change.job
            reclaimed = False  # whoever was faster holds an entry of its own
        return None

    async def _check(self, attempt: Attempt) -> None:
        try:
            await attempt.check_ownership()
        except (AppError, *REDIS_ERRORS) as error:
            log.warning("ownership_unknown", job=attempt.job.job_id, reason=repr(error))
