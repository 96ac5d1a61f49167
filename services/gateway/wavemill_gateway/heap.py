"""Heap: keep the memory that one body's blocks lay in for the next one's."""

import ctypes
from typing import Final

KEPT: Final = 32 * 1024 * 1024  # bytes that are free, and yet not given back
BLOCK: Final = 4 * 1024 * 1024  # bytes; what is larger comes from the system, and goes back to it
_TRIM_THRESHOLD, _MMAP_THRESHOLD = -1, -3  # of mallopt(3)


def keep_freed_memory() -> None:
    """Have the C library, if it is glibc, keep what is freed; before the first request.

    By itself it gives back 128 KiB and more at once. Then the system has to empty and map each page
    of a body anew, which took a fifth of an upload's computing.
    """
    libc = ctypes.CDLL(None)
    if hasattr(libc, "mallopt"):
        libc.mallopt(_MMAP_THRESHOLD, BLOCK)
        libc.mallopt(_TRIM_THRESHOLD, KEPT)
