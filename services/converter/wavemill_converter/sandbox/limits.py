"""Limits of resources (setrlimit), as a child sets them; never above what it has already."""

import math
import resource

from wavemill_common.settings import MIB

MEMORY = 1024 * MIB  # bytes of address space; conversions take 0.1 to 0.5 GiB of it
MEMORY_PER_RESULT = 384 * MIB  # more for each further one: its threads reserve arenas and stacks
DESCRIPTORS = 64
CORES = 2  # of computing time per second that a run may last: it has more than one thread
MERCY = 5  # seconds from the signal that asks to end to the one that ends

Limit = tuple[int, int, int]  # kind, soft, hard


def limits_for(seconds: float, file_bytes: int | None, results: int = 1) -> list[Limit]:
    """Limits for a run of so many seconds that writes `results` files of up to `file_bytes`.

    Memory comes last: after it not even we can be sure to get any.
    """
    busy = math.ceil(seconds) * CORES
    limits = [
        _lowered(resource.RLIMIT_CORE, 0),
        _lowered(resource.RLIMIT_CPU, busy, MERCY),
        _lowered(resource.RLIMIT_NOFILE, DESCRIPTORS),
    ]
    if file_bytes is not None:
        limits.append(_lowered(resource.RLIMIT_FSIZE, file_bytes))
    memory = MEMORY + MEMORY_PER_RESULT * max(0, results - 1)
    return [*limits, _lowered(resource.RLIMIT_AS, memory)]


def _lowered(kind: int, soft: int, more: int = 0) -> Limit:
    _, hard = resource.getrlimit(kind)
    if hard == resource.RLIM_INFINITY:
        return kind, soft, soft + more
    return kind, min(soft, hard), min(soft + more, hard)
