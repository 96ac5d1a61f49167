"""Waiting: how long the readers of a growing upload have waited, and when that is too long."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager

from msgspec import Struct

GRACE = 1 / 15  # of the patience: so much longer than it works may a job wait while others queue
FAR = 1 / 6  # of the patience: who waits for the end of a file reads nothing else meanwhile


class Wait(Struct):
    """One reader's wait since a time in seconds; `far`: for what lies beyond all that arrives."""

    since: float
    far: bool


class Waiting:
    """Keeps count of waits, which may overlap."""

    def __init__(self, now: Callable[[], float]) -> None:
        self._now = now
        self._begun = now()
        self._waits: list[Wait] = []
        self._ended = 0.0  # seconds of waiting that are over
        self._since = 0.0  # when the present waiting began

    @contextmanager
    def begun(self, *, far: bool) -> Iterator[Wait]:
        """Wait for the time of a block."""
        wait = Wait(self._now(), far)
        if not self._waits:
            self._since = wait.since
        self._waits.append(wait)
        try:
            yield wait
        finally:
            self._waits.remove(wait)
            if not self._waits:
                self._ended += self._now() - self._since

    @property
    def in_one_go(self) -> float:
        """For how many seconds the one has waited that began last; 0 where nobody waits.

        Who began before may have been abandoned: a reader that seeks leaves its old place.
        """
        return self._now() - self._waits[-1].since if self._waits else 0.0

    @property
    def in_all(self) -> float:
        """For how many seconds anybody has waited."""
        return self._ended + (self._now() - self._since if self._waits else 0.0)

    @property
    def for_the_end(self) -> bool:
        """Whether whoever waits now waits for what comes last."""
        return bool(self._waits) and self._waits[-1].far

    def is_too_long(self, patience: float) -> bool:
        """Whether a converter should wait no longer, even if nobody else needs it."""
        return self.in_one_go > (FAR * patience if self.for_the_end else patience)

    def is_idle(self, patience: float) -> bool:
        """Whether it waits more than it works, so that others should come first."""
        worked = self._now() - self._begun - self.in_all
        return bool(self._waits) and self.in_all > worked + GRACE * patience
