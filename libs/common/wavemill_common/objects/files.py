"""Files that appear whole or not at all, and stay: the blocking half of the disk adapter."""

import contextlib
import errno
import os
import shutil
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path

from wavemill_common.ids import new_id
from wavemill_common.objects.copying import Source, copy, write_at
from wavemill_common.objects.listing import Stored, stored_of
from wavemill_common.objects.writeback import begin_writeback

_MAX_PIECES = 1000  # of one writev; Linux takes 1,024
_MAKE_ATTEMPTS = 100  # of a directory that others keep removing
_CANNOT_LINK = frozenset({errno.EPERM, errno.EOPNOTSUPP, errno.EMLINK, errno.EXDEV, errno.ENOSYS})


class Draft:
    """A temporary file on its way to its name; discard it if it was not published.

    It is opened by the first call that needs it, so making one does no I/O.
    """

    def __init__(self, folder: Path) -> None:
        self.path = folder / new_id()
        self._fd = -1
        self._size = 0
        self._exists = False

    @property
    def exists(self) -> bool:
        """Whether there is something to discard."""
        return self._exists

    def write(self, pieces: Sequence[bytes]) -> None:
        """Append bytes."""
        self._size += write_pieces(self._open(), pieces, self._size)

    def append(self, sources: Iterable[Source]) -> None:
        """Append bytes of other files, copied by the kernel; closes them."""
        fd = self._open()
        for one in sources:
            with one as source:
                copy(source, fd, self._size)
            self._size += source.size

    def adopt(self, source: Path) -> None:
        """Become another name of a durable file; files are never changed in place."""
        try:
            os.link(source, self.path)
        except OSError as error:
            if error.errno not in _CANNOT_LINK:
                raise
            self.append([open_whole(source)])
        self._exists = True

    def publish(self, path: Path, *, if_absent: bool = False, root: Path | None = None) -> Stored:
        """Give the file its name, durably; missing directories below `root` are made.

        Raises:
            FileExistsError: `if_absent` and the name is taken.
        """
        if self._fd >= 0 or not self._exists:
            make_durable(self._open())
        stored = stored_of(self.path.stat())
        place = os.link if if_absent else os.replace
        name(lambda: place(self.path, path), path, root)
        self.discard()  # a link leaves the draft's name, and so does replacing a file by itself
        return stored

    def discard(self) -> None:
        """Close and delete what is left."""
        if self._fd >= 0:
            os.close(self._fd)
            self._fd = -1
        self.path.unlink(missing_ok=True)
        self._exists = False

    def _open(self) -> int:
        if self._fd < 0:
            flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC
            self._fd = os.open(self.path, flags, 0o666)
            self._exists = True
        return self._fd


def open_whole(path: Path) -> Source:
    """Open a file to be read, all of it."""
    return Source.whole(os.open(path, os.O_RDONLY | os.O_CLOEXEC))


def write_pieces(fd: int, pieces: Sequence[bytes], at: int) -> int:
    """Write bytes to a place, from where they are on their way; return how many they were."""
    if len(pieces) > _MAX_PIECES:
        pieces = (b"".join(pieces),)
    total = sum(map(len, pieces))
    written = os.pwritev(fd, pieces, at) if total else 0
    if written < total:
        write_at(fd, memoryview(b"".join(pieces))[written:], at + written)
    begin_writeback(fd, at, at + total)
    return total


def make_durable(fd: int) -> None:
    """Have a file's bytes and its time on the disk."""
    # The kernel's own stamp is as coarse as its tick: two versions could have the same.
    now = time.time_ns()
    os.utime(fd, ns=(now, now))
    os.fsync(fd)


def name(give: Callable[[], None], path: Path, root: Path | None) -> None:
    """Give something its name by a call, durably; missing directories below `root` are made."""
    for attempt in range(_MAKE_ATTEMPTS):
        try:
            give()
        except FileNotFoundError:
            if root is None or attempt == _MAKE_ATTEMPTS - 1:
                raise
            make_folder(path.parent, root)  # others remove what they leave empty
        else:
            break
    sync_folder(path.parent)


def make_folder(path: Path, root: Path) -> None:
    """Make a directory below `root`, durably. The root itself is never made here.

    A root that has vanished is a volume that was unmounted: what we'd write in its place would
    be lost to whoever mounts it again.
    """
    if path == root or path.is_dir():
        return
    make_folder(path.parent, root)
    with contextlib.suppress(FileExistsError, FileNotFoundError):
        path.mkdir()
    sync_folder(path.parent)


def sync_folder(path: Path) -> None:
    """Make the names in a directory durable; one that has vanished has none."""
    with contextlib.suppress(FileNotFoundError):
        fd = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        try:
            os.fsync(fd)
        finally:
            os.close(fd)


def delete_files(paths: Iterable[Path], root: Path) -> None:
    """Delete files, durably, and the directories below `root` that this leaves empty."""
    folders = set()
    for path in paths:
        with contextlib.suppress(FileNotFoundError, NotADirectoryError):
            path.unlink()
            folders.add(path.parent)
    for folder in {_prune(folder, root) for folder in folders}:
        sync_folder(folder)


def _prune(folder: Path, root: Path) -> Path:
    while folder != root:
        try:
            folder.rmdir()
        except FileNotFoundError:
            pass  # another one was faster
        except OSError:
            break  # not empty: the usual case
        folder = folder.parent
    return folder


def older(folder: Path, before: float) -> Iterator[Path]:
    """What lies in a folder and was last written before that time; others may delete it."""
    for path in folder.iterdir():
        with contextlib.suppress(FileNotFoundError):
            if path.lstat().st_mtime < before:
                yield path


def remove(path: Path) -> None:
    """Delete a file or a tree, as far as it is there."""
    if path.is_dir():
        shutil.rmtree(path, ignore_errors=True)
    else:
        path.unlink(missing_ok=True)
