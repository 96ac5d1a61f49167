"""ProgressFeed: fan the progress of jobs out to all who watch, over one Redis connection.

Each watched job has one channel. Joining is free of a race: subscribe, wait for the confirmation,
read the snapshot, then drop whatever is older. A slow watcher holds the newest value of each job,
never a queue. While Redis is down, watched jobs are read from the job store instead.
"""

import asyncio
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager, suppress
from typing import Any, cast

import structlog
from redis.asyncio import Redis

from wavemill_common.connections import REDIS_ERRORS
from wavemill_common.errors import AppError
from wavemill_common.progress.reader import STALE_AFTER, ProgressReader
from wavemill_common.progress.snapshot import Progress
from wavemill_common.progress.store import channel_of, decode_progress

log = structlog.get_logger(__name__)

KEEPALIVE_CHANNEL = "wavemill:feed"  # so that the connection is subscribed to something, always
RECONNECT_AFTER = 0.5  # seconds
CONFIRM_TIMEOUT = 1.0  # seconds to wait for a subscription before going on without
LOOK_EVERY = 1.0  # seconds between looks for jobs that have been silent


class Watch:
    """One watcher's newest, not yet taken progress of each of its jobs."""

    def __init__(self, seen: dict[str, int]) -> None:
        self._seen = seen  # job id → the newest revision offered
        self._news: dict[str, Progress] = {}
        self._event = asyncio.Event()

    def offer(self, progress: Progress) -> None:
        """Take note of a progress, unless the watcher has had it or a newer one."""
        if progress.revision <= self._seen.get(progress.job_id, -1):
            return
        self._seen[progress.job_id] = progress.revision
        self._news[progress.job_id] = progress
        self._event.set()

    def wake(self) -> None:
        """End a wait early."""
        self._event.set()

    async def next(self, timeout: float) -> list[Progress]:  # noqa: ASYNC109 - none is no error
        """Wait for news, at most `timeout` seconds, and take all there are: perhaps none."""
        with suppress(TimeoutError):
            async with asyncio.timeout(timeout):
                await self._event.wait()
        self._event.clear()
        news, self._news = list(self._news.values()), {}
        return news


class _Job:
    """Who watches a job, and when it was last heard of."""

    def __init__(self, now: float) -> None:
        self.watches: set[Watch] = set()
        self.confirmed = asyncio.Event()
        self.heard = now


class ProgressFeed:
    """Watches jobs for many at once. `run` must be running, in a task of its owner's."""

    def __init__(self, client: Redis, reader: ProgressReader) -> None:
        self._redis = client
        self._reader = reader
        self._jobs: dict[str, _Job] = {}
        self._pubsub: Any = None
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
            await self._leave(ids, watch)

    def wake_all(self) -> None:
        """End all waits early: the server stops."""
        for job in self._jobs.values():
            for watch in job.watches:
                watch.wake()

    async def run(self) -> None:
        """Listen, and look after silent jobs, until cancelled."""
        async with asyncio.TaskGroup() as group:
            group.create_task(self._listen())
            group.create_task(self._look_after())

    async def _join(self, job_ids: list[str], watch: Watch) -> None:
        now = asyncio.get_running_loop().time()
        fresh = [job_id for job_id in job_ids if job_id not in self._jobs]
        for job_id in job_ids:
            self._jobs.setdefault(job_id, _Job(now)).watches.add(watch)
        await self._send("subscribe", fresh)
        if self._pubsub is None:
            return
        with suppress(TimeoutError):
            async with asyncio.timeout(CONFIRM_TIMEOUT):
                for job_id in job_ids:
                    await self._jobs[job_id].confirmed.wait()

    async def _leave(self, job_ids: list[str], watch: Watch) -> None:
        empty = []
        for job_id in job_ids:
            job = self._jobs.get(job_id)
            if job is None:
                continue
            job.watches.discard(watch)
            if not job.watches:
                del self._jobs[job_id]
                empty.append(job_id)
        await self._send("unsubscribe", empty)

    async def _send(self, command: str, job_ids: list[str]) -> None:
        if not job_ids or self._pubsub is None:
            return  # a new connection subscribes to all that is watched
        with suppress(*REDIS_ERRORS):
            await getattr(self._pubsub, command)(*map(channel_of, job_ids))

    async def _listen(self) -> None:
        while True:
            try:
                await self._listen_once()
            except REDIS_ERRORS as error:
                log.warning("feed_disconnected", reason=repr(error))
            self._pubsub = None
            await asyncio.sleep(RECONNECT_AFTER)

    async def _listen_once(self) -> None:
        pubsub = cast("Any", self._redis).pubsub()
        try:
            await pubsub.subscribe(KEEPALIVE_CHANNEL, *map(channel_of, self._jobs))
            self._pubsub = pubsub
            self._unsettled.update(self._jobs)  # whatever was published meanwhile is lost
            self._wake.set()
            while True:
                message = await pubsub.get_message(timeout=LOOK_EVERY)
                if message is not None:
                    self._receive(message)
        finally:
            await pubsub.aclose()

    def _receive(self, message: dict[str, Any]) -> None:
        job_id = message["channel"].decode().removeprefix(channel_of(""))
        job = self._jobs.get(job_id)
        if job is None:
            return
        if message["type"] == "subscribe":
            job.confirmed.set()
        elif message["type"] == "message":
            job.heard = asyncio.get_running_loop().time()
            progress = decode_progress(message["data"])
            if progress.is_terminal:
                self._unsettled.add(job_id)  # the record tells the end
                self._wake.set()
            else:
                self._offer(progress)

    def _offer(self, progress: Progress) -> None:
        job = self._jobs.get(progress.job_id)
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
        asked = [job_id for job_id in silent | self._unsettled if job_id in self._jobs]
        if not asked:
            self._unsettled.clear()
            return
        found = await self._reader.many(asked)
        self._unsettled.difference_update(asked)
        for job_id in asked:
            if job_id in self._jobs:
                self._jobs[job_id].heard = now
        for progress in found.values():
            self._offer(progress)
