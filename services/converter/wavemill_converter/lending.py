"""Lending: the slots that stand idle, lent to a conversion that could use more than its own.

Nothing waits for a loan: when a job takes a slot, the loan of it is in force no longer at that very
moment, and whoever works on it has to pause. It comes back into force when a slot is idle again.
Read by the threads that pause processes, so everything here is one look at a few numbers.
"""

import os
from collections.abc import Iterator
from contextlib import contextmanager


class Lending:
    """The slots of one converter, of which no more are worked on than there are processors."""

    def __init__(self, slots: int, processors: int | None = None) -> None:
        self._slots = min(slots, processors or len(os.sched_getaffinity(0)))
        self._taken = 0
        self._loans: list[object] = []  # the oldest first: the newest is recalled first

    @contextmanager
    def taken(self) -> Iterator[None]:
        """Take a slot for a job: its own, whatever is lent."""
        self._taken += 1
        try:
            yield
        finally:
            self._taken -= 1

    @contextmanager
    def crew(self, most: int) -> Iterator["Crew"]:
        """Borrow what is idle, for a job that has a slot and could use up to `most` in all."""
        idle = self._slots - self._taken - len(self._loans)
        loans = [object() for _ in range(min(idle, most - 1))]
        self._loans += loans
        try:
            yield Crew(self, loans)
        finally:
            self._loans = [one for one in self._loans if one not in loans]

    def in_force(self, loans: list[object]) -> int:
        """How many of these loans hold at this moment."""
        holding = self._loans[: max(0, self._slots - self._taken)]
        return sum(one in holding for one in loans)


class Crew:
    """The processes of one job: as many of them may run as it has slots, the others pause."""

    def __init__(self, lending: Lending, loans: list[object]) -> None:
        self._lending = lending
        self._loans = loans
        self._working: list[int] = list(range(self.size))

    @property
    def size(self) -> int:
        """How many processes there are at the most: one on the job's own slot."""
        return 1 + len(self._loans)

    def must_pause(self, number: int) -> bool:
        """Whether process `number`, from 0, is one too many now: the later ones are first."""
        working = self._working
        if number not in working:
            return False
        return working.index(number) > self._lending.in_force(self._loans)

    def ended(self, number: int) -> None:
        """Hear that a process has ended: whoever pauses may take its slot."""
        self._working = [one for one in self._working if one != number]
