"""Files that appear whole or not at all, and stay: the blocking half of the disk adapter."""

import contextlib
import errno
import os
import shutil
import time
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

from wavemill_common.ids import new_id
from wavemill_common.objects import ObjectInfo

_MAX_PIECES = 1000  # of one writev; Linux takes 1,024
_MAKE_ATTEMPTS = 100  # of a directory that others keep removing
_COPY_STEP = 1 << 30  # bytes; one call copies at most 2 GiB
_CANNOT_LINK = frozenset({errno.EPERM, errno.EOPNOTSUPP, errno.EMLINK, errno.EXDEV, errno.ENOSYS})
_CANNOT_COPY = frozenset({errno.EXDEV, errno.ENOSYS, errno.EINVAL, errno.EOPNOTSUPP, errno.EPERM})


class Draft:
    """A temporary file on its way to its name; discard it if it was not published.

    It is opened by the first call that needs it, so making one does no I/O.
    """

    def __init__(self, folder: Path) -> None:
        self.path = folder / new_id()
        self._fd = -1
        self._exists = False

    @property
    def exists(self) -> bool:
        """Whether there is something to discard."""
        return self._exists

    def write(self, pieces: Sequence[bytes]) -> None:
        """Append bytes."""
        fd = self._open()
        if len(pieces) > _MAX_PIECES:
            pieces = (b"".join(pieces),)
        total = sum(map(len, pieces))
        written = os.writev(fd, pieces) if total else 0
        if written < total:
            rest = memoryview(b"".join(pieces))[written:]
            while rest:
                rest = rest[os.write(fd, rest) :]

    def append(self, sources: Iterable[Path]) -> None:
        """Append whole files, copied by the kernel."""
        fd = self._open()
        for path in sources:
            source = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
            try:
                _copy(source, fd)
            finally:
                os.close(source)

    def adopt(self, source: Path) -> None:
        """Become another name of a durable file; files are never changed in place."""
        try:
            os.link(source, self.path)
        except OSError as error:
            if error.errno not in _CANNOT_LINK:
                raise
            self.append([source])
        self._exists = True

    def publish(
        self, path: Path, *, if_absent: bool = False, root: Path | None = None
    ) -> os.stat_result:
        """Give the file its name, durably; missing directories below `root` are made.

        Raises:
            FileExistsError: `if_absent` and the name is taken.
        """
        if self._fd >= 0 or not self._exists:
            self._make_durable()
        stat = self.path.stat()
        self._move(path, if_absent=if_absent, root=root)
        sync_folder(path.parent)
        self.discard()  # a link leaves the draft's name, and so does replacing a file by itself
        return stat

    def _move(self, path: Path, *, if_absent: bool, root: Path | None) -> None:
        place = os.link if if_absent else os.replace
        for attempt in range(_MAKE_ATTEMPTS):
            try:
                place(self.path, path)
            except FileNotFoundError:
                if root is None or attempt == _MAKE_ATTEMPTS - 1:
                    raise
                make_folder(path.parent, root)  # others remove what they leave empty
            else:
                return

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

    def _make_durable(self) -> None:
        fd = self._open()
        # The kernel's own stamp is as coarse as its tick: two versions could have the same.
        now = time.time_ns()
        os.utime(fd, ns=(now, now))
        os.fsync(fd)


def describe(key: str, stat: os.stat_result) -> ObjectInfo:
    """Tell what a file is as an object."""
    return ObjectInfo(key=key, size=stat.st_size, modified=stat.st_mtime, etag=etag_of(stat))


def etag_of(stat: os.stat_result) -> str:
    """Make an opaque tag that no other content of the same name has."""
    return f"{stat.st_size:x}-{stat.st_mtime_ns:x}-{stat.st_ino:x}"


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


def remove(path: Path) -> None:
    """Delete a file or a tree, as far as it is there."""
    if path.is_dir():
        shutil.rmtree(path, ignore_errors=True)
    else:
        path.unlink(missing_ok=True)


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
                with contextlib.suppress(FileNotFoundError):
                    yield describe(key, entry.stat(follow_symlinks=False))


def _copy(source: int, target: int) -> None:
    try:
        while os.copy_file_range(source, target, _COPY_STEP):
            pass
    except (OSError, AttributeError) as error:
        if isinstance(error, OSError) and error.errno not in _CANNOT_COPY:
            raise
        with open(source, "rb", closefd=False) as reader, open(target, "wb", closefd=False) as out:
            shutil.copyfileobj(reader, out, 1 << 20)
