"""Free ports for servers that must know theirs before they start."""

import itertools
import random
import socket

# Below where systems take ports for outgoing connections: else any of these could take one between
# its choice and its server's start. Each process goes its own way through them.
_RANGE = range(20_000, 32_000)
_PORTS = itertools.cycle(random.SystemRandom().sample(_RANGE, len(_RANGE)))


def free_port() -> int:
    """A loopback port that nobody uses now."""
    return next(port for port in _PORTS if _is_free(port))


def _is_free(port: int) -> bool:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
    return True
