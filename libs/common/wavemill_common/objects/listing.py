"""What is stored below a folder, and what it is as an object."""

import contextlib
import errno
import os
import stat
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from wavemill_common.objects import ObjectInfo
from wavemill_common.objects.links import slice_at


class Stored(NamedTuple):
    """A file or a slice: `size` in bytes, `mtime` in nanoseconds, the number of its inode."""

    size: int
    mtime: int
    inode: int


def stored_of(found: os.stat_result, size: int | None = None) -> Stored:
    """What a file is; `size` is that of the slice that a link stands for."""
    return Stored(found.st_size if size is None else size, found.st_mtime_ns, found.st_ino)


def stored_at(path: Path) -> Stored:
    """What lies at a path.

    Raises:
        IsADirectoryError: it is a directory, or the like.
        FileNotFoundError: nothing does.
    """
    found = path.lstat()
    if stat.S_ISLNK(found.st_mode):
        place = slice_at(path)
        return stored_of(path.stat()) if place is None else stored_of(found, place.size)
    if not stat.S_ISREG(found.st_mode):
        raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR), str(path))
    return stored_of(found)


def describe(key: str, stored: Stored) -> ObjectInfo:
    """Tell what a file is as an object."""
    return ObjectInfo(key=key, size=stored.size, modified=stored.mtime / 1e9, etag=etag_of(stored))


def etag_of(stored: Stored) -> str:
    """Make an opaque tag that no other content of the same name has."""
    return f"{stored.size:x}-{stored.mtime:x}-{stored.inode:x}"


def walk(root: Path, prefix: str) -> Iterator[ObjectInfo]:
    """List the files below `root` whose keys begin with `prefix`, one directory at a time."""
    base = prefix[: prefix.rfind("/") + 1]
    waiting = [base]
    while waiting:
        base = waiting.pop()
        with (
            contextlib.suppress(FileNotFoundError, NotADirectoryError),
            os.scandir(root / base) as entries,
        ):
            for entry in entries:
                key = base + entry.name
                if entry.name.startswith(".") or not key.startswith(prefix):
                    continue
                if entry.is_dir(follow_symlinks=False):
                    waiting.append(f"{key}/")
                    continue
                with contextlib.suppress(FileNotFoundError, IsADirectoryError):
                    yield describe(key, stored_at(root / key))
