"""storage orphans | usage."""

import argparse
import time
from collections.abc import AsyncIterator, Sequence
from functools import partial
from typing import TypeVar

from msgspec import Struct

from wavemill_common.errors import ObjectNotFound
from wavemill_common.objects import Multipart, ObjectStore
from wavemill_common.records import JobStore
from wavemill_common.settings import Settings
from wavemill_common.stores import open_object_store
from wavemill_janitor.cli import exits
from wavemill_janitor.cli.actions import Skip, Step, carry_out
from wavemill_janitor.cli.context import open_records
from wavemill_janitor.cli.filters import format_age
from wavemill_janitor.orphans import PREFIXES, YOUNG, Kind, Owned, look_up
from wavemill_janitor.output import Output, format_bytes, stamp

AT_ONCE = 200  # objects whose records are looked up together
INPUTS = {Kind.CHUNK, Kind.UPLOAD}
MULTIPART_AGE = 24 * 3600.0  # seconds that a large upload may take

T = TypeVar("T")


class Orphan(Struct, frozen=True, kw_only=True):
    """A stored thing that no record names. `kind`: chunk, upload, result, foreign, multipart.

    `size` in bytes, None where the store does not tell; `age` in seconds; `deletable` is False
    for what is not wavemill's.
    """

    key: str
    kind: str
    size: int | None
    age: float
    reason: str
    deletable: bool


class OrphanList(Struct, frozen=True):
    """The JSON document of `storage orphans` without --delete."""

    orphans: list[Orphan]
    count: int
    bytes: int


class UsageRow(Struct, frozen=True, kw_only=True):
    """What lies under one prefix for records of one state ("nobody": no record names it)."""

    prefix: str
    state: str
    objects: int
    bytes: int
    oldest: str | None


class Usage(Struct, frozen=True):
    """The JSON document of `storage usage`."""

    usage: list[UsageRow]
    objects: int
    bytes: int


async def orphans(args: argparse.Namespace, settings: Settings, out: Output) -> int:
    """Find what no record names; delete it if that is asked for."""
    now = time.time()
    async with open_records(settings) as records, open_object_store(settings) as objects:
        found = [one async for one in find_orphans(records, objects, now, out)]
        multiparts = [one async for one in _stale_multiparts(objects, now)]
        if args.delete:
            steps = [_delete_step(records, objects, one) for one in found]
            steps += [_abort_step(objects, one, now) for one in multiparts]
            code = await carry_out(out, "storage orphans", steps, apply=args.apply)
            return exits.FINDINGS if code == exits.OK and steps and not args.apply else code
    rows = [_orphan(one, now) for one in found] + [_multipart(one, now) for one in multiparts]
    total = sum(row.size or 0 for row in rows)
    if out.as_json:
        out.document(OrphanList(rows, len(rows), total))
    else:
        out.table(
            ("key", "age", "size", "reason"),
            [
                (row.key, format_age(row.age),
                 "?" if row.size is None else format_bytes(row.size), row.reason)
                for row in rows
            ],
        )  # fmt: skip
        out.line(f"{len(rows)} orphans, {format_bytes(total)}")
        if rows:
            out.line("See what --delete would do; with --apply it does it.")
    return exits.FINDINGS if rows else exits.OK


async def usage(_: argparse.Namespace, settings: Settings, out: Output) -> int:
    """Tell how much lies where, and for what."""
    async with open_records(settings) as records, open_object_store(settings) as objects:
        sums: dict[tuple[str, str], tuple[int, int, float]] = {}
        async for one in _all_owned(records, objects, out):
            place = (_prefix(one), one.state)
            count, size, oldest = sums.get(place, (0, 0, one.info.modified))
            oldest = min(oldest, one.info.modified)
            sums[place] = (count + 1, size + one.info.size, oldest)
    rows = [
        UsageRow(prefix=prefix, state=state, objects=count, bytes=size, oldest=stamp(oldest))
        for (prefix, state), (count, size, oldest) in sorted(sums.items())
    ]
    document = Usage(rows, sum(row.objects for row in rows), sum(row.bytes for row in rows))
    if out.as_json:
        out.document(document)
        return exits.OK
    out.table(
        ("prefix", "state", "objects", "size", "oldest"),
        [(row.prefix, row.state, row.objects, format_bytes(row.bytes), row.oldest) for row in rows],
    )
    out.line(f"{document.objects} objects, {format_bytes(document.bytes)}")
    return exits.OK


async def find_orphans(
    records: JobStore, objects: ObjectStore, now: float, out: Output
) -> AsyncIterator[Owned]:
    """What no record names and nobody can be about to record.

    The objects are listed before their records are read, never after: a record is written first.
    """
    needed: set[str] | None = None
    async for one in _all_owned(records, objects, out):
        if one.orphaned is None or now - one.info.modified <= YOUNG:
            continue
        if one.place.kind in INPUTS:
            needed = await needed_uploads(records) if needed is None else needed
            if one.place.owner_id in needed:
                continue
        yield one


async def needed_uploads(records: JobStore) -> set[str]:
    """Of which jobs that have not ended will read: no orphans, even where the record is gone."""
    return {job.file_id async for job in records.live_jobs()}


async def _all_owned(records: JobStore, objects: ObjectStore, out: Output) -> AsyncIterator[Owned]:
    for prefix in PREFIXES:
        scan = out.track(objects.scan(prefix), f"looking at {prefix}")
        async for batch in _batches(scan, AT_ONCE):
            for one in await look_up(records, objects, batch):
                yield one


async def _batches(items: AsyncIterator[T], size: int) -> AsyncIterator[Sequence[T]]:
    batch: list[T] = []
    async for item in items:
        batch.append(item)
        if len(batch) == size:
            yield batch
            batch = []
    if batch:
        yield batch


async def _stale_multiparts(objects: ObjectStore, now: float) -> AsyncIterator[Multipart]:
    async for one in objects.scan_multiparts(""):
        if now - one.started > MULTIPART_AGE:
            yield one


def _delete_step(records: JobStore, objects: ObjectStore, one: Owned) -> Step:
    key, reason = one.info.key, one.orphaned or ""
    does = f"delete it ({format_bytes(one.info.size)})"
    if one.place.kind is Kind.FOREIGN:
        return Step(id=key, state=reason, does="nothing", skip="it may be somebody else's")
    return Step(id=key, state=reason, does=does, run=partial(_delete, records, objects, one))


async def _delete(records: JobStore, objects: ObjectStore, one: Owned) -> None:
    """Delete an orphan that is still one: it is looked at again, with its record."""
    try:
        info = await objects.stat(one.info.key)
    except ObjectNotFound:
        raise Skip("it has gone meanwhile") from None
    (again,) = await look_up(records, objects, [info])
    if again.orphaned is None or info.etag != one.info.etag:
        raise Skip("it is no orphan any more")
    if again.place.kind in INPUTS and again.place.owner_id in await needed_uploads(records):
        raise Skip("a job has come to need it")
    await objects.delete([info.key])


def _abort_step(objects: ObjectStore, one: Multipart, now: float) -> Step:
    state = f"a multipart upload begun {format_age(now - one.started)} ago"
    run = partial(objects.abort_multipart, one.key, one.upload_id)
    return Step(id=one.key, state=state, does="abort it", run=run)


def _orphan(one: Owned, now: float) -> Orphan:
    return Orphan(
        key=one.info.key,
        kind=one.place.kind.value,
        size=one.info.size,
        age=round(now - one.info.modified, 1),
        reason=one.orphaned or "",
        deletable=one.place.kind is not Kind.FOREIGN,
    )


def _multipart(one: Multipart, now: float) -> Orphan:
    age = round(now - one.started, 1)
    reason = "a multipart upload that was never finished"
    return Orphan(key=one.key, kind="multipart", size=None, age=age, reason=reason, deletable=True)


def _prefix(one: Owned) -> str:
    return {
        Kind.CHUNK: "uploads/chunks/",
        Kind.UPLOAD: "uploads/",
        Kind.RESULT: "conversions/",
        Kind.FOREIGN: "foreign",
    }[one.place.kind]
