"""The filter of system calls, as a program that is run here; and what a program needs."""

import errno
import re
import struct
from pathlib import Path

import pytest

from wavemill_converter.sandbox.program import Program
from wavemill_converter.sandbox.seccomp import OWN_PROCESS, Instruction, filter_program
from wavemill_converter.sandbox.syscalls import ARCHITECTURES, CONDITIONAL, DENIED, number_of

MACHINES = tuple(ARCHITECTURES)
ALLOW, KILL, REFUSE = 0x7FFF0000, 0x80000000, 0x00050000
HEADERS = {
    "x86_64": Path("/usr/include/x86_64-linux-gnu/asm/unistd_64.h"),
    "aarch64": Path("/usr/include/asm-generic/unistd.h"),
}
INET, INET6, UNIX, STREAM, DATAGRAM, CLOEXEC = 2, 10, 1, 1, 2, 0o2000000
THREAD_FLAGS, FORK_FLAGS = 0x3D0F00, 0x1200011


def judge(machine: str, name: str | int, *arguments: int, arch: int | None = None) -> int:
    """Run the program as the kernel does; return its verdict."""
    number = number_of(name, machine) if isinstance(name, str) else name
    assert number is not None
    padded = (*arguments, *[0] * (6 - len(arguments)))
    data = struct.pack("<IIQ6Q", number, arch or ARCHITECTURES[machine], 0, *padded)
    return verdict(filter_program(machine), data)


def verdict(program: list[Instruction], data: bytes) -> int:
    at = register = 0
    while True:
        step = program[at]
        at += 1
        if step.code == 0x20:
            (register,) = struct.unpack_from("<I", data, step.value)
        elif step.code == 0x54:
            register &= step.value
        elif step.code == 0x06:
            return step.value
        else:
            holds = register == step.value if step.code == 0x15 else register >= step.value
            at += step.yes if holds else step.no


@pytest.mark.parametrize("machine", MACHINES)
def test_what_is_denied_is_refused_and_all_else_is_not(machine: str) -> None:
    denied = {number_of(name, machine) for name in DENIED} - {None}
    conditional = {number_of(name, machine) for name in CONDITIONAL}
    for number in range(600):
        if number in conditional:
            continue
        expected = REFUSE | errno.EPERM if number in denied else ALLOW
        assert judge(machine, number) == expected, number


@pytest.mark.parametrize("machine", MACHINES)
@pytest.mark.parametrize(
    ("name", "arguments", "allowed"),
    [
        ("socket", (INET, STREAM, 0), True),
        ("socket", (INET, STREAM | CLOEXEC, 6), True),
        ("socket", (INET, DATAGRAM, 0), False),
        ("socket", (INET, STREAM, 262), False),  # MPTCP
        ("socket", (INET6, STREAM, 0), False),
        ("socket", (UNIX, STREAM, 0), False),
        ("clone", (THREAD_FLAGS,), True),
        ("clone", (FORK_FLAGS,), False),
        ("sendto", (3, 0, 1, 0x4000), True),
        ("sendto", (3, 0, 1, 0x20000000), False),
        ("sendmsg", (3, 0, 0x20000000), False),
        ("prlimit64", (0, 7), True),
        ("prlimit64", (1, 7), False),
        ("tgkill", (OWN_PROCESS & 0xFFFFFFFF,), False),
    ],
)
def test_some_calls_depend_on_their_arguments(
    machine: str, name: str, arguments: tuple[int, ...], *, allowed: bool
) -> None:
    expected = ALLOW if allowed else REFUSE | errno.EPERM
    assert judge(machine, name, *arguments) == expected


@pytest.mark.parametrize("machine", MACHINES)
def test_clone3_does_not_exist_so_that_clone_is_taken(machine: str) -> None:
    assert judge(machine, "clone3") == REFUSE | errno.ENOSYS


def test_calls_of_another_architecture_kill() -> None:
    assert judge("x86_64", 1, arch=0x40000003) == KILL  # i386
    assert judge("aarch64", 1, arch=0x40000028) == KILL  # arm
    assert judge("x86_64", 0x40000000 + 1) == KILL  # x32


@pytest.mark.parametrize("machine", MACHINES)
def test_the_numbers_are_those_of_the_kernels_headers(machine: str) -> None:
    if not HEADERS[machine].exists():
        pytest.skip("no kernel headers here")
    text = HEADERS[machine].read_text()
    found = dict(re.findall(r"#define __NR(?:3264)?_(\w+)\s+(\d+)$", text, re.MULTILINE))
    for name in DENIED | CONDITIONAL:
        number = number_of(name, machine)
        assert name not in found or int(found[name]) == number, name


def test_a_script_is_no_program_that_can_be_contained(tmp_path: Path) -> None:
    script = tmp_path / "ffmpeg"
    script.write_text("#!/bin/sh\nexec /usr/bin/ffmpeg\n")
    with pytest.raises(ValueError, match="script"):
        Program.of(str(script))
