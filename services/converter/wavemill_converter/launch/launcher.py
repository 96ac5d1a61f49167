"""The launcher: takes orders from the converter that started it, and forks for each of them.

What it forks are children of the converter, not its own (CLONE_PARENT): the converter reaps them,
and they die with it, whatever becomes of the launcher.
"""

import ctypes
import fcntl
import gc
import os
import signal
import socket
from collections.abc import Callable, Sequence
from contextlib import suppress

from wavemill_converter.launch.order import (
    ERR,
    MOST_DESCRIPTORS,
    MOST_TEXT,
    OUT,
    REST,
    TOLD,
    Order,
    order_of,
)
from wavemill_converter.launch.wall import seal

_CLONE_PARENT = 0x8000
_PR_SET_PDEATHSIG = 1
_STANDARD = 3
_NOT_STARTED = 255
NOT_ENTERED, NOT_EXECUTED = "entering", "executing"

# Not CDLL, which lets go of the interpreter's lock: the child of a raw clone must hold it.
_libc = ctypes.PyDLL(None, use_errno=True)


def main(orders: int, parent: int, clone: int) -> None:
    """Work until the converter, process `parent`, ends or closes its end of the socket `orders`.

    `clone` is the number of that system call.
    """
    tie(parent)
    gc.freeze()
    with socket.socket(fileno=orders) as orders_in:
        while True:
            text, received, flags, _ = socket.recv_fds(
                orders_in, MOST_TEXT, MOST_DESCRIPTORS, socket.MSG_CMSG_CLOEXEC
            )
            if not text:
                return
            try:
                if not flags & (socket.MSG_TRUNC | socket.MSG_CTRUNC):
                    _start(text, received, lambda: tie(parent), clone)
            finally:
                for one in received:
                    os.close(one)


def tie(parent: int) -> None:
    """End with a parent, even when it is killed; at once if it is no more."""
    _libc.prctl(_PR_SET_PDEATHSIG, int(signal.SIGKILL), 0, 0, 0)
    if os.getppid() != parent:
        os._exit(1)


def _start(text: bytes, received: Sequence[int], bind: Callable[[], None], clone: int) -> None:
    """Fork a child for an order. What becomes of it is told by the child itself."""
    flags = ctypes.c_ulong(_CLONE_PARENT | signal.SIGCHLD)
    pid = int(_libc.syscall(ctypes.c_long(clone), flags, None, None, None, None))
    if pid == 0:
        _become(text, received, bind)
    if pid < 0:
        error = ctypes.get_errno()
        os.write(received[TOLD], f"0\n{NOT_ENTERED} {error} {os.strerror(error)}".encode())


def _become(text: bytes, received: Sequence[int], bind: Callable[[], None]) -> None:
    """Be the child: tell its number, become the command; or tell why not, and end."""
    told, doing = received[TOLD], NOT_ENTERED
    try:
        os.write(told, f"{os.getpid()}\n".encode())
        os.setsid()
        for number in (signal.SIGPIPE, signal.SIGXFSZ):  # Python ignores them
            signal.signal(number, signal.SIG_DFL)
        told, order = _arranged(text, received)
        be_patient()
        if order.wall is not None:
            order.wall.close()
        bind()  # last: the kernel forgets it when the user changes
        doing = NOT_EXECUTED
        os.execvpe(order.argv[0], list(order.argv), order.environment)  # noqa: S606 - no shell
    except BaseException as error:  # noqa: BLE001 - whatever it is, it is told
        code = error.errno if isinstance(error, OSError) else 0
        with suppress(OSError):
            os.write(told, f"{doing} {code or 0} {error!r}".encode()[:1000])
    finally:
        os._exit(_NOT_STARTED)


def _arranged(text: bytes, received: Sequence[int]) -> tuple[int, Order]:
    """Put what was received where the command expects it; return where to tell, and the order."""
    order = order_of(text)
    wanted = set(order.inherited)
    moved = [_moved(one, wanted) for one in received]
    os.dup2(moved[OUT], 1)
    os.dup2(moved[ERR], 2)
    wall, rest = order.wall, moved[REST:]
    if wall is not None and wall.ruleset is not None:
        wall, rest = wall._replace(ruleset=rest[0]), rest[1:]
    for one, number in zip(rest, order.inherited, strict=True):
        os.dup2(one, number)
    seal(order.inherited)
    return moved[TOLD], order._replace(wall=wall)


def _moved(one: int, wanted: set[int]) -> int:
    """Another number for a descriptor, which is none of those that are wanted."""
    number = fcntl.fcntl(one, fcntl.F_DUPFD_CLOEXEC, _STANDARD)
    while number in wanted:
        number = fcntl.fcntl(one, fcntl.F_DUPFD_CLOEXEC, number + 1)
    return number


def be_patient() -> None:
    """Let no thread of the child interrupt another when it wakes up, nor one of ours.

    The threads of ffmpeg hand packets on to each other: with a switch for each, a FLAC takes a
    fifth more computing time.
    """
    if hasattr(os, "SCHED_BATCH"):
        with suppress(OSError):  # not allowed, or not known here: then it stays as it is
            os.sched_setscheduler(0, os.SCHED_BATCH, os.sched_param(0))
