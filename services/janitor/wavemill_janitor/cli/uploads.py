"""uploads list | abort."""

import argparse
import time
from collections.abc import AsyncIterator
from functools import partial

from msgspec import Struct

from wavemill_common.errors import UploadInUse, UploadNotFound
from wavemill_common.objects import ObjectStore
from wavemill_common.records import JobStore
from wavemill_common.settings import Settings
from wavemill_common.stores import open_object_store
from wavemill_common.uploads import Upload, UploadState, describe_ranges
from wavemill_janitor.cli import exits
from wavemill_janitor.cli.actions import Skip, Step, carry_out, fitting, unknown
from wavemill_janitor.cli.context import open_records
from wavemill_janitor.cli.filters import AgeRange, UploadFilter, format_age, in_order
from wavemill_janitor.cli.selection import newest
from wavemill_janitor.output import Output, format_bytes, stamp
from wavemill_janitor.sweeps import jobs_that_need, remove_upload


class UploadRow(Struct, frozen=True, kw_only=True, rename="camel"):
    """An upload as a list tells it. `size` in bytes, `age` in seconds."""

    file_id: str
    state: UploadState
    file_name: str
    size: int | None
    total_chunks: int
    received: str
    owner: str
    jobs: int
    created_at: str | None
    expires_at: str | None
    age: float


class UploadList(Struct, frozen=True):
    """The JSON document of `uploads list`; `truncated`: more match than the limit lets through."""

    uploads: list[UploadRow]
    count: int
    truncated: bool


def filter_of(args: argparse.Namespace) -> UploadFilter:
    """What the command line asks for."""
    return UploadFilter(
        states=frozenset(UploadState(name) for name in args.state or ()),
        owner=args.owner,
        age=AgeRange(older_than=args.older_than, newer_than=args.newer_than),
    )


async def list_uploads(args: argparse.Namespace, settings: Settings, out: Output) -> int:
    """Tell the newest uploads that match."""
    now = time.time()
    async with open_records(settings) as records:
        found = await newest(_matching(records, filter_of(args), out, now), args.limit + 1)
        rows = [await _row(records, upload, now) for upload in found[: args.limit]]
    truncated = len(found) > args.limit
    if out.as_json:
        out.document(UploadList(rows, len(rows), truncated))
        return exits.OK
    out.table(
        ("file id", "state", "age", "size", "received", "jobs", "file"),
        [
            (row.file_id, row.state, format_age(row.age), _size(row.size), _received(row),
             row.jobs, row.file_name)
            for row in rows
        ],
    )  # fmt: skip
    more = "; there are more: raise --limit" if truncated else ""
    out.line(f"{len(rows)} uploads{more}")
    return exits.OK


async def abort(args: argparse.Namespace, settings: Settings, out: Output) -> int:
    """Delete uploads with all their bytes, unless a job that has not ended needs them."""
    wanted = filter_of(args)
    if bool(args.ids) is not wanted.is_open:
        raise exits.UsageError("name either upload ids or at least one filter, such as --state")
    async with open_records(settings) as records, open_object_store(settings) as objects:
        steps = [
            await _abort_step(records, objects, one)
            if isinstance(one, Upload)
            else unknown(one, "upload")
            async for one in _selected(records, args, wanted, out)
        ]
        steps = fitting(steps, named=bool(args.ids))
        return await carry_out(out, "uploads abort", steps, apply=args.apply)


async def _selected(
    records: JobStore, args: argparse.Namespace, wanted: UploadFilter, out: Output
) -> AsyncIterator[Upload | str]:
    for file_id in in_order(args.ids):
        try:
            yield await records.upload(file_id)
        except UploadNotFound:
            yield file_id
    if args.ids:
        return
    count = 0
    async for upload in _matching(records, wanted, out, time.time()):
        if args.limit is not None and count >= args.limit:
            return
        count += 1
        yield upload


async def _matching(
    records: JobStore, wanted: UploadFilter, out: Output, now: float
) -> AsyncIterator[Upload]:
    async for upload in out.track(records.all_uploads(), "looking at uploads"):
        if wanted.matches(upload, now):
            yield upload


async def _abort_step(records: JobStore, objects: ObjectStore, upload: Upload) -> Step:
    step = partial(Step, id=upload.file_id, state=upload.state.value)
    chunks = len(await records.chunks(upload))
    bytes_ = f"{chunks} chunks" if not upload.is_complete else _size(upload.size)
    does = f"delete {upload.file_name} ({bytes_})"
    if needed := await jobs_that_need(records, upload):
        return step(does=does, refuse=f"jobs need it: {', '.join(needed)}; cancel them first")
    return step(does=does, run=partial(_abort, records, objects, upload.file_id))


async def _abort(records: JobStore, objects: ObjectStore, file_id: str) -> None:
    while True:
        try:
            upload = await records.upload(file_id)
        except UploadNotFound:
            raise Skip("it has gone meanwhile") from None
        if needed := await jobs_that_need(records, upload):
            raise UploadInUse(f"a job has come to need it: {', '.join(needed)}")
        if await remove_upload(records, objects, upload):
            return


async def _row(records: JobStore, upload: Upload, now: float) -> UploadRow:
    received = "" if upload.is_complete else describe_ranges(await records.chunks(upload))
    return UploadRow(
        file_id=upload.file_id,
        state=upload.state,
        file_name=upload.file_name,
        size=upload.size,
        total_chunks=upload.total_chunks,
        received=received,
        owner=upload.owner,
        jobs=len(upload.job_ids),
        created_at=stamp(upload.created_at),
        expires_at=stamp(upload.expires_at),
        age=round(now - upload.created_at, 1),
    )


def _received(row: UploadRow) -> str:
    return "all" if row.state is UploadState.COMPLETE else row.received or "none"


def _size(size: int | None) -> str:
    return "?" if size is None else format_bytes(size)
