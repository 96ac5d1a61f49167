"""Scratch: a directory per attempt, gone when the attempt ends, however its process ends.

Each converter process has a directory of its own with a locked file in it. The lock ends with the
process, so a starting converter knows by it which directories belong to nobody. A lock on the
root keeps two that start at once from taking each other's unfinished directory for an orphan.
"""

import fcntl
import shutil
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO, Self

LOCK_NAME = "lock"
ROOT_LOCK_NAME = ".lock"


class Scratch:
    """This process's scratch space below `root`. A context manager."""

    def __init__(self, root: Path, name: str) -> None:
        self._root = root
        self._own = root / name

    def __enter__(self) -> Self:
        self._root.mkdir(parents=True, exist_ok=True)
        with (self._root / ROOT_LOCK_NAME).open("ab") as starting:
            fcntl.flock(starting, fcntl.LOCK_EX)
            self._own.mkdir()
            self._lock = _lock(self._own)
            self._remove_orphans()
        return self

    def __exit__(self, *_: object) -> None:
        shutil.rmtree(self._own, ignore_errors=True)
        if self._lock is not None:
            self._lock.close()

    @contextmanager
    def attempt(self, name: str) -> Iterator[Path]:
        """Make a directory for one attempt; it and all that is in it go at the end."""
        path = self._own / name
        path.mkdir()
        try:
            yield path
        finally:
            shutil.rmtree(path, ignore_errors=True)

    def _remove_orphans(self) -> None:
        for path in self._root.iterdir():
            if path == self._own or not path.is_dir():
                continue
            lock = _lock(path)
            if lock is not None:
                shutil.rmtree(path, ignore_errors=True)
                lock.close()


def _lock(directory: Path) -> IO[bytes] | None:
    """Lock a process's directory; None where its process lives."""
    with suppress(OSError):
        lock = (directory / LOCK_NAME).open("ab")
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            lock.close()
        else:
            return lock
    return None
