"""DiskObjectStore: objects as files below one directory, for a single machine."""

import contextlib
import os
from collections.abc import AsyncIterator, Iterator, Sequence
from itertools import islice
from pathlib import Path
from typing import Self, TypeVar

from wavemill_common.errors import ObjectExists, ObjectNotFound
from wavemill_common.objects import Multipart, ObjectInfo, Part, Slice
from wavemill_common.objects.copying import Source
from wavemill_common.objects.faults import storage_fault
from wavemill_common.objects.files import (
    Draft,
    delete_files,
    make_folder,
    older,
    remove,
    sync_folder,
)
from wavemill_common.objects.keys import check_key, check_prefix
from wavemill_common.objects.links import slice_at
from wavemill_common.objects.listing import describe, walk
from wavemill_common.objects.multiparts import Multiparts
from wavemill_common.objects.slices import SliceDraft, Slices
from wavemill_common.objects.threads import in_thread

BLOCK = 512 * 1024  # bytes that one hop to a worker thread reads; a hop costs 65 µs
WRITE_BLOCK = 1024 * 1024  # bytes that one hop writes
SCAN_BATCH = 500  # entries that one hop lists
_DRAFTS, _MULTIPARTS, _WHOLES = ".tmp", ".multipart", ".wholes"  # no key begins with a dot

T = TypeVar("T")


class DiskObjectStore:
    """An ObjectStore below `root`, which is made if it isn't there; any number of processes.

    A file is written under `.tmp`, synced, and then given its name at once; what is told its place
    in a whole is written there (slices.py). What a dead process leaves is deleted by `clean`.

    Raises:
        StorageForbidden: `root` cannot be made or written to.
    """

    def __init__(self, root: Path) -> None:
        self._root = root.absolute()
        self._drafts = self._root / _DRAFTS
        self._multiparts = Multiparts(self._root / _MULTIPARTS, self._drafts)
        self._slices = Slices(self._root, self._root / _WHOLES, self._drafts)
        try:
            self._root.mkdir(mode=0o700, parents=True, exist_ok=True)
            sync_folder(self._root.parent)
            for folder in (_DRAFTS, _MULTIPARTS, _WHOLES):
                make_folder(self._root / folder, self._root)
        except OSError as error:
            raise storage_fault(error) from error

    # --- whole objects ---

    async def put(
        self,
        key: str,
        data: AsyncIterator[bytes],
        *,
        if_absent: bool = False,
        place: Slice | None = None,
    ) -> ObjectInfo:
        """Store all of `data` under `key`; small pieces share a write."""
        check_key(key)
        draft = Draft(self._drafts) if place is None else self._slices.draft(key, place)
        pieces: list[bytes] = []
        size = 0
        try:
            async for piece in data:
                pieces.append(piece)
                size += len(piece)
                if size >= WRITE_BLOCK:
                    await in_thread(draft.write, pieces)
                    pieces, size = [], 0
            return await in_thread(self._finish, key, draft, pieces, if_absent=if_absent)
        finally:
            if draft.exists:
                await in_thread(draft.discard)

    async def stat(self, key: str) -> ObjectInfo:
        """Tell size, time and etag."""
        check_key(key)
        return await in_thread(self._stat, key)

    async def read(self, key: str, start: int = 0, end: int | None = None) -> AsyncIterator[bytes]:
        """Read a range; a replacement or deletion meanwhile does not disturb it."""
        check_key(key)
        with _Reader(self._slices, key) as reader:
            while end is None or start < end:
                size = BLOCK if end is None else min(BLOCK, end - start)
                block = await in_thread(reader.read, start, size)
                if not block:
                    return
                yield block
                start += len(block)

    def open_file(self, key: str) -> int:
        """Open an object to be read; a replacement or deletion does not disturb it.

        Raises:
            ObjectNotFound: there is none, or it is a slice, which is no file by itself.
        """
        with _objects(check_key(key)):
            return os.open(self._root / key, os.O_RDONLY | os.O_CLOEXEC)

    async def delete(self, keys: Sequence[str]) -> None:
        """Delete objects; those that are not there count as deleted."""
        for key in keys:
            check_key(key)
        await in_thread(self._delete, keys)

    async def scan(self, prefix: str) -> AsyncIterator[ObjectInfo]:
        """List objects; those that come or go meanwhile may be listed or not."""
        async for info in _batched(walk(self._root, check_prefix(prefix))):
            yield info

    async def compose(self, key: str, sources: Sequence[str]) -> ObjectInfo:
        """Make an object of others: a new name if they are its slices, or one; else copies."""
        for name in (key, *sources):
            check_key(name)
        return await in_thread(self._compose, key, sources)

    async def sources(self, key: str) -> Sequence[str]:
        """None: what was composed stands by itself."""
        await self.stat(key)
        return ()

    # --- multipart uploads ---

    async def start_multipart(self, key: str) -> str:
        """Begin a multipart upload of `key`; return its upload id."""
        return await in_thread(self._multiparts.start, check_key(key))

    async def put_part(self, key: str, upload_id: str, number: int, data: bytes) -> Part:
        """Store one part."""
        return await in_thread(self._multiparts.put_part, check_key(key), upload_id, number, data)

    async def list_parts(self, key: str, upload_id: str) -> list[Part]:
        """List the acknowledged parts by number."""
        return await in_thread(self._multiparts.parts, check_key(key), upload_id)

    async def complete_multipart(
        self, key: str, upload_id: str, parts: Sequence[Part], *, if_absent: bool = False
    ) -> ObjectInfo:
        """Publish the object, then drop the parts; a crash in between leaves them to `clean`."""
        check_key(key)
        return await in_thread(self._complete, key, upload_id, parts, if_absent=if_absent)

    async def abort_multipart(self, key: str, upload_id: str) -> None:
        """Drop a multipart upload and its parts."""
        await in_thread(self._multiparts.drop, check_key(key), upload_id)

    async def scan_multiparts(self, prefix: str) -> AsyncIterator[Multipart]:
        """List unfinished multipart uploads."""
        async for multipart in _batched(self._multiparts.all(check_prefix(prefix))):
            yield multipart

    # --- upkeep ---

    async def clean(self, before: float) -> int:
        """Remove what was begun and left before that time; return how many things."""
        return await in_thread(self._clean, before)

    async def check(self) -> None:
        """Write a file, link it, delete it."""
        await in_thread(self._check)

    # --- the blocking halves ---

    def _finish(
        self, key: str, draft: Draft | SliceDraft, pieces: Sequence[bytes], *, if_absent: bool
    ) -> ObjectInfo:
        draft.write(pieces)
        return self._publish(key, draft, if_absent=if_absent)

    def _publish(
        self, key: str, draft: Draft | SliceDraft, *, if_absent: bool = False
    ) -> ObjectInfo:
        try:
            found = draft.publish(self._root / key, if_absent=if_absent, root=self._root)
        except FileExistsError:
            raise ObjectExists(f"{key} is stored already") from None
        except (IsADirectoryError, NotADirectoryError):
            raise ValueError(f"{key} is above or below another key") from None
        return describe(key, found)

    def _stat(self, key: str) -> ObjectInfo:
        with _objects(key):
            return describe(key, self._slices.stat(key))

    def _delete(self, keys: Sequence[str]) -> None:
        delete_files([self._root / key for key in keys], self._root)
        for key in keys:
            self._slices.forget(key)

    def _compose(self, key: str, sources: Sequence[str]) -> ObjectInfo:
        with _objects(*sources):
            joined = self._slices.join(key, sources)
        return self._copy(key, sources) if joined is None else describe(key, joined)

    def _copy(self, key: str, sources: Sequence[str]) -> ObjectInfo:
        draft = Draft(self._drafts)
        try:
            with _objects(*sources):
                if len(sources) == 1 and slice_at(self._root / sources[0]) is None:
                    draft.adopt(self._root / sources[0])
                else:
                    draft.append(map(self._slices.open, sources))
            info = self._publish(key, draft)
        finally:
            draft.discard()
        self._slices.forget(key)
        return info

    def _complete(
        self, key: str, upload_id: str, parts: Sequence[Part], *, if_absent: bool
    ) -> ObjectInfo:
        draft = Draft(self._drafts)
        try:
            self._multiparts.assemble(key, upload_id, parts, draft)
            info = self._publish(key, draft, if_absent=if_absent)
        finally:
            draft.discard()
        self._multiparts.drop(key, upload_id)
        return info

    def _clean(self, before: float) -> int:
        stale = list(older(self._drafts, before))
        for path in stale:
            remove(path)
        uploads = [one for one in self._multiparts.all("") if one.started < before]
        for upload in uploads:
            self._multiparts.drop(upload.key, upload.upload_id)
        return len(stale) + len(uploads) + self._slices.clean(before)

    def _check(self) -> None:
        draft = Draft(self._drafts)
        other = draft.path.with_suffix(".link")
        try:
            draft.write([b"?"])
            os.link(draft.path, other)
        finally:
            other.unlink(missing_ok=True)
            draft.discard()


class _Reader:
    """An object being read; it is opened by the first read, so making one does no I/O."""

    def __init__(self, slices: Slices, key: str) -> None:
        self._slices = slices
        self._key = key
        self._source: Source | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        if self._source is not None:
            self._source.close()

    def read(self, start: int, size: int) -> bytes:
        """Read up to `size` bytes from `start`."""
        with _objects(self._key):
            if self._source is None:
                self._source = self._slices.open(self._key)
            return self._source.read(start, size)


@contextlib.contextmanager
def _objects(*keys: str) -> Iterator[None]:
    """Name the object that a missing file was; a directory is none either."""
    try:
        yield
    except (FileNotFoundError, NotADirectoryError, IsADirectoryError) as error:
        name = str(error.filename or "")
        missing = next((key for key in keys if name.endswith(f"/{key}")), keys[0])
        raise ObjectNotFound(f"{missing} is not stored") from None


async def _batched(entries: Iterator[T]) -> AsyncIterator[T]:
    while batch := await in_thread(list, islice(entries, SCAN_BATCH)):
        for entry in batch:
            yield entry
