"""Conversion: a file in, converted files out, in one go; who is cancelled leaves nothing behind."""

import asyncio
from contextlib import suppress
from pathlib import Path
from typing import Any
from uuid import uuid4

from msgspec import Struct

from wavemill_client.calls import Calls, OptionsLike
from wavemill_client.download import fetch
from wavemill_client.errors import Conflict, WavemillError
from wavemill_client.follow import until_completed
from wavemill_client.names import paths_in
from wavemill_client.options import on_the_wire
from wavemill_client.parts import check_free, part_path
from wavemill_client.steps import OnProgress
from wavemill_client.upload import Source, open_upload, send
from wavemill_client.values import Job, Output

UNDO_TIMEOUT = 10.0  # seconds


class Order(Struct, frozen=True, kw_only=True):
    """What is to be done: `source` becomes `out`, a file, or a folder for results by their names.

    A conversion that is split always has a folder; it is made where there is none.
    """

    source: Path
    format: str
    quality: str | None = None
    options: OptionsLike = None
    preview: bool = False
    out: Path
    overwrite: bool = False
    parallel: int = 3

    @property
    def has_folder(self) -> bool:
        """Whether `out` is a folder."""
        return self.out.is_dir() or "split" in on_the_wire(self.options)


class Converted(Struct, frozen=True):
    """What came of it: the record of the job, and the files, one for each of its outputs."""

    job: Job
    files: tuple[Path, ...]

    @property
    def outputs(self) -> tuple[Output, ...]:
        """What each of the files is, and what it lost."""
        return self.job.outputs


class Conversion:
    """One order on its way through the server."""

    def __init__(self, calls: Calls, order: Order, tell: OnProgress) -> None:
        self._calls = calls
        self._order = order
        self._tell = tell
        self._key = uuid4().hex
        self._file_id: str | None = None
        self._job_id: str | None = None
        self._parts: list[Path] = []

    async def run(self) -> Converted:
        """Do all of it. Cancelled half-way, it undoes what it did on the server and on the disk."""
        _make_room(self._order)
        try:
            await self._upload()
            job_id = self._job_id = self._job_id or await self._start()
            await until_completed(self._calls.transport, job_id, self._tell)
            job = await self._calls.job(job_id)
            return Converted(job, await self._download(job))
        except asyncio.CancelledError:
            await self._undo()
            raise
        finally:
            for part in self._parts:
                part.unlink(missing_ok=True)

    async def _upload(self) -> None:
        transport, order = self._calls.transport, self._order
        source = await asyncio.to_thread(Source.at, order.source)
        upload = await open_upload(transport, source, None, None)
        self._file_id = upload.file_id
        await send(transport, source, upload, order.parallel, self._tell, self._start_early)

    async def _start_early(self) -> None:
        """Have the file converted as it arrives, where the server can do that."""
        try:
            self._job_id = await self._start()
        except Conflict as error:
            if error.code != "upload_incomplete":
                raise

    async def _start(self) -> str:
        order = self._order
        asked: dict[str, Any] = {"quality": order.quality, "options": order.options}
        asked |= {"preview": order.preview, "idempotency_key": self._key}
        return (await self._calls.create_job(self._file_id or "", order.format, **asked)).job_id

    async def _download(self, job: Job) -> tuple[Path, ...]:
        order = self._order
        targets = paths_in(order.out, job.outputs) if order.has_folder else [order.out]
        for target in targets:
            check_free(target, overwrite=order.overwrite)
        for number, (target, output) in enumerate(zip(targets, job.outputs, strict=True)):
            self._parts.append(part_path(target, output))
            await fetch(
                self._calls.transport,
                job.job_id,
                number,
                output,
                target,
                overwrite=order.overwrite,
                tell=self._tell,
            )
        return tuple(targets)

    async def _undo(self) -> None:
        """Remove from the server what was to be converted, as far as it can be reached."""
        with suppress(WavemillError, TimeoutError):
            async with asyncio.timeout(UNDO_TIMEOUT):
                if self._job_id is not None:
                    await self._calls.delete_job(self._job_id)
                if self._file_id is not None:
                    await self._remove_upload(self._file_id)

    async def _remove_upload(self, file_id: str) -> None:
        try:
            await self._calls.delete_upload(file_id)
        except Conflict:
            # A job was started, and its answer never read: the same key leads to it again.
            await self._calls.delete_job(await self._start())
            await self._calls.delete_upload(file_id)


def _make_room(order: Order) -> None:
    """See to it, before anything is sent, that there is a place for the result."""
    if order.has_folder:
        order.out.mkdir(parents=True, exist_ok=True)
        return
    check_free(order.out, overwrite=order.overwrite)
    order.out.parent.mkdir(parents=True, exist_ok=True)
