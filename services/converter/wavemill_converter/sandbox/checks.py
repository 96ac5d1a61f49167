"""Checks: does a layer hold? Asked by a child of itself, once the layer is said to be on.

A system call may be accepted and do nothing: emulators and some container runtimes are like that.
"""

import errno
import os
import resource
import socket
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

from wavemill_converter.sandbox.layers import Layer
from wavemill_converter.sandbox.limits import DESCRIPTORS


class DoesNotHold(Exception):
    """The layer is on and keeps nothing out."""


def _is_nobody() -> bool:
    return os.getuid() != 0 and os.geteuid() != 0 and os.getegid() != 0


def _is_limited() -> bool:
    return resource.getrlimit(resource.RLIMIT_NOFILE)[1] <= DESCRIPTORS


def _reads_nothing() -> bool:
    return _refused(lambda: os.close(os.open(Path(__file__).parent, os.O_RDONLY)), errno.EACCES)


def _connects_nowhere() -> bool:
    with closing(socket.socket()) as one:
        one.settimeout(1)
        # Whether anybody listens there does not matter: a refusal comes before.
        return _refused(lambda: one.connect(("127.0.0.1", 9)), errno.EACCES)


def _has_no_other_sockets() -> bool:
    return _refused(lambda: socket.socket(socket.AF_UNIX).close(), errno.EPERM)


def _refused(attempt: Callable[[], object], error: int) -> bool:
    try:
        attempt()
    except OSError as failure:
        return failure.errno == error
    return False


_CHECKS = {
    Layer.UNPRIVILEGED: _is_nobody,
    Layer.LIMITS: _is_limited,
    Layer.FILES: _reads_nothing,
    Layer.NETWORK: _connects_nowhere,
    Layer.SECCOMP: _has_no_other_sockets,
}


def must_hold(layer: Layer) -> None:
    """Try what a layer forbids.

    Raises:
        DoesNotHold: it was not refused.
    """
    if not _CHECKS[layer]():
        raise DoesNotHold(layer.value)
