"""Selection: the records that a command line names or describes."""

import argparse
import heapq
import time
from collections.abc import AsyncIterator
from typing import TypeVar

from wavemill_common.jobs import Job, JobStatus
from wavemill_common.records import JobStore
from wavemill_common.uploads import Upload
from wavemill_janitor.cli import exits
from wavemill_janitor.cli.filters import AgeRange, JobFilter, in_order
from wavemill_janitor.output import Output

R = TypeVar("R", Job, Upload)


def filter_of(args: argparse.Namespace) -> JobFilter:
    """What the command line asks for."""
    return JobFilter(
        statuses=frozenset(JobStatus(name) for name in args.status or ()),
        formats=frozenset(args.format or ()),
        owner=args.owner,
        age=AgeRange(older_than=args.older_than, newer_than=args.newer_than),
    )


async def selected(
    records: JobStore, args: argparse.Namespace, out: Output
) -> AsyncIterator[Job | str]:
    """The jobs that are named or match; an id that nothing has is passed on as it is.

    Raises:
        UsageError: neither ids nor a filter, or both.
    """
    wanted = filter_of(args)
    if bool(args.ids) is not wanted.is_open:
        raise exits.UsageError("name either job ids or at least one filter, such as --status")
    if args.ids:
        ids = in_order(args.ids)
        found = await records.jobs(ids)
        for job_id in ids:
            yield found.get(job_id, job_id)
        return
    count = 0
    async for job in matching(records, wanted, out, time.time()):
        if args.limit is not None and count >= args.limit:
            return
        count += 1
        yield job


async def matching(
    records: JobStore, wanted: JobFilter, out: Output, now: float
) -> AsyncIterator[Job]:
    """All jobs that match, in no order."""
    scan = records.live_jobs() if wanted.only_live else records.all_jobs()
    async for job in out.track(scan, "looking at jobs"):
        if wanted.matches(job, now):
            yield job


async def newest(records: AsyncIterator[R], count: int) -> list[R]:
    """The newest of many records; holds few of them at once."""
    kept: list[tuple[float, int, R]] = []
    place = 0
    async for one in records:
        place += 1  # no two are compared beyond this
        if len(kept) < count:
            heapq.heappush(kept, (one.created_at, place, one))
        else:
            heapq.heappushpop(kept, (one.created_at, place, one))
    return [one for _, _, one in sorted(kept, key=lambda entry: entry[:2], reverse=True)]
