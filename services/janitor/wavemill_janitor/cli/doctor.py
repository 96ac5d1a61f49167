"""doctor: look at everything, and say what to do about what is wrong."""

import argparse
import asyncio
import importlib.util
import os
import shutil
import tempfile
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from functools import partial

from msgspec import Struct

from wavemill_common.errors import AppError, StorageUnavailable
from wavemill_common.ids import new_id
from wavemill_common.objects import ObjectInfo
from wavemill_common.settings import Environment, Settings, Storage
from wavemill_common.stores import open_object_store
from wavemill_janitor.cli import exits
from wavemill_janitor.cli.context import open_records
from wavemill_janitor.cli.findings import (
    Check,
    Level,
    finding,
    judge_converters,
    judge_jobs,
    judge_keys,
    judge_orphans,
    judge_queue,
    judge_server,
    judge_space,
    ok,
)
from wavemill_janitor.cli.queue import open_inspector
from wavemill_janitor.cli.webhooks import is_given_up
from wavemill_janitor.orphans import PREFIXES, YOUNG, look_up
from wavemill_janitor.output import Output

CHECK_TIMEOUT = 20.0  # seconds for each part
STUCK_AFTER = 300.0  # seconds
LOOK_AT_JOBS = 20_000  # a quick look, not a census
LOOK_AT_OBJECTS = 1_000  # of each prefix
LOOK_AT_KEYS = 100
MARKS = {Level.OK: "✓", Level.FINDING: "!", Level.DOWN: "✗", Level.SKIPPED: "-"}


class Diagnosis(Struct, frozen=True):
    """The JSON document of `doctor`."""

    healthy: bool
    counts: dict[str, int]
    checks: list[Check]


async def doctor(_: argparse.Namespace, settings: Settings, out: Output) -> int:
    """Check every dependency; findings or a dependency down decide the exit code."""
    parts: list[tuple[str, Callable[[], Awaitable[list[Check]]]]] = [
        ("data directory", partial(_look_at_directory, settings)),
        ("object store", partial(_look_at_objects, settings)),
        ("job store", partial(_look_at_jobs, settings)),
        ("redis", partial(_look_at_redis, settings)),
        ("ffmpeg here", partial(_look_for_ffmpeg, settings)),
    ]
    checks = [ok("settings", f"{settings.env} environment, {settings.storage} storage")]
    async for name, look in out.track(_each(parts), "checking"):
        checks += await _guarded(name, look)
    return conclude(checks, out)


def conclude(checks: Sequence[Check], out: Output) -> int:
    """Print the checks; return the exit code that they come to."""
    counts = {one.value: sum(check.level is one for check in checks) for one in Level}
    healthy = not counts[Level.FINDING] and not counts[Level.DOWN]
    if out.as_json:
        out.document(Diagnosis(healthy, counts, list(checks)))
    else:
        rows = [(MARKS[one.level], one.name, one.message, one.advice) for one in checks]
        out.table(("", "check", "result", "what to do"), rows)
        told = ", ".join(f"{count} {name}" for name, count in counts.items() if count)
        out.line("All is well." if healthy else f"Not well: {told}.")
    if counts[Level.DOWN]:
        return exits.DEPENDENCY_DOWN
    return exits.FINDINGS if counts[Level.FINDING] else exits.OK


async def _each(
    parts: Sequence[tuple[str, Callable[[], Awaitable[list[Check]]]]],
) -> AsyncIterator[tuple[str, Callable[[], Awaitable[list[Check]]]]]:
    for part in parts:
        yield part


async def _guarded(name: str, look: Callable[[], Awaitable[list[Check]]]) -> list[Check]:
    """Look at one part; whatever goes wrong there is a line of the answer, not its end."""
    try:
        async with asyncio.timeout(CHECK_TIMEOUT):
            return await look()
    except TimeoutError:
        return [Check(name, Level.DOWN, f"no answer in {CHECK_TIMEOUT:.0f} s", "see its own log")]
    except (AppError, exits.CommandError, *exits.OUTAGES) as error:
        told, _, advice = str(exits.explain(error)).partition("; ")
        return [Check(name, Level.DOWN, told, advice)]


async def _look_at_directory(settings: Settings) -> list[Check]:
    folder = settings.data_dir
    if settings.storage is not Storage.DISK:
        return [Check("data directory", Level.SKIPPED, "nothing is kept there")]
    if not folder.is_dir():
        advice = "set DATA_DIR to the directory that wavemill runs on"
        return [Check("data directory", Level.DOWN, f"there is no {folder.absolute()}", advice)]
    try:
        await asyncio.to_thread(_try_to_write, folder)
    except OSError as error:
        advice = "run this as the user that wavemill runs as, or give that user the right to write"
        return [Check("data directory", Level.DOWN, f"{folder}: {error.strerror}", advice)]
    free = shutil.disk_usage(folder).free
    written = ok("data directory", f"{folder.absolute()} is writable")
    return [written, judge_space(free, settings.max_upload_bytes)]


def _try_to_write(folder: os.PathLike[str]) -> None:
    with tempfile.NamedTemporaryFile(dir=folder, prefix=".doctor-") as file:
        file.write(b"?")


async def _look_at_objects(settings: Settings) -> list[Check]:
    async with open_records(settings) as records, open_object_store(settings) as objects:
        key, sent = f"uploads/doctor-{new_id()}.txt", b"wavemill doctor"
        began = time.monotonic()
        try:
            await objects.put(key, _once(sent))
            read = b"".join([block async for block in objects.read(key)])
        finally:
            await objects.delete([key])
        if read != sent:
            raise StorageUnavailable("it returned other bytes than it was given; check the disk")
        took = time.monotonic() - began
        checks = [ok("object store", f"wrote, read and deleted in {took * 1000:.0f} ms")]
        now, looked_at, found = time.time(), 0, 0
        for prefix in PREFIXES:
            infos = await _first(objects.scan(prefix), LOOK_AT_OBJECTS)
            old = [info for info in infos if now - info.modified > YOUNG]
            looked_at += len(infos)
            found += sum(one.orphaned is not None for one in await look_up(records, objects, old))
        return [*checks, judge_orphans(found, looked_at)]


async def _look_at_jobs(settings: Settings) -> list[Check]:
    async with open_records(settings) as records:
        began = time.monotonic()
        await records.check()
        took = time.monotonic() - began
        now = time.time()
        due = records.due_jobs(now - STUCK_AFTER, 1000)
        stuck = [job async for job in due if not job.is_terminal]
        looked_at, undelivered, oldest = 0, 0, None
        async for job in records.all_jobs():
            looked_at += 1
            undelivered += is_given_up(job)
            if looked_at >= LOOK_AT_JOBS:
                break
        async for job in records.live_jobs():
            if job.started_at is None and (job.not_before or 0.0) <= now:
                oldest = max(oldest or 0.0, now - job.created_at)
        written = ok("job store", f"wrote in {took * 1000:.0f} ms; {looked_at} jobs looked at")
        return [written, *judge_jobs(len(stuck), oldest, undelivered)]


async def _look_at_redis(settings: Settings) -> list[Check]:
    async with open_inspector(settings) as (inspector, registry):
        server = await inspector.server()
        return [
            ok("redis", "answers"),
            *judge_server(server),
            judge_keys(await inspector.endless_keys(LOOK_AT_KEYS), LOOK_AT_KEYS),
            *judge_queue(await inspector.report()),
            *judge_converters(await registry.alive()),
        ]


async def _look_for_ffmpeg(settings: Settings) -> list[Check]:
    if settings.env is not Environment.EMBEDDED:
        return [Check("ffmpeg here", Level.SKIPPED, "not embedded: the converters' counts")]
    if settings.ffmpeg:
        found = shutil.which(settings.ffmpeg)
        source = f"WAVEMILL_FFMPEG={settings.ffmpeg}"
    elif importlib.util.find_spec("imageio_ffmpeg"):
        found, source = "bundled", "the bundled one"
    else:
        found, source = shutil.which("ffmpeg"), "ffmpeg on PATH"
    if found:
        return [ok("ffmpeg here", f"{source} is there")]
    advice = "install ffmpeg 5 or newer, or set WAVEMILL_FFMPEG to its path"
    return [finding("ffmpeg here", f"{source} is missing", advice)]


async def _first(infos: AsyncIterator[ObjectInfo], count: int) -> list[ObjectInfo]:
    found: list[ObjectInfo] = []
    async for info in infos:
        found.append(info)
        if len(found) >= count:
            break
    return found


async def _once(data: bytes) -> AsyncIterator[bytes]:
    yield data
