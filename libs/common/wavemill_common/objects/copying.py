"""Copying between open files, by the kernel where it can."""

import contextlib
import errno
import os
from typing import NamedTuple, Self

_STEP = 1 << 30  # bytes; one call copies at most 2 GiB
_BLOCK = 1 << 20  # bytes that are copied at once where the kernel can't
_CANNOT = frozenset({errno.EXDEV, errno.ENOSYS, errno.EINVAL, errno.EOPNOTSUPP, errno.EPERM})


class Source(NamedTuple):
    """Bytes of an open file: `size` of them from `start`. Used as a context, it is closed."""

    fd: int
    start: int
    size: int

    @classmethod
    def whole(cls, fd: int) -> Self:
        """All of a file."""
        return cls(fd, 0, os.fstat(fd).st_size)

    def read(self, start: int, size: int) -> bytes:
        """Read up to `size` bytes from `start`, counted from the first of these bytes."""
        return os.pread(self.fd, max(0, min(size, self.size - start)), self.start + start)

    def close(self) -> None:
        """Close the file."""
        os.close(self.fd)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def copy(source: Source, target: int, at: int) -> None:
    """Copy a source's bytes into another file, to the place `at`.

    Raises:
        OSError: among others, where the source has lost its end.
    """
    done = 0
    while done < source.size:
        step = min(_STEP, source.size - done)
        copied = _copy_some(source.fd, source.start + done, target, at + done, step)
        if not copied:
            raise OSError(errno.EIO, "a stored object has become shorter")
        done += copied


def write_at(fd: int, data: bytes | memoryview, at: int) -> None:
    """Write all of some bytes to a place."""
    rest = memoryview(data)
    while rest:
        written = os.pwrite(fd, rest, at)
        rest, at = rest[written:], at + written


def _copy_some(source: int, start: int, target: int, at: int, size: int) -> int:
    with contextlib.suppress(AttributeError):  # only Linux has it
        try:
            return os.copy_file_range(source, target, size, start, at)
        except OSError as error:
            if error.errno not in _CANNOT:
                raise
    block = os.pread(source, min(size, _BLOCK), start)
    write_at(target, block, at)
    return len(block)
