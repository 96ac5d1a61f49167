"""Bench: what every scenario is given, and what it has to be.

A scenario is a module with `NAME`, `ABOUT` and `run(bench)`, which yields its rows. It compares
two ways of doing the same by `interleaved`, at its own quick or full size, and raises `LeftOut`
where this machine lacks what it needs.
"""

from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import NamedTuple, Protocol, TypeVar

from bench.rows import Row

T = TypeVar("T")


class LeftOut(Exception):
    """A scenario, or a part of it, cannot be run here; the message says why."""


class Bench(NamedTuple):
    """How large to measure, how many pairs, and where to put things."""

    folder: Path
    full: bool
    pairs: int | None = None  # asked for by hand

    def sized(self, quick: T, full: T) -> T:
        """The one of two sizes that is asked for."""
        return full if self.full else quick

    def times(self, quick: int, full: int) -> int:
        """How many pairs to measure."""
        return self.pairs or self.sized(quick, full)


class Scenario(Protocol):
    """What a module of `bench.scenarios` offers."""

    NAME: str
    ABOUT: str

    def run(self, bench: Bench) -> Iterator[Row]:
        """Measure."""
        ...


def interleaved(
    pairs: int, *sides: Callable[[], T], warm: bool = True, told: Callable[[T], str] = str
) -> list[Sequence[T]]:
    """Run all sides in turn, `pairs` times, after one round that is not counted.

    Returns the results of each side.
    """
    rounds = [_round(number, sides, told) for number in range(0 if warm else 1, pairs + 1)]
    return [list(side) for side in zip(*rounds[1 if warm else 0 :], strict=True)]


def _round(number: int, sides: Sequence[Callable[[], T]], told: Callable[[T], str]) -> list[T]:
    found = [side() for side in sides]
    print(f"    {number or 'warm'}: {'  |  '.join(told(one) for one in found)}", flush=True)
    return found
