"""MemoryFile: a seekable file that lies in memory, and whose read parts are given back at once."""

import ctypes
import errno
import os
import sys
from typing import Self

PUNCH_HOLE_KEEP_SIZE = 0x01 | 0x02  # fallocate(2)
BLOCK_BYTES = 512  # what st_blocks counts in

_libc = ctypes.CDLL(None, use_errno=True)


def is_supported() -> bool:
    """Whether this system has memory files with holes: Linux has."""
    return sys.platform == "linux" and hasattr(os, "memfd_create") and hasattr(_libc, "fallocate")


class MemoryFile:
    """An anonymous file that a child can inherit as `fd`. A context manager."""

    def __init__(self, name: str) -> None:
        self.fd = os.memfd_create(name)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        os.close(self.fd)

    @property
    def size(self) -> int:
        """The length in bytes, holes included."""
        return os.fstat(self.fd).st_size

    @property
    def held(self) -> int:
        """The bytes of memory that it takes now."""
        return os.fstat(self.fd).st_blocks * BLOCK_BYTES

    def read(self, start: int, end: int) -> bytes:
        """Read the bytes from `start` up to, not including, `end`.

        Raises:
            EOFError: the file ends before.
        """
        data = bytearray()
        while len(data) < end - start:
            block = os.pread(self.fd, end - start - len(data), start + len(data))
            if not block:
                raise EOFError(f"the memory file ends at {start + len(data)}, not at {end}")
            data += block
        return bytes(data)

    def write(self, data: bytes) -> None:
        """Put these bytes at the beginning."""
        written = 0
        while written < len(data):
            written += os.pwrite(self.fd, data[written:], written)

    def free(self, start: int, end: int) -> None:
        """Give the memory of a range back; it reads as zeros from now on."""
        offset, length = ctypes.c_longlong(start), ctypes.c_longlong(end - start)
        if _libc.fallocate(self.fd, PUNCH_HOLE_KEEP_SIZE, offset, length) != 0:
            raise OSError(ctypes.get_errno(), "cannot free a part of the memory file")

    def has_data(self, start: int, end: int) -> bool:
        """Whether anything was written to a range (again) after it was freed."""
        if start >= end:
            return False
        try:
            found = os.lseek(self.fd, start, os.SEEK_DATA)
        except OSError as error:
            if error.errno == errno.ENXIO:  # nothing but holes up to the end
                return False
            raise
        return found < end
