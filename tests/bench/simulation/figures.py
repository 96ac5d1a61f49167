"""Figures: what is told of many waits. Pure."""

import math
from collections.abc import Iterable, Sequence

from msgspec import Struct

from bench.simulation.model import Run


class Waits(Struct, frozen=True):
    """Seconds from submission to start, of so many jobs."""

    jobs: int
    p50: float
    p99: float


def percentile(values: Sequence[float], share: float) -> float:
    """The least value that so large a share of all values does not exceed (nearest rank)."""
    ranked = sorted(values)
    return ranked[max(0, math.ceil(share * len(ranked)) - 1)]


def waits_of(runs: Iterable[Run]) -> Waits:
    """Tell how long some jobs waited."""
    waits = [run.wait for run in runs]
    if not waits:
        return Waits(0, 0.0, 0.0)
    return Waits(len(waits), round(percentile(waits, 0.5), 3), round(percentile(waits, 0.99), 3))
