"""Usage: wall time, CPU seconds and peak memory, as the operating system tells them."""

import mmap
import os
import subprocess
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

import psutil

_KIB = 1024


class Usage(NamedTuple):
    """What something took: seconds, CPU seconds."""

    wall: float
    cpu: float

    def __str__(self) -> str:
        return f"{self.wall:7.3f} s, CPU {self.cpu:7.3f} s"


def of_command(argv: Sequence[str]) -> Usage:
    """Run a command, which must succeed; its children count."""
    began = time.perf_counter()
    with subprocess.Popen(argv, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL) as process:
        _, status, used = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
    assert process.returncode == 0, argv
    return Usage(time.perf_counter() - began, used.ru_utime + used.ru_stime)


def of_servers(
    processes: Sequence[psutil.Process], work: Callable[[], object], memory: int = 0
) -> Usage:
    """Do some work; tell what servers took for it, their ended children with them.

    As many bytes of `memory` are used and freed before. Where a host takes back what its guest
    frees, a page's first use costs several times what later ones do: a file's first writer would
    pay for it, and the next one not. Nor does one side wait for what another left to be written.
    """
    _settle(memory)
    before, began = cpu_seconds(processes), time.perf_counter()
    work()
    wall = time.perf_counter() - began
    return Usage(wall, cpu_seconds(processes) - before)


def _settle(size: int) -> None:
    if size:
        os.sync()
        with mmap.mmap(-1, size) as memory:
            for page in range(0, size, mmap.PAGESIZE):
                memory[page] = 1


def cpu_seconds(processes: Iterable[psutil.Process]) -> float:
    """All CPU time of some processes so far, and of their children that have ended."""
    times = [process.cpu_times() for process in processes]
    return sum(one.user + one.system + one.children_user + one.children_system for one in times)


def peak_rss(pid: int) -> int:
    """The most memory that a process has held so far, in bytes."""
    lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith("VmHWM:")) * _KIB


def forget_peak_rss(pid: int) -> None:
    """Let the peak begin anew at what is held now. Source: proc_pid_clear_refs(5)."""
    Path(f"/proc/{pid}/clear_refs").write_text("5")


def pin(pid: int, core: int) -> None:
    """Keep a process, and the threads that it will start, on one core where there are several."""
    os.sched_setaffinity(pid, {core % (os.cpu_count() or 1)})


@contextmanager
def pinned(core: int) -> Iterator[None]:
    """Keep this thread, and what it starts, on one core for the time of a block."""
    before = os.sched_getaffinity(0)
    pin(0, core)
    try:
        yield
    finally:
        os.sched_setaffinity(0, before)
