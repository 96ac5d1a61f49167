"""Landlock: a process gives up files and ports for good. Source: landlock(7).

Each version (ABI) of it knows more rights; only those that the kernel knows are asked for.
"""

import ctypes
import os
import stat
import struct
import sys
from collections.abc import Iterable
from enum import IntFlag

_CREATE_RULESET, _ADD_RULE = 444, 445  # the same numbers everywhere
_VERSION = 1
_PATH_BENEATH, _NET_PORT = 1, 2
_ABI_NET = 4
_ABI_SCOPE = 6
_CONNECT_TCP, _BIND_TCP = 2, 1
_SCOPES = 1 | 2  # abstract sockets and signals stay inside
_FIRST_RIGHTS = 13  # of the first version
_RIGHTS_SINCE = {2: 1 << 13, 3: 1 << 14, 5: 1 << 15}  # refer, truncate, ioctl on devices


class Right(IntFlag):
    """What may be done with a file, or with all below a directory."""

    EXECUTE = 1 << 0
    WRITE = 1 << 1
    READ = 1 << 2
    LIST = 1 << 3
    TRUNCATE = 1 << 14


_OF_FILES = Right.EXECUTE | Right.WRITE | Right.READ | Right.TRUNCATE

_libc = ctypes.CDLL(None, use_errno=True)


def version() -> int:
    """The kernel's version of Landlock; 0 where there is none, or it is switched off."""
    if sys.platform != "linux":
        return 0
    size, flags = ctypes.c_size_t(0), ctypes.c_uint(_VERSION)
    return max(0, int(_libc.syscall(_CREATE_RULESET, None, size, flags)))


def has_network() -> bool:
    """Whether ports can be ruled too."""
    return version() >= _ABI_NET


def ruleset(
    rules: Iterable[tuple[str, Right]] | None, ports: Iterable[int] | None = None, *, abi: int
) -> int:
    """Make a ruleset: what it handles is forbidden but for its rules. Returns a descriptor.

    `rules` None leaves files alone, `ports` None leaves TCP alone.

    Raises:
        OSError: the kernel did not take it.
    """
    files = _handled_files(abi) if rules is not None else 0
    net = _BIND_TCP | _CONNECT_TCP if ports is not None and abi >= _ABI_NET else 0
    scoped = _SCOPES if abi >= _ABI_SCOPE else 0
    words = (files, net, scoped)[: 3 if abi >= _ABI_SCOPE else 2 if abi >= _ABI_NET else 1]
    attributes = struct.pack(f"={len(words)}Q", *words)
    size = ctypes.c_size_t(len(attributes))
    made = _call(_CREATE_RULESET, attributes, size, ctypes.c_uint(0))
    try:
        for path, right in rules or ():
            _allow_path(made, path, right & files)
        for port in (ports or ()) if net else ():
            _call(_ADD_RULE, made, _NET_PORT, struct.pack("=QQ", _CONNECT_TCP, port), 0)
    except BaseException:
        os.close(made)
        raise
    return made


def _handled_files(abi: int) -> int:
    since = (right for first, right in _RIGHTS_SINCE.items() if abi >= first)
    return (1 << _FIRST_RIGHTS) - 1 | sum(since)


def _allow_path(made: int, path: str, right: int) -> None:
    try:
        opened = os.open(path, os.O_PATH | os.O_CLOEXEC)
    except FileNotFoundError:
        return  # what is not there needs no right
    try:
        if not stat.S_ISDIR(os.fstat(opened).st_mode):
            right &= _OF_FILES
        _call(_ADD_RULE, made, _PATH_BENEATH, struct.pack("=Qi", right, opened), 0)
    finally:
        os.close(opened)


def _call(number: int, *arguments: object) -> int:
    result = int(_libc.syscall(number, *arguments))
    if result < 0:
        error = ctypes.get_errno()
        raise OSError(error, f"landlock: {os.strerror(error)}")
    return result
