"""Tether: a child that ends with its parent, even when the parent is killed with -9.

Linux does it (PR_SET_PDEATHSIG); elsewhere a child may outlive a killed parent, and the next
start finds its traces.
"""

import ctypes
import os
import signal
import sys
from collections.abc import Callable

_PR_SET_PDEATHSIG = 1
# Looked up here because between fork and exec as little as possible may happen.
_prctl = ctypes.CDLL(None).prctl if sys.platform == "linux" else None


def tether(number: signal.Signals) -> Callable[[], None]:
    """Make a `preexec_fn` by which the child gets this signal when the calling thread ends."""
    parent = os.getpid()

    def bind() -> None:
        if _prctl is not None:
            _prctl(_PR_SET_PDEATHSIG, int(number), 0, 0, 0)
            if os.getppid() != parent:  # it died before we were bound to it
                os._exit(1)

    return bind
