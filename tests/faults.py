"""Faults of the machine that tests can cause: a full disk, a missing permission."""

import os
import subprocess
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import pytest

NOBODY = 65534
ENTER = 0o011  # for group and others


@contextmanager
def mounted(place: Path, size: int) -> Iterator[Path]:
    """Have a small file system of `size` bytes at `place`; skip the test where none may be."""
    place.mkdir()
    command = ["mount", "-t", "tmpfs", "-o", f"size={size}", "tmpfs", str(place)]
    if subprocess.run(command, capture_output=True, check=False).returncode != 0:
        pytest.skip("needs the right to mount a tmpfs")
    try:
        yield place
    finally:
        subprocess.run(["umount", str(place)], check=True)


@contextmanager
def unprivileged(place: Path) -> Iterator[None]:
    """Be nobody for a while, but able to reach `place`: root passes every permission check."""
    if os.geteuid() != 0:
        yield
        return
    with ExitStack() as stack:
        for folder in (place, *place.parents):
            mode = folder.stat().st_mode & 0o7777
            if mode & ENTER != ENTER:
                folder.chmod(mode | ENTER)
                stack.callback(folder.chmod, mode)
        stack.callback(os.seteuid, 0)
        os.seteuid(NOBODY)
        yield
