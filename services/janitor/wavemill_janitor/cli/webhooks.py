"""webhooks redeliver."""

import argparse
import time
from collections.abc import AsyncIterator
from functools import partial

from wavemill_common.jobs import Job
from wavemill_common.records import JobStore
from wavemill_common.settings import Settings
from wavemill_janitor.cli import exits
from wavemill_janitor.cli.actions import Skip, Step, carry_out, fitting, unknown
from wavemill_janitor.cli.context import open_records
from wavemill_janitor.cli.filters import AgeRange, in_order
from wavemill_janitor.cli.jobs import CHANGED
from wavemill_janitor.output import Output, redact


def is_undelivered(job: Job) -> bool:
    """Whether a job's end should have been told, and was not (yet). Pure."""
    return job.is_terminal and job.webhook is not None and job.webhook.delivered_at is None


def is_given_up(job: Job) -> bool:
    """Whether nobody will try to tell a job's end any more. Pure."""
    return is_undelivered(job) and job.due_at is None


async def redeliver(args: argparse.Namespace, settings: Settings, out: Output) -> int:
    """Have webhooks called again, as if for the first time; a running janitor calls them."""
    chosen = args.failed or args.undelivered
    if bool(args.ids) is bool(chosen):
        raise exits.UsageError("name either job ids, or --failed or --undelivered")
    async with open_records(settings) as records:
        steps = [
            _step(records, one) if isinstance(one, Job) else unknown(one, "job")
            async for one in _selected(records, args, out)
        ]
        steps = fitting(steps, named=bool(args.ids))
        return await carry_out(out, "webhooks redeliver", steps, apply=args.apply)


async def _selected(
    records: JobStore, args: argparse.Namespace, out: Output
) -> AsyncIterator[Job | str]:
    if args.ids:
        ids = in_order(args.ids)
        found = await records.jobs(ids)
        for job_id in ids:
            yield found.get(job_id, job_id)
        return
    age, count = AgeRange(older_than=args.older_than, newer_than=args.newer_than), 0
    now = time.time()
    meant = is_given_up if args.failed else is_undelivered
    async for job in out.track(records.all_jobs(), "looking at jobs"):
        if meant(job) and age.holds(job.ended_at or job.updated_at, now):
            if args.limit is not None and count >= args.limit:
                return
            count += 1
            yield job


def _step(records: JobStore, job: Job) -> Step:
    step = partial(Step, id=job.job_id)
    if job.webhook is None:
        return step(state=job.status.value, does="nothing", skip="it has no webhook")
    if not job.is_terminal or job.tombstone:
        why = "it has expired" if job.tombstone else "it has not ended"
        return step(state=job.status.value, does="nothing", skip=why)
    return step(
        state=_state(job),
        does=f"call {redact(job.webhook.url)} again",
        run=partial(_redeliver, records, job),
    )


def _state(job: Job) -> str:
    assert job.webhook is not None  # noqa: S101 - the caller looked
    if job.webhook.delivered_at is not None:
        return f"{job.status.value}, delivered"
    tries = f"{job.webhook.attempts} tries"
    error = f": {job.webhook.last_error}" if job.webhook.last_error else ""
    return f"{job.status.value}, {'given up' if job.due_at is None else 'pending'}, {tries}{error}"


async def _redeliver(records: JobStore, job: Job) -> None:
    if not await records.apply(job.redeliver(time.time())):
        raise Skip(CHANGED)
