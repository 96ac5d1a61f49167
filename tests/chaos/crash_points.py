"""Crash points: places in the services where a test may let something happen, once, by a file.

A test writes `<folder>/<point>.<n>` with an action in it. The first process that comes by takes
the file away and acts: it kills itself, waits, or fails as a store would.
"""

import asyncio
import functools
import os
import random
import signal
import sys
import time
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

from chaos.patches import PATCHES, _kind_of
from wavemill_common import uploads
from wavemill_common.errors import (
    AppError,
    JobStoreUnavailable,
    StorageForbidden,
    StorageUnavailable,
    Throttled,
)
from wavemill_common.objects.disk import DiskObjectStore
from wavemill_common.progress.store import ProgressStore
from wavemill_common.queue.jobs import JobQueue
from wavemill_common.records.sqlite import SqliteJobStore

SEVERAL_PARTS = 3  # of a result, that go up before "converter-sending-part"

FAILURES: dict[str, AppError] = {
    "unavailable": StorageUnavailable("the object store answered 503"),
    "forbidden": StorageForbidden("the object store lacks the permission s3:PutObject"),
    "throttled": Throttled("the job store is asked too often"),
    "lost": JobStoreUnavailable("the job store's reply was lost"),
}


class Points:
    """The folder in which tests leave what is to happen."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def take(self, name: str) -> str | None:
        """Take the next action of a point; None where there is none."""
        for path in sorted(self._folder.glob(f"{name}.[0-9]*")):
            try:
                action = path.read_text()
                path.rename(self._folder / f"fired-{path.name}")
            except FileNotFoundError:
                continue  # another process was faster
            return action
        return None

    async def act(self, name: str) -> None:
        """Do what a test wants done here."""
        action = self.take(name)
        if action is None:
            return
        verb, _, value = action.partition(":")
        if verb == "kill":
            os.kill(os.getpid(), signal.SIGKILL)
        elif verb == "stall":
            await asyncio.sleep(float(value))
        else:
            raise FAILURES[verb]

    def hook(
        self,
        place: Any,
        function: str,
        *,
        before: str = "",
        after: str = "",
        when: Callable[..., bool] = lambda *_, **__: True,
    ) -> None:
        """Make points of the moments before and after calls of an asynchronous function."""
        call = getattr(place, function)

        @functools.wraps(call)
        async def hooked(*arguments: Any, **named: Any) -> Any:
            is_meant = when(*arguments, **named)
            if before and is_meant:
                await self.act(before)
            result = await call(*arguments, **named)
            if after and is_meant:
                await self.act(after)
            return result

        setattr(place, function, hooked)


def crash_points(folder: str, _: random.Random) -> None:
    """Install the points of this service."""
    points = Points(Path(folder))
    service = sys.argv[1]
    HOOKS[service](points)
    damage_reads(points, service)
    points.hook(DiskObjectStore, "put", before=f"{service}-put")
    points.hook(SqliteJobStore, "apply", before=f"{service}-apply", when=_is_start)
    points.hook(SqliteJobStore, "put_job", before=f"{service}-put-job")


def _is_start(_: Any, change: Any) -> bool:
    return _kind_of(change) == "start"


def hook_gateway(points: Points) -> None:
    """Make points between the writes of an upload and of a submission."""
    from wavemill_gateway.followers import Followers

    points.hook(SqliteJobStore, "put_job", before="gateway-before-put", after="gateway-after-put")
    points.hook(JobQueue, "enqueue", after="gateway-after-enqueue")
    points.hook(SqliteJobStore, "add_chunk", before="gateway-chunk-stored")
    points.hook(DiskObjectStore, "compose", before="gateway-completing")
    points.hook(Followers, "completed", before="gateway-completed")
    points.hook(Followers, "broken_off", before="gateway-broken-off")


def hook_converter(points: Points) -> None:
    """Make points between a claim and the last thing that is told of it."""
    from wavemill_converter.convert.streaming import conversion
    from wavemill_converter.convert.streaming.follower import OutputFollower
    from wavemill_converter.work.reporter import Reporter
    from wavemill_converter.work.worker import Worker

    points.hook(Worker, "_claim", before="converter-claimed")
    points.hook(conversion, "probe_input", before="converter-probing")
    points.hook(
        Reporter,
        "_write",
        after="converter-converting",
        when=lambda _, one: one.stage == "converting",
    )
    points.hook(
        OutputFollower,
        "_send",
        before="converter-sending-part",
        when=lambda _, index, __: index > SEVERAL_PARTS,
    )
    points.hook(
        OutputFollower, "finish", before="converter-publishing", after="converter-published"
    )
    points.hook(SqliteJobStore, "apply", after="converter-committed", when=_is_commit)
    points.hook(JobQueue, "finish", before="converter-before-finish")
    points.hook(
        ProgressStore, "write", before="converter-before-event", when=lambda _, one: one.is_terminal
    )


def _is_commit(_: Any, change: Any) -> bool:
    return _kind_of(change) == "commit"


def hook_janitor(points: Points) -> None:
    """Make points between a janitor's writes that belong together."""
    from wavemill_janitor import webhooks

    points.hook(JobQueue, "enqueue", before="janitor-before-enqueue", after="janitor-enqueued")
    points.hook(JobQueue, "set_epoch", before="janitor-before-epoch")
    points.hook(
        SqliteJobStore,
        "apply",
        before="janitor-files-deleted",
        when=lambda _, one: one.job.tombstone,
    )
    points.hook(webhooks, "_post", after="janitor-webhook-called")


def damage_reads(points: Points, service: str) -> None:
    """Let a read of an object come short, changed, late or not at all."""
    read, open_file = DiskObjectStore.read, DiskObjectStore.open_file

    def verb() -> tuple[str, str]:
        word, _, value = (points.take(f"{service}-read") or "").partition(":")
        if word in FAILURES:
            raise FAILURES[word]
        return word, value

    async def damaged(
        store: DiskObjectStore, key: str, start: int = 0, end: int | None = None
    ) -> AsyncIterator[bytes]:
        word, value = verb()
        if word == "stall":
            await asyncio.sleep(float(value))
        async for block in read(store, key, start, end):
            yield _damaged(word, block)
            if word == "truncate":
                return

    def opened(store: DiskObjectStore, key: str) -> int:
        word, value = verb()
        if word == "stall":
            time.sleep(float(value))  # the gateway opens files in a thread
        fd = open_file(store, key)
        if word not in {"truncate", "corrupt"}:
            return fd
        with open(fd, "rb") as file:  # noqa: PTH123 - it is open already
            block = _damaged(word, file.read())
        copy = os.memfd_create(word)
        os.write(copy, block)
        return copy

    setattr(DiskObjectStore, "read", damaged)  # noqa: B010 - a method may not be assigned
    setattr(DiskObjectStore, "open_file", opened)  # noqa: B010


def _damaged(word: str, block: bytes) -> bytes:
    if word == "truncate":
        return block[: len(block) // 2]
    return _flipped(block) if word == "corrupt" else block


def _flipped(block: bytes) -> bytes:
    middle = len(block) // 2
    return block[:middle] + bytes([block[middle] ^ 0xFF]) + block[middle + 1 :]


def clock(shift: str, _: random.Random) -> None:
    """Let this process believe that it is so many seconds later."""
    right = time.time
    time.time = lambda: right() + float(shift)


def quick(scale: str, _: random.Random) -> None:
    """Scale the waits that are no times of the protocol, and so not scaled by the settings."""
    factor = float(scale)
    uploads.COMPLETION_TAKEOVER *= factor
    if sys.argv[1] == "janitor":
        from wavemill_janitor import webhooks

        webhooks.CALL_LEASE *= factor
    if sys.argv[1] == "converter":
        from wavemill_converter import main

        for name in ("ANNOUNCE_EVERY", "LOOK_FOR_FFMPEG_EVERY"):
            setattr(main, name, getattr(main, name) * factor)


HOOKS = {"gateway": hook_gateway, "converter": hook_converter, "janitor": hook_janitor}
PATCHES |= {patch.__name__: patch for patch in (crash_points, clock, quick)}
