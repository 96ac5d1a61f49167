"""Patches: faults, logs and mutants that `chaos.launch` puts into a service before it runs.

Each takes the patch's value (a number, or empty) and a seeded source of chance. A mutant takes one
part of the protocol out: the suite must fail with it, or it proves nothing.
"""

import asyncio
import os
import random
import signal
import sys
import time
from collections.abc import Awaitable, Callable
from sqlite3 import Connection
from typing import Any

from msgspec import structs

from wavemill_common.errors import JobStoreUnavailable, Throttled
from wavemill_common.jobs import Change, Guard, JobStatus
from wavemill_common.queue import renewal
from wavemill_common.queue.consumer import Consumer
from wavemill_common.queue.jobs import JobQueue, Lease
from wavemill_common.records import JobStore, job_rows
from wavemill_common.records.dynamodb import DynamoJobStore
from wavemill_common.records.sqlite import SqliteJobStore

Patch = Callable[[str, random.Random], None]
Apply = Callable[[JobStore, Change], Awaitable[bool]]

ABOUT_TO_COMMIT = "chaos: about to commit"  # in the log of who has been slowed down
STORES: tuple[Any, ...] = (SqliteJobStore, DynamoJobStore)  # the service uses one of them
STORE_CALLS = ("put_job", "job", "jobs", "apply", "upload", "save_upload", "check")


def apply_patches(text: str, seed: str) -> None:
    """Apply the patches that `text` names, such as `throttle=0.2 no_fence`."""
    chance = random.Random(seed)
    for word in text.split():
        name, _, value = word.partition("=")
        PATCHES[name](value, chance)


def _put(place: object, thing: object, *names: str) -> None:
    for name in names:
        setattr(place, name, thing)


def _wrap_apply(wrapper: Callable[[Apply, JobStore, Change], Awaitable[bool]]) -> None:
    """Put something around the conditional write of every store."""
    for store in STORES:
        _put(store, _wrapped(store.apply, wrapper), "apply")


def _wrapped(apply: Apply, wrapper: Callable[[Apply, JobStore, Change], Awaitable[bool]]) -> Apply:
    async def wrapped(store: JobStore, change: Change) -> bool:
        return await wrapper(apply, store, change)

    return wrapped


# --- logs ---


def record(path: str, _: random.Random) -> None:
    """Note each start, commit and fenced commit in an append-only file: `kind job attempt …`.

    One write of one line with O_APPEND is atomic, whoever else writes and is killed.
    """
    file = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)

    async def recorded(apply: Apply, store: JobStore, change: Change) -> bool:
        written = await apply(store, change)
        kind = _kind_of(change)
        if kind and not written:
            kind = "fenced" if kind == "commit" else ""
        if kind:
            job = change.job
            words = (kind, job.job_id, job.attempt, job.claim_id, os.getpid(), time.time())
            os.write(file, (" ".join(map(str, words)) + "\n").encode())
        return written

    _wrap_apply(recorded)


def _kind_of(change: Change) -> str:
    if change.job.status is JobStatus.COMPLETED and not change.job.tombstone:
        statuses = {status for guard in change.guards for status in guard.statuses}
        return "commit" if JobStatus.PROCESSING in statuses else ""
    starts = change.job.status is JobStatus.PROCESSING and len(change.guards) > 1  # two arms
    return "start" if starts else ""


# --- faults ---


def throttle(share: str, chance: random.Random) -> None:
    """Fail this share of the calls to the job store, below any retry; of writes, some were done.

    A lost reply is the worse half: the caller hears of a failure, and the record has changed.
    """
    for store in STORES:
        for name in STORE_CALLS:
            _put(store, _throttled(getattr(store, name), float(share), chance), name)


def _throttled(call: Any, share: float, chance: random.Random) -> Any:
    async def throttled(*arguments: Any, **named: Any) -> Any:
        fate = chance.random()
        if fate < share * 0.75:
            raise Throttled("thrown by the chaos suite: too many requests")
        reply = await call(*arguments, **named)
        if fate < share:
            raise JobStoreUnavailable("thrown by the chaos suite: the reply was lost")
        return reply

    return throttled


def out_at_first(calls: str, _: random.Random) -> None:
    """Fail that many calls to the job store, whichever, and then none."""
    left = [int(calls)]
    for store in STORES:
        for name in STORE_CALLS:
            _put(store, _out_at_first(getattr(store, name), left), name)


def _out_at_first(call: Any, left: list[int]) -> Any:
    async def out(*arguments: Any, **named: Any) -> Any:
        if left[0] > 0:
            left[0] -= 1
            raise JobStoreUnavailable("thrown by the chaos suite: there is no job store yet")
        return await call(*arguments, **named)

    return out


def lose_replies(_: str, __: random.Random) -> None:
    """Lose the reply to each job's first start and first commit: both were written."""
    lost = set[tuple[str, str]]()

    async def silent(apply: Apply, store: JobStore, change: Change) -> bool:
        written = await apply(store, change)
        write = (_kind_of(change), change.job.job_id)
        if write[0] and write not in lost:
            lost.add(write)
            raise JobStoreUnavailable("thrown by the chaos suite: the reply was lost")
        return written

    _wrap_apply(silent)


def die_between_put_and_enqueue(share: str, chance: random.Random) -> None:
    """Let the gateway kill itself in this share of its submissions, the record just written."""
    enqueue = JobQueue.enqueue

    async def deadly(queue: JobQueue, job_id: str, lane: Any) -> bool:
        if chance.random() < float(share):
            os.kill(os.getpid(), signal.SIGKILL)
        return await enqueue(queue, job_id, lane)

    _put(JobQueue, deadly, "enqueue")


def slow_commit(seconds: str, _: random.Random) -> None:
    """Wait between having published and committing, and say so, that a fault can hit just there."""

    async def slow(apply: Apply, store: JobStore, change: Change) -> bool:
        if _kind_of(change) == "commit":
            sys.stderr.write(f"{ABOUT_TO_COMMIT}\n")
            await asyncio.sleep(float(seconds))
        return await apply(store, change)

    _wrap_apply(slow)


# --- mutants ---


def no_fence(_: str, __: random.Random) -> None:
    """Write every change whatever the stored job is like."""
    update = job_rows.update
    anything = (Guard(statuses=frozenset(JobStatus)),)

    def written(db: Connection, change: Change) -> bool:
        return update(db, structs.replace(change, guards=anything))

    _put(job_rows, written, "update")


def no_reenqueue(_: str, __: random.Random) -> None:
    """Have janitors neither enqueue what is due nor fill a Redis that has lost everything."""
    from wavemill_janitor import sweeps

    async def nothing(_: Any) -> int:
        return 0

    _put(sweeps, nothing, "enqueue_due", "rebuild_queue")


def no_sweep(_: str, __: random.Random) -> None:
    """Have converters never claim what others have left."""

    async def nothing(*_: Any) -> list[Lease]:
        return []

    _put(Consumer, nothing, "sweep")


def cursor_not_carried(_: str, __: random.Random) -> None:
    """Begin every sweep at the first entry again."""
    sweep = Consumer.sweep

    async def forgetful(consumer: Consumer, count: int, min_idle: float) -> list[Lease]:
        consumer._cursors = dict.fromkeys(consumer._cursors, "0-0")
        return await sweep(consumer, count, min_idle)

    _put(Consumer, forgetful, "sweep")


def renewal_without_ownership(_: str, __: random.Random) -> None:
    """Renew entries without asking whose they are, which takes them from their new owner."""
    script = """
    for i = 3, #ARGV do
      pcall(redis.call, 'XCLAIM', KEYS[1], ARGV[1], ARGV[2], 0, ARGV[i], 'JUSTID')
    end
    return {}
    """
    _put(renewal, script, "RENEW")


MUTANTS: dict[str, Patch] = {
    patch.__name__: patch
    for patch in (no_fence, no_reenqueue, no_sweep, cursor_not_carried, renewal_without_ownership)
}


def by_files(_: str, __: random.Random) -> None:
    """Convert by way of scratch files, as on a machine where nothing can be streamed."""
    from wavemill_converter import main

    _put(main, lambda: False, "_can_stream")


PATCHES: dict[str, Patch] = MUTANTS | {
    patch.__name__: patch
    for patch in (
        record,
        throttle,
        out_at_first,
        lose_replies,
        die_between_put_and_enqueue,
        slow_commit,
        by_files,
    )
}
