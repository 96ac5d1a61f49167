"""queue stats | dead | replay | peek."""

import argparse
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from msgspec import Struct, structs

from wavemill_common.connections import connect
from wavemill_common.jobs import Job
from wavemill_common.queue.converters import ConverterRegistry, ConverterStatus
from wavemill_common.queue.inspection import Entry, QueueInspector, QueueReport
from wavemill_common.queue.jobs import DEAD_LIMIT, DeadLetter
from wavemill_common.settings import Settings
from wavemill_janitor.cli import exits
from wavemill_janitor.cli.actions import Step, carry_out
from wavemill_janitor.cli.context import PATIENCE, find_redis, open_all, open_queue, submission
from wavemill_janitor.cli.filters import AgeRange, format_age, in_order
from wavemill_janitor.cli.jobs import Desk, requeue_step
from wavemill_janitor.cli.output import Output, stamp


class Stats(Struct, frozen=True):
    """The JSON document of `queue stats`."""

    queue: QueueReport
    converters: list[ConverterStatus]


class LetterRow(Struct, frozen=True, kw_only=True, rename="camel"):
    """A dead letter as a list tells it. `age` in seconds."""

    job_id: str
    code: str
    attempt: int
    buried_at: str | None
    age: float


class DeadList(Struct, frozen=True):
    """The JSON document of `queue dead`; `truncated`: there are more than the limit."""

    dead: list[LetterRow]
    count: int
    truncated: bool


class Peek(Struct, frozen=True):
    """The JSON document of `queue peek`."""

    entries: list[Entry]
    count: int


@asynccontextmanager
async def open_inspector(
    settings: Settings,
) -> AsyncIterator[tuple[QueueInspector, ConverterRegistry]]:
    """What looks at the queue, and at the converters."""
    async with connect(find_redis(settings), reply_timeout=PATIENCE) as redis:
        yield QueueInspector(redis), ConverterRegistry(redis)


async def stats(_: argparse.Namespace, settings: Settings, out: Output) -> int:
    """Tell how full the queue is, and who works on it."""
    async with open_inspector(settings) as (inspector, registry):
        found = Stats(await inspector.report(), await registry.alive())
    if out.as_json:
        out.document(found)
        return exits.OK
    queue = found.queue
    lanes = [
        (one.lane, one.waiting, one.pending, format_age(one.oldest_waiting)) for one in queue.lanes
    ]
    out.table(("lane", "waiting", "pending", "longest wait"), lanes)
    out.line()
    consumers = [(one.name, one.pending, format_age(one.idle)) for one in queue.consumers]
    out.table(("consumer", "pending", "idle"), consumers)
    out.line()
    alive = [
        (one.name, f"{one.running}/{one.slots}", one.ffmpeg_version or "no ffmpeg")
        for one in found.converters
    ]
    out.table(("converter alive", "slots in use", "ffmpeg"), alive)
    out.line()
    out.line(f"delayed: {queue.delayed}   dead letters: {queue.dead}")
    out.line(f"epoch: {queue.epoch or 'absent: Redis is empty; a janitor will fill it again'}")
    return exits.OK


async def dead(args: argparse.Namespace, settings: Settings, out: Output) -> int:
    """Tell the jobs that were given up; findings if there are any."""
    now = time.time()
    async with open_queue(settings) as queue:
        letters = await queue.dead(args.limit + 1)
    rows = [_letter_row(letter, now) for letter in letters[: args.limit]]
    truncated = len(letters) > args.limit
    if out.as_json:
        out.document(DeadList(rows, len(rows), truncated))
    else:
        out.table(
            ("job id", "code", "attempt", "age"),
            [(row.job_id, row.code, row.attempt, format_age(row.age)) for row in rows],
        )
        more = "; there are more: raise --limit" if truncated else ""
        out.line(f"{len(rows)} dead letters{more}")
    return exits.FINDINGS if rows else exits.OK


async def peek(args: argparse.Namespace, settings: Settings, out: Output) -> int:
    """Show the first entries of each lane, and who holds them."""
    async with open_inspector(settings) as (inspector, _):
        entries = await inspector.peek(args.limit)
    if out.as_json:
        out.document(Peek(entries, len(entries)))
        return exits.OK
    out.table(
        ("lane", "job id", "age", "held by", "idle", "deliveries"),
        [
            (one.lane, one.job_id, format_age(one.age), one.consumer or "-",
             format_age(one.idle), one.deliveries)
            for one in entries
        ],
    )  # fmt: skip
    out.line(f"{len(entries)} entries")
    return exits.OK


async def replay(args: argparse.Namespace, settings: Settings, out: Output) -> int:
    """Run jobs again that were given up, and take back their letters."""
    age = AgeRange(older_than=args.older_than, newer_than=args.newer_than)
    is_open = age.is_open and args.code is None and not args.all
    if bool(args.ids) is not is_open:
        raise exits.UsageError("name either job ids, or --all, --code or an age")
    async with open_all(settings) as deps:
        letters = {one.job_id: one for one in await deps.queue.dead(DEAD_LIMIT)}
        wanted = in_order(args.ids) or [
            one.job_id
            for one in letters.values()
            if args.code in (None, one.code) and age.holds(one.buried_at, deps.now())
        ]
        jobs = await deps.jobs.jobs(wanted)
        desk = Desk(deps, submission(deps, settings))
        steps = [
            await _replay_step(desk, job_id, jobs.get(job_id), letters.get(job_id))
            for job_id in wanted[: args.limit]
        ]
        return await carry_out(out, "queue replay", steps, apply=args.apply)


async def _replay_step(desk: Desk, job_id: str, job: Job | None, letter: DeadLetter | None) -> Step:
    if letter is None:
        return Step(id=job_id, state="unknown", does="nothing", refuse="it has no dead letter")
    step = None if job is None else await requeue_step(desk, job)
    if step is not None and step.refuse is not None:
        return step
    again = step.run if step is not None else None

    async def run() -> None:
        if again is not None:
            await again()
        await desk.deps.queue.undead(job_id)

    if step is not None and again is not None:
        return structs.replace(step, run=run)
    state = "gone" if job is None else job.status.value
    return Step(id=job_id, state=state, does="only drop its letter", run=run)


def _letter_row(letter: DeadLetter, now: float) -> LetterRow:
    return LetterRow(
        job_id=letter.job_id,
        code=letter.code,
        attempt=letter.attempt,
        buried_at=stamp(letter.buried_at),
        age=round(now - letter.buried_at, 1),
    )
