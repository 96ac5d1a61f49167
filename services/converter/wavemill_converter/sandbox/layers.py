"""Layer: one of the walls, by the name under which readiness and the log show it."""

from enum import StrEnum


class Layer(StrEnum):
    """The walls, in the order in which they are shown; each is worth having without the others."""

    UNPRIVILEGED = "unprivileged"
    LIMITS = "limits"
    FILES = "landlock-files"
    NETWORK = "landlock-network"
    SECCOMP = "seccomp"
