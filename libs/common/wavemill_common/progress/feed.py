"""ProgressFeed: fan the progress of jobs out to all who watch, over one Redis connection.

Each watched job has one channel. Joining is free of a race: subscribe, wait for the confirmation,
read the snapshot, then drop whatever is older. A slow watcher holds the newest value of each job,
never a queue. While Redis is down, watched jobs are read from the job store instead.
"""

import asyncio
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager, suppress

import structlog
from msgspec import MsgspecError
from redis.asyncio import Redis

from wavemill_common.errors import AppError
from wavemill_common.progress.reader import STALE_AFTER, ProgressReader
from wavemill_common.progress.snapshot import Progress
from wavemill_common.progress.store import decode_progress
from wavemill_common.progress.subscriptions import Subscriptions

log = structlog.get_logger(__name__)

CONFIRM_TIMEOUT = 1.0  # seconds to wait for a subscription before going on without
LOOK_EVERY = 1.0  # seconds between looks for jobs that have been silent


class Watch:
    """One watcher's newest, not yet taken progress of each of its jobs.

    There may be ten thousand, so one is small: a future while it waits, no Event, no Timeout. Its
    alarm outlasts a wait: to set one anew for each took an eighth of a broadcast.
    """

    __slots__ = ("_alarm", "_due", "_news", "_seen", "_waiting", "_woken")

    def __init__(self, seen: dict[str, int]) -> None:
        self._seen = seen  # job id → the newest revision offered
        self._news: dict[str, Progress] = {}
        self._woken = False
        self._waiting: asyncio.Future[None] | None = None
        self._alarm: asyncio.TimerHandle | None = None
        self._due = 0.0  # when the present wait ends, by the loop's clock

    def offer(self, progress: Progress) -> None:
        """Take note of a progress, unless the watcher has had it or a newer one."""
        if progress.revision <= self._seen.get(progress.job_id, -1):
            return
        self._seen[progress.job_id] = progress.revision
        self._news[progress.job_id] = progress
        self.wake()

    def wake(self) -> None:
        """End a wait early."""
        self._woken = True
        self._end_wait()

    async def next(self, timeout: float) -> list[Progress]:  # noqa: ASYNC109 - none is no error
        """Wait for news, at most `timeout` seconds, and take all there are: perhaps none."""
        if not self._woken:
            loop = asyncio.get_running_loop()
            self._waiting = loop.create_future()
            self._due = loop.time() + timeout
            self._set_alarm(loop)
            try:
                await self._waiting
            finally:
                self._waiting = None
        self._woken = False
        news, self._news = list(self._news.values()), {}
        return news

    def close(self) -> None:
        """Let go of the alarm: nobody will wait any more."""
        if self._alarm is not None:
            self._alarm.cancel()
            self._alarm = None

    def _set_alarm(self, loop: asyncio.AbstractEventLoop) -> None:
        if self._alarm is not None:
            if self._alarm.when() <= self._due:
                return  # it rings, finds that it is too early, and is set anew
            self._alarm.cancel()
        self._alarm = loop.call_at(self._due, self._ring, loop)

    def _ring(self, loop: asyncio.AbstractEventLoop) -> None:
        rang, self._alarm = self._alarm, None
        if self._waiting is None or rang is None:
            return
        if rang.when() < self._due:
            self._set_alarm(loop)
        else:
            self._end_wait()

    def _end_wait(self) -> None:
        if self._waiting is not None and not self._waiting.done():
            self._waiting.set_result(None)


class _Job:
    """Who watches a job, and when it was last heard of."""

    def __init__(self, now: float) -> None:
        self.watches: set[Watch] = set()
        self.live = asyncio.Event()  # nothing that is published is missed
        self.missed = False  # something may have been, since the newest snapshot
        self.heard = now


class ProgressFeed:
    """Watches jobs for many at once. `run` must be running, in a task of its owner's."""

    def __init__(self, client: Redis, reader: ProgressReader) -> None:
        self._reader = reader
        self._jobs: dict[str, _Job] = {}
        self._subscriptions = Subscriptions(
            client, on_live=self._go_live, on_message=self._receive, on_lost=self._lose
        )
        self._unsettled: set[str] = set()  # jobs whose record must be read now
        self._wake = asyncio.Event()

    @asynccontextmanager
    async def watch(
        self, job_ids: Iterable[str], seen: dict[str, int] | None = None
    ) -> AsyncIterator[Watch]:
        """Watch jobs; `seen` are the revisions that the watcher had before it came (back)."""
        ids = list(dict.fromkeys(job_ids))
        watch = Watch(dict(seen or {}))
        try:
            await self._join(ids, watch)
            for progress in (await self._reader.many(ids)).values():
                watch.offer(progress)
            yield watch
        finally:
            watch.close()
            self._leave(ids, watch)

    def wake_all(self) -> None:
        """End all waits early: the server stops."""
        for job in self._jobs.values():
            for watch in job.watches:
                watch.wake()

    async def run(self) -> None:
        """Listen, and look after silent jobs, until cancelled."""
        async with asyncio.TaskGroup() as group:
            group.create_task(self._subscriptions.run())
            group.create_task(self._look_after())

    async def _join(self, job_ids: list[str], watch: Watch) -> None:
        now = asyncio.get_running_loop().time()
        fresh = [job_id for job_id in job_ids if job_id not in self._jobs]
        jobs = [self._jobs.setdefault(job_id, _Job(now)) for job_id in job_ids]
        for job in jobs:
            job.watches.add(watch)
        self._subscriptions.want(fresh)
        if self._subscriptions.connected:
            with suppress(TimeoutError):
                async with asyncio.timeout(CONFIRM_TIMEOUT):
                    for job in jobs:
                        await job.live.wait()
        for job in jobs:
            job.missed |= not job.live.is_set()

    def _leave(self, job_ids: list[str], watch: Watch) -> None:
        for job_id in job_ids:
            job = self._jobs.get(job_id)
            if job is None:
                continue
            job.watches.discard(watch)
            if not job.watches:
                del self._jobs[job_id]
                self._subscriptions.unwant([job_id])

    def _go_live(self, job_id: str) -> None:
        job = self._jobs.get(job_id)
        if job is None:
            return
        # Live once more without having been lost: the connection was mended behind our back.
        if job.missed or job.live.is_set():
            self._settle(job_id)
        job.missed = False
        job.live.set()

    def _lose(self) -> None:
        for job in self._jobs.values():
            job.live.clear()
            job.missed = True

    def _receive(self, job_id: str, body: bytes) -> None:
        job = self._jobs.get(job_id)
        if job is None:
            return
        job.heard = asyncio.get_running_loop().time()
        try:
            progress = decode_progress(body)
        except MsgspecError as error:  # another version of us has more to tell
            log.warning("progress_not_understood", job=job_id, reason=repr(error))
            return
        if progress.is_terminal:
            self._settle(job_id)  # the record tells the end
        else:
            self._offer(job_id, progress)

    def _settle(self, job_id: str) -> None:
        self._unsettled.add(job_id)
        self._wake.set()

    def _offer(self, job_id: str, progress: Progress) -> None:
        job = self._jobs.get(job_id)
        for watch in job.watches if job else ():
            watch.offer(progress)

    async def _look_after(self) -> None:
        while True:
            with suppress(TimeoutError):
                async with asyncio.timeout(LOOK_EVERY):
                    await self._wake.wait()
            self._wake.clear()
            try:
                await self._reread()
            except AppError as error:
                log.warning("feed_reread_failed", reason=repr(error))

    async def _reread(self) -> None:
        now = asyncio.get_running_loop().time()
        silent = {job_id for job_id, job in self._jobs.items() if now - job.heard > STALE_AFTER}
        # What becomes unsettled while we read must be read once more: take what there is now.
        unsettled, self._unsettled = self._unsettled, set()
        asked = [job_id for job_id in silent | unsettled if job_id in self._jobs]
        if not asked:
            return
        try:
            found = await self._reader.many(asked)
        except AppError:
            self._unsettled |= unsettled
            raise
        for job_id in asked:
            if job_id in self._jobs:
                self._jobs[job_id].heard = now
        for job_id, progress in found.items():
            self._offer(job_id, progress)
