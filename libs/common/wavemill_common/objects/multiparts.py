"""Multipart uploads on disk: a directory each, with the parts and a file that names the key."""

import contextlib
import re
from collections.abc import Iterator, Sequence
from pathlib import Path

import msgspec

from wavemill_common.errors import ObjectNotFound
from wavemill_common.ids import new_id
from wavemill_common.objects import Multipart, Part
from wavemill_common.objects.files import Draft, open_whole, remove, sync_folder
from wavemill_common.objects.listing import etag_of, stored_of

_ABOUT = "upload.json"
_ID = re.compile(r"[A-Za-z0-9_-]{1,64}")
_PART = re.compile(r"part-([0-9]+)")


class _About(msgspec.Struct, frozen=True):
    key: str


class Multiparts:
    """The blocking half of the disk adapter's multipart uploads.

    A directory comes from `drafts`, and goes there to be deleted, by one rename each: so it is
    never seen half made or half gone, and what a crash leaves lies among the drafts or in it.
    """

    def __init__(self, folder: Path, drafts: Path) -> None:
        self._folder = folder
        self._drafts = drafts

    def start(self, key: str) -> str:
        """Begin an upload of `key`; return its unguessable id."""
        upload_id = new_id()
        made = self._drafts / new_id()
        made.mkdir()
        draft = Draft(self._drafts)
        draft.write([msgspec.json.encode(_About(key))])
        draft.publish(made / _ABOUT)
        made.rename(self._folder / upload_id)
        sync_folder(self._folder)
        return upload_id

    def put_part(self, key: str, upload_id: str, number: int, data: bytes) -> Part:
        """Store one part. Its draft lies in the upload's directory, so that both go together."""
        folder = self._find(key, upload_id)
        draft = Draft(folder)
        try:
            draft.write([data])
            stored = draft.publish(folder / f"part-{number}")
        except FileNotFoundError:
            raise _gone(key) from None
        finally:
            draft.discard()
        return Part(number=number, size=stored.size, etag=etag_of(stored))

    def parts(self, key: str, upload_id: str) -> list[Part]:
        """List the parts by number."""
        folder = self._find(key, upload_id)
        try:
            return sorted(_parts_in(folder), key=lambda part: part.number)
        except FileNotFoundError:
            raise _gone(key) from None

    def assemble(self, key: str, upload_id: str, parts: Sequence[Part], draft: Draft) -> None:
        """Put the parts together in `draft`: a link for one, copies by the kernel for several."""
        stored = {part.number: part for part in self.parts(key, upload_id)}
        ordered = sorted(parts, key=lambda part: part.number)
        if any(stored.get(part.number) != part for part in ordered):
            raise ObjectNotFound("a part of the multipart upload is missing or was replaced")
        paths = [self._folder / upload_id / f"part-{part.number}" for part in ordered]
        try:
            draft.adopt(paths[0]) if len(paths) == 1 else draft.append(map(open_whole, paths))
        except FileNotFoundError:
            raise _gone(key) from None

    def drop(self, key: str, upload_id: str) -> None:
        """Delete an upload with its parts, if it is there."""
        with contextlib.suppress(ObjectNotFound):
            self._remove(self._find(key, upload_id))

    def all(self, prefix: str) -> Iterator[Multipart]:
        """List the uploads of keys that begin with `prefix`."""
        for folder in self._folder.iterdir():
            with contextlib.suppress(FileNotFoundError, msgspec.DecodeError):
                key = _key_of(folder)
                if key.startswith(prefix):
                    started = (folder / _ABOUT).stat().st_mtime
                    yield Multipart(key=key, upload_id=folder.name, started=started)

    def _find(self, key: str, upload_id: str) -> Path:
        folder = self._folder / upload_id
        with contextlib.suppress(FileNotFoundError):
            if _ID.fullmatch(upload_id) and _key_of(folder) == key:
                return folder
        raise _gone(key)

    def _remove(self, folder: Path) -> None:
        gone = self._drafts / new_id()
        with contextlib.suppress(FileNotFoundError):
            folder.rename(gone)
            sync_folder(self._folder)
            remove(gone)


def _parts_in(folder: Path) -> Iterator[Part]:
    for path in folder.iterdir():
        if name := _PART.fullmatch(path.name):
            stored = stored_of(path.stat())
            yield Part(number=int(name[1]), size=stored.size, etag=etag_of(stored))


def _key_of(folder: Path) -> str:
    return msgspec.json.decode((folder / _ABOUT).read_bytes(), type=_About).key


def _gone(key: str) -> ObjectNotFound:
    return ObjectNotFound(
        f"there is no such multipart upload of {key}: it was completed or aborted"
    )
