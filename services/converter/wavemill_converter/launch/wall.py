"""Wall: what a child does to contain itself between fork and exec, as plain numbers and bytes."""

import ctypes
import os
import resource
import struct
from collections.abc import Sequence
from typing import NamedTuple

STEP = struct.Struct("=HBBI")  # of a filter, as the kernel has it: code, yes, no, value
_VALUE = 4  # where in a step its value is
_PR_SET_NO_NEW_PRIVS, _PR_SET_SECCOMP, _FILTER_MODE = 38, 22, 2
_RESTRICT_SELF = 446  # of Landlock, the same number everywhere
_CLOSE_RANGE, _CLOSE_ON_EXEC = 436, 4
_LAST_DESCRIPTOR = (1 << 32) - 1

_libc = ctypes.CDLL(None, use_errno=True)


class Filter(NamedTuple):
    """A filter of system calls: its steps, and which of them compare with the process' number."""

    steps: bytes
    own: Sequence[int] = ()


class Wall(NamedTuple):
    """The layers as they are switched on. Any failure in it must keep the program from running.

    `descriptors` are inherited, all others end with exec; `user` is who the child becomes;
    `ruleset` a descriptor of Landlock; `limits` are kind, soft, hard.
    """

    descriptors: Sequence[int] = ()
    user: int | None = None
    ruleset: int | None = None
    limits: Sequence[tuple[int, int, int]] = ()
    filter: Filter | None = None

    def close(self) -> None:
        """Contain this process, for good.

        Raises:
            OSError: the kernel refuses a layer.
        """
        seal(self.descriptors)
        if self.user is not None:
            os.setgroups([])
            os.setresgid(self.user, self.user, self.user)
            os.setresuid(self.user, self.user, self.user)
        if _libc.prctl(_PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0:
            raise OSError(ctypes.get_errno(), "no_new_privs was refused")
        if self.ruleset is not None:
            restrict(self.ruleset)
        if self.filter is not None:
            _apply(self.filter)
        for kind, soft, hard in self.limits:
            resource.setrlimit(kind, (soft, hard))


def seal(descriptors: Sequence[int]) -> None:
    """Let nothing but the standard three and these be inherited."""
    # Python closes what it finds in /proc/self/fd, which it cannot read any more, or else what
    # is below the limit for descriptors, which is low now. So all of them end with exec.
    _libc.syscall(_CLOSE_RANGE, 3, ctypes.c_uint(_LAST_DESCRIPTOR), _CLOSE_ON_EXEC)
    for descriptor in descriptors:
        os.set_inheritable(descriptor, True)  # noqa: FBT003 - positional only


def restrict(ruleset: int) -> None:
    """Give up what a ruleset of Landlock forbids, for this process and all that it starts.

    Raises:
        OSError: the kernel did not take it.
    """
    if _libc.syscall(_RESTRICT_SELF, ruleset, ctypes.c_uint(0)) != 0:
        error = ctypes.get_errno()
        raise OSError(error, f"landlock: {os.strerror(error)}")


class _Program(ctypes.Structure):
    _fields_ = (("length", ctypes.c_uint16), ("steps", ctypes.c_void_p))


def _apply(system_calls: Filter) -> None:
    """Filter all further calls of this process; it can have no new privileges already."""
    size = len(system_calls.steps)
    steps = ctypes.create_string_buffer(system_calls.steps, size)
    for at in system_calls.own:
        struct.pack_into("=I", steps, at * STEP.size + _VALUE, os.getpid())
    program = _Program(size // STEP.size, ctypes.addressof(steps))
    if _libc.prctl(_PR_SET_SECCOMP, _FILTER_MODE, ctypes.byref(program), 0, 0) != 0:
        raise OSError(ctypes.get_errno(), "seccomp refused its filter")
