"""Slices on disk: bytes that are written where the whole file will have them, so none is copied.

    .wholes/uploads+k7.wav        grows: slices are written into it, in any order
    uploads/chunks/k7/part-3  ->  slice@25165824+8388608=uploads/k7.wav

Composing all of them gives the file that grows its name. The links stand for the slices (links.py):
their bytes lie in the whole, or in what grows to be it.

While bytes are written their range is locked, by the kernel and for as long as the file is open: so
two writers never share a place, and no writer is at work while the file gets its name. Who cannot
have the lock, or comes after that, writes a file of its own, which composing copies to its place.
"""

import contextlib
import errno
import fcntl
import os
import struct
import time
from collections.abc import Sequence
from hashlib import sha256
from pathlib import Path

from wavemill_common.objects import Slice
from wavemill_common.objects.copying import Source, copy
from wavemill_common.objects.files import (
    Draft,
    make_durable,
    name,
    older,
    open_whole,
    sync_folder,
    write_pieces,
)
from wavemill_common.objects.links import slice_at, text_of
from wavemill_common.objects.listing import Stored, stored_at, walk

_SET_LOCK: int | None = getattr(fcntl, "F_OFD_SETLK", None)  # of an open file: only on Linux
_CANNOT_LINK = frozenset({errno.EPERM, errno.EOPNOTSUPP, errno.ENOSYS})
_MAX_NAME = 255  # characters that file systems take


class Slices:
    """The blocking half of what the disk adapter does with slices; `folder` has what grows."""

    def __init__(self, root: Path, folder: Path, drafts: Path) -> None:
        self._root = root
        self._folder = folder
        self.drafts = drafts

    def draft(self, key: str, place: Slice) -> "SliceDraft":
        """Where to write the bytes of `key`: at their place, or in a file of their own."""
        return SliceDraft(self, key, place)

    def open(self, key: str) -> Source:
        """Open an object to be read: a file, or a range of one.

        Raises:
            FileNotFoundError: there is none; other errors as the system has them.
        """
        path = self._root / key
        place = slice_at(path)
        if place is None:
            return open_whole(path)
        whole, growing = self._root / place.whole, self._growing(place.whole)
        for one in (whole, growing, whole):  # it may get its name just now
            with contextlib.suppress(FileNotFoundError):
                source = Source(os.open(one, os.O_RDONLY | os.O_CLOEXEC), place.start, place.size)
                if one is whole or not os.path.lexists(whole):
                    return source
                source.close()  # a late writer has begun it anew: nothing lies in it
        raise FileNotFoundError(errno.ENOENT, os.strerror(errno.ENOENT), str(path))

    def stat(self, key: str) -> Stored:
        """Tell what an object is; a link whose bytes are lost is none.

        Raises:
            FileNotFoundError: there is none; other errors as the system has them.
        """
        if slice_at(self._root / key) is not None:
            self.open(key).close()
        return stored_at(self._root / key)

    def join(self, key: str, sources: Sequence[str]) -> Stored | None:
        """Give the file that grew its name, if it has all bytes of `sources`; None if it hasn't."""
        growing, path = self._growing(key), self._root / key
        draft = Draft(self.drafts)
        try:
            fd = os.open(growing, os.O_RDWR | os.O_CLOEXEC)
        except FileNotFoundError:
            return None
        try:
            # Where the whole is there already, a late writer may have begun what grows anew.
            if not _locked(fd, 0, 0) or not _names(growing, fd) or os.path.lexists(path):
                return None
            if not self._fill(fd, key, sources):
                return None
            make_durable(fd)
            with contextlib.suppress(FileNotFoundError):  # another one has copied all of it
                draft.adopt(growing)
            if not _names(draft.path, fd):
                return None
            stored = draft.publish(path, root=self._root)
            self.forget(key)
            self.sync()
            return stored
        finally:
            os.close(fd)
            draft.discard()

    def sync(self) -> None:
        """Have the names of what grows on the disk."""
        sync_folder(self._folder)

    def forget(self, key: str) -> None:
        """Delete what grows to be `key`, if there is such a file."""
        self._growing(key).unlink(missing_ok=True)

    def clean(self, before: float) -> int:
        """Delete what was last written before that time, and no slice lies in; tell how many."""
        old = set(older(self._folder, before))
        if not old:
            return 0
        places = (slice_at(self._root / one.key) for one in walk(self._root, ""))
        needed = {self._growing(place.whole) for place in places if place}
        return sum(_drop(path, before) for path in old - needed)

    def _growing(self, key: str) -> Path:
        flat = key.replace("/", "+")  # no key has a `+`
        return self._folder / (flat if len(flat) <= _MAX_NAME else sha256(key.encode()).hexdigest())

    def claim(self, key: str, place: Slice) -> int | None:
        """Open what grows, with the slice's range locked; None where that cannot be written to."""
        path, whole = self._root / key, self._root / place.whole
        growing = self._growing(place.whole)

        def is_free() -> bool:
            return not (os.path.lexists(whole) or os.path.lexists(path))

        if _SET_LOCK is None or not is_free():
            return None
        if not growing.exists() and _has_slices(path.parent, place.whole):
            return None  # what grew was lost: made anew, it would have zeros for those slices
        fd = os.open(growing, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o666)
        if _locked(fd, place.start, place.size) and _names(growing, fd) and is_free():
            return fd
        os.close(fd)
        return None

    def _fill(self, fd: int, key: str, sources: Sequence[str]) -> bool:
        """Copy what lies elsewhere to its place; tell whether the file is made of the sources."""
        end, elsewhere = 0, list[tuple[str, int]]()
        for one in sources:
            place = slice_at(self._root / one)
            if place is None:
                elsewhere.append((one, end))
            elif (place.whole, place.start) != (key, end):
                return False
            end += stored_at(self._root / one).size
        for one, start in elsewhere:
            with self.open(one) as source:
                copy(source, fd, start)
        return os.fstat(fd).st_size == end


class SliceDraft:
    """A slice on its way to its name, in a file that is locked there; discard it in the end.

    Its place is claimed by the first call that needs it, so making one does no I/O. What cannot
    have its place, or no link on this file system, becomes a file of its own.
    """

    def __init__(self, slices: Slices, key: str, place: Slice) -> None:
        self._slices = slices
        self._key = key
        self._place = place
        self._apart = Draft(slices.drafts)
        self._is_claimed = False
        self._fd: int | None = None
        self._size = 0

    @property
    def exists(self) -> bool:
        """Whether there is something to discard."""
        return self._fd is not None or self._apart.exists

    def write(self, pieces: Sequence[bytes]) -> None:
        """Append bytes.

        Raises:
            ValueError: they would lie in the next slice.
        """
        if self._size + sum(map(len, pieces)) > self._place.size:
            raise ValueError(f"a slice has more than its {self._place.size} bytes")
        fd = self._claimed()
        if fd is None:
            self._apart.write(pieces)
        else:
            self._size += write_pieces(fd, pieces, self._place.start + self._size)

    def publish(self, path: Path, *, if_absent: bool = False, root: Path | None = None) -> Stored:
        """Give the slice its name, durably, if that is not taken.

        Raises:
            FileExistsError: the name is taken.
            ValueError: the slice is not whole, or should replace another.
        """
        fd = self._claimed()
        if fd is None:
            return self._apart.publish(path, if_absent=if_absent, root=root)
        if not if_absent or self._size != self._place.size:
            raise ValueError(f"a slice of {self._place.size} bytes has {self._size}")
        os.fdatasync(fd)
        self._slices.sync()
        try:
            name(lambda: self._link(path), path, root)
            stored = stored_at(path)
        except OSError as error:
            if error.errno not in _CANNOT_LINK:
                raise
            self._apart.append([Source(os.dup(fd), self._place.start, self._size)])
            stored = self._apart.publish(path, if_absent=True, root=root)
        self.discard()
        return stored

    def discard(self) -> None:
        """Give the place up; what was written there is overwritten, or goes with the whole."""
        self._apart.discard()
        if self._fd is not None:
            os.close(self._fd)
            self._fd = None

    def _claimed(self) -> int | None:
        if not self._is_claimed:
            self._fd = self._slices.claim(self._key, self._place)
            self._is_claimed = True
        return self._fd

    def _link(self, path: Path) -> None:
        path.symlink_to(text_of(self._place))
        now = time.time_ns()  # as for files: the kernel's own stamp is coarse
        os.utime(path, ns=(now, now), follow_symlinks=False)


def _has_slices(folder: Path, whole: str) -> bool:
    """Whether there is a slice of a whole in a folder."""
    with contextlib.suppress(FileNotFoundError, NotADirectoryError):
        places = (slice_at(path) for path in folder.iterdir())
        return any(place and place.whole == whole for place in places)
    return False


def _drop(path: Path, before: float) -> bool:
    """Delete what grows if nobody writes to it, or has since that time; tell whether."""
    try:
        fd = os.open(path, os.O_RDWR | os.O_CLOEXEC)
    except FileNotFoundError:
        return False
    try:
        is_left = _locked(fd, 0, 0) and os.fstat(fd).st_mtime < before
        if is_left:
            path.unlink(missing_ok=True)
    finally:
        os.close(fd)
    return is_left


def _locked(fd: int, start: int, size: int) -> bool:
    """Lock a range of an open file (size 0: to its end) till it is closed; False if another has."""
    if _SET_LOCK is None:
        return False
    asked = struct.pack("hhqqi", fcntl.F_WRLCK, os.SEEK_SET, start, size, 0)
    try:
        fcntl.fcntl(fd, _SET_LOCK, asked)
    except OSError:
        return False
    return True


def _names(path: Path, fd: int) -> bool:
    """Whether a path still leads to an open file."""
    try:
        return os.path.samestat(path.stat(), os.fstat(fd))
    except OSError:
        return False
