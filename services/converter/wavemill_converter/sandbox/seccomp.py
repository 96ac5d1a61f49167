"""Seccomp: a filter of system calls, as a BPF program that is written here. Source: seccomp(2).

It names what is refused, not what is allowed: ffmpeg and its libraries of any age run under it.
"""

import errno
import socket
from collections.abc import Iterator, Sequence
from typing import Final

from msgspec import Struct

from wavemill_converter.launch.wall import STEP, Filter
from wavemill_converter.sandbox.syscalls import ARCHITECTURES, DENIED, number_of

_LOAD, _AND, _JUMP_IF_EQUAL, _JUMP_IF_AT_LEAST, _RETURN = 0x20, 0x54, 0x15, 0x35, 0x06
_NUMBER, _ARCHITECTURE, _ARGUMENTS = 0, 4, 16  # offsets in struct seccomp_data
_ALLOW, _KILL, _ERRNO = 0x7FFF0000, 0x80000000, 0x00050000
_X32 = 0x40000000  # from here on numbers mean the same calls once more
_ALL_BITS = 0xFFFFFFFF
_TYPE_BITS = 0xF  # of a socket's type; the rest are flags
_CLONE_THREAD = 0x10000
_MSG_FASTOPEN = 0x20000000  # connects while sending, past Landlock's rule for connect
OWN_PROCESS: Final = -1
"""Stands for the number of the process that the filter will be in, until that is known."""


class Instruction(Struct, frozen=True):
    """One step: `yes` and `no` are how many steps to skip."""

    code: int
    value: int
    yes: int = 0
    no: int = 0


class Test(Struct, frozen=True):
    """The argument number `argument`, masked, must be one of `values`."""

    argument: int
    values: tuple[int, ...]
    mask: int = _ALL_BITS


CONDITIONS: Final = {
    # Not MPTCP either, of which Landlock's rule for TCP knows nothing.
    "socket": (
        Test(0, (socket.AF_INET,)),
        Test(1, (socket.SOCK_STREAM,), _TYPE_BITS),
        Test(2, (0, socket.IPPROTO_TCP)),
    ),
    "sendto": (Test(3, (0,), _MSG_FASTOPEN),),
    "sendmsg": (Test(2, (0,), _MSG_FASTOPEN),),
    "clone": (Test(0, (_CLONE_THREAD,), _CLONE_THREAD),),
    "prlimit64": (Test(0, (0,)),),
    "tgkill": (Test(0, (OWN_PROCESS,)),),  # abort() signals itself
}
"""A call is allowed if all its tests hold; only the lower 32 bits of arguments count for these."""


def filter_program(machine: str) -> list[Instruction]:
    """Write the program for a machine. Pure.

    clone3 hides its flags from us: it does not exist, then libraries take clone.
    """
    program = [
        Instruction(_LOAD, _ARCHITECTURE),
        Instruction(_JUMP_IF_EQUAL, ARCHITECTURES[machine], yes=1),
        Instruction(_RETURN, _KILL),
        Instruction(_LOAD, _NUMBER),
    ]
    if machine == "x86_64":
        program += [Instruction(_JUMP_IF_AT_LEAST, _X32, no=1), Instruction(_RETURN, _KILL)]
    for name, tests in CONDITIONS.items():
        program += _on(name, machine, [*_tested(tests), Instruction(_RETURN, _ALLOW)])
    program += _on("clone3", machine, [_refusal(errno.ENOSYS)])
    for name in DENIED:
        program += _on(name, machine, [_refusal(errno.EPERM)])
    return [*program, Instruction(_RETURN, _ALLOW)]


def _on(name: str, machine: str, block: Sequence[Instruction]) -> list[Instruction]:
    """Do a block for one call; skip it for the others."""
    number = number_of(name, machine)
    if number is None:
        return []
    return [Instruction(_JUMP_IF_EQUAL, number, no=len(block)), *block]


def _tested(tests: Sequence[Test]) -> Iterator[Instruction]:
    for test in tests:
        yield Instruction(_LOAD, _ARGUMENTS + 8 * test.argument)
        if test.mask != _ALL_BITS:
            yield Instruction(_AND, test.mask)
        for left, value in zip(range(len(test.values), 0, -1), test.values, strict=True):
            yield Instruction(_JUMP_IF_EQUAL, value, yes=left)
        yield _refusal(errno.EPERM)


def _refusal(error: int) -> Instruction:
    return Instruction(_RETURN, _ERRNO | error)


def filter_of(program: Sequence[Instruction]) -> Filter:
    """The program in the kernel's form, ready to be switched on in a child. Pure."""
    steps = (STEP.pack(one.code, one.yes, one.no, one.value & _ALL_BITS) for one in program)
    own = [at for at, step in enumerate(program) if step.value == OWN_PROCESS]
    return Filter(b"".join(steps), own)
