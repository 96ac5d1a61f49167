"""Archive: GET /api/archive, the results of several jobs as one zip, written while it is sent."""

import io
import zipfile
from collections.abc import AsyncIterator, Iterable, Sequence
from datetime import UTC, datetime
from itertools import count
from pathlib import PurePath

from aiohttp import web

from wavemill_common.errors import RequestError, StorageUnavailable
from wavemill_common.ids import check_id
from wavemill_common.jobs import Job, Output
from wavemill_common.objects import ObjectStore
from wavemill_gateway.access.caller import caller_of
from wavemill_gateway.downloads import check_there, outputs_of
from wavemill_gateway.keys import DESK, OBJECTS
from wavemill_gateway.names import attachment
from wavemill_gateway.removal import went_out

routes = web.RouteTableDef()

MAX_JOBS = 200
NAME = "wavemill.zip"


@routes.get("/api/archive", allow_head=False)
async def send_archive(request: web.Request) -> web.StreamResponse:
    """Stream all results of the jobs that the request names; each must have completed."""
    desk, objects, caller = request.app[DESK], request.app[OBJECTS], caller_of(request)
    jobs = [await desk.find(job_id, caller) for job_id in _job_ids(request)]
    entries = named_entries((job, output) for job in jobs for output in outputs_of(job))
    for _, output, _ in entries:  # an answer that has begun can only be cut off
        await check_there(objects, output)
    response = web.StreamResponse(headers=_HEADERS)
    await response.prepare(request)
    async for block in zipped(objects, entries):
        await response.write(block)
    await response.write_eof()
    for job in jobs:
        for number in range(len(job.outputs)):
            await went_out(request.app, job, number)
    return response


_HEADERS = {
    "Content-Type": "application/zip",
    "Content-Disposition": attachment(NAME),
    "Content-Security-Policy": "sandbox",
    "X-Content-Type-Options": "nosniff",
    "Cache-Control": "private, no-store",
}

Entry = tuple[str, Output, datetime]


def named_entries(outputs: Iterable[tuple[Job, Output]]) -> list[Entry]:
    """Give each result a name of its own in the archive: the second `a.mp3` is `a (2).mp3`."""
    used = set[str]()
    entries = []
    for job, output in outputs:
        name = _unused(output.file_name, used)
        used.add(name.casefold())
        when = datetime.fromtimestamp(job.ended_at or job.updated_at, UTC)
        entries.append((name, output, when))
    return entries


def _unused(name: str, used: set[str]) -> str:
    path = PurePath(name)
    others = (f"{path.stem} ({number}){path.suffix}" for number in count(2))
    while name.casefold() in used:
        name = next(others)
    return name


async def zipped(objects: ObjectStore, entries: Sequence[Entry]) -> AsyncIterator[bytes]:
    """Write a zip of stored objects, as they are: sound that is compressed gains nothing by it.

    Raises:
        StorageUnavailable: the store gives less than there should be.
    """
    written = _Written()
    with zipfile.ZipFile(written, "w", zipfile.ZIP_STORED) as archive:
        for name, output, when in entries:
            info = zipfile.ZipInfo(name, when.timetuple()[:6])
            info.external_attr = 0o644 << 16
            with archive.open(info, "w", force_zip64=True) as entry:
                size = 0
                async for block in objects.read(output.key):
                    entry.write(block)
                    size += len(block)
                    yield written.take()
                if size != output.size:
                    raise StorageUnavailable(f"{size} of {output.size} bytes of a result came")
            yield written.take()
    yield written.take()


class _Written(io.RawIOBase):
    """What has been written and not yet taken; it cannot be gone back to."""

    def __init__(self) -> None:
        self._blocks: list[bytes] = []

    def writable(self) -> bool:
        return True

    def write(self, block: "bytes | bytearray | memoryview", /) -> int:  # type: ignore[override]
        self._blocks.append(bytes(block))
        return len(block)

    def take(self) -> bytes:
        """Take everything away."""
        taken = b"".join(self._blocks)
        self._blocks.clear()
        return taken


def _job_ids(request: web.Request) -> list[str]:
    job_ids = list(dict.fromkeys(request.query.getall("jobId", [])))
    if not 1 <= len(job_ids) <= MAX_JOBS:
        raise RequestError(f"name 1 to {MAX_JOBS} jobs, each as jobId=…")
    return [check_id("jobId", job_id) for job_id in job_ids]
