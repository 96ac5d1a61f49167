"""Rows: what was measured, pair by pair, of us and of the limit, and whether that is enough. Pure.

Both run in turn, A B A B, and each pair gives one ratio: a machine that becomes slower slows both
halves of a pair, and the median leaves out the pair that something else disturbed.
"""

import statistics
from collections.abc import Sequence
from enum import StrEnum

from msgspec import Struct


class Judged(StrEnum):
    """What of a row its goal is about."""

    RATIO = "ratio"  # ours divided by the limit's
    OURS = "ours"  # ours as it is
    MORE = "more"  # ours less the limit's


class Goal(Struct, frozen=True, kw_only=True):
    """Where the judged figure should lie; just one of the two is given."""

    most: float | None = None
    least: float | None = None
    judged: Judged = Judged.RATIO

    def is_met(self, figure: float) -> bool:
        """Whether a figure is good enough."""
        return (self.most is None or figure <= self.most) and (
            self.least is None or figure >= self.least
        )

    def told(self, unit: str) -> str:
        """The goal in a few signs, as `≤ 1.03`."""
        sign, value = ("≤", self.most) if self.most is not None else ("≥", self.least)
        of = {Judged.RATIO: "", Judged.OURS: f" {unit}", Judged.MORE: f" {unit} more"}[self.judged]
        return f"{sign} {value:g}{of}"


class Row(Struct, frozen=True, kw_only=True):
    """One comparison. `ours` and `limit` hold the same unit, one figure for each pair.

    Where there is nothing to compare with, `limit` is empty. `note` says what a reader must know.
    """

    name: str
    against: str
    unit: str
    ours: Sequence[float]
    limit: Sequence[float] = ()
    goal: Goal | None = None
    note: str = ""

    @property
    def figures(self) -> list[float]:
        """The judged figure of each pair."""
        judged = self.goal.judged if self.goal else Judged.RATIO
        if judged is Judged.OURS or not self.limit:
            return list(self.ours)
        pairs = zip(self.ours, self.limit, strict=True)
        if judged is Judged.MORE:
            return [ours - limit for ours, limit in pairs]
        return [ours / limit for ours, limit in pairs]

    @property
    def figure(self) -> float:
        """The median of the judged figures."""
        return statistics.median(self.figures)

    @property
    def ratio(self) -> float | None:
        """The median of what ours is of the limit's, whatever is judged; None without a limit."""
        if not self.limit:
            return None
        return statistics.median(
            ours / limit for ours, limit in zip(self.ours, self.limit, strict=True)
        )

    @property
    def spread(self) -> tuple[float, float]:
        """The least and the greatest judged figure."""
        return min(self.figures), max(self.figures)

    @property
    def is_met(self) -> bool | None:
        """Whether the goal is met; None where there is none."""
        return self.goal.is_met(self.figure) if self.goal else None


class Outcome(Struct, frozen=True, kw_only=True):
    """What came of one scenario: rows, or why it was left out. `load` is the machine's, before."""

    name: str
    about: str
    rows: Sequence[Row] = ()
    left_out: str = ""
    seconds: float = 0.0
    load: float = 0.0


class Results(Struct, frozen=True, kw_only=True):
    """One run of the benches."""

    size: str
    machine: str
    began: str
    outcomes: Sequence[Outcome]


def median(figures: Sequence[float]) -> float | None:
    """The middle of some figures; None of none."""
    return statistics.median(figures) if figures else None
