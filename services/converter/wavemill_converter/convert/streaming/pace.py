"""Pace: when to look again at a file that grows. Nothing tells that it has; each look costs."""

import time
from collections.abc import Callable
from typing import Final

LEAST: Final = 0.005  # seconds
_SURGE: Final = 8  # times faster than ever before: as fast may a file grow until the next look


class Pace:
    """Looks rarely at what grows slowly, and often at what is nearly where it matters."""

    def __init__(self, most: float, clock: Callable[[], float] = time.monotonic) -> None:
        self._most = most
        self._clock = clock
        self._looked = clock()
        self._size = 0
        self._rate = 0.0  # bytes a second, the highest so far

    def pause(self, size: int, room: float) -> float:
        """Seconds until a file of `size` bytes is to be looked at again: `room` more are no matter.

        From `LEAST`, while it has not grown at all or has no room, to the most that is allowed.
        """
        now = self._clock()
        passed, grown = now - self._looked, size - self._size
        if passed > 0:
            self._rate = max(self._rate, grown / passed)
        self._looked, self._size = now, size
        if not self._rate:
            return LEAST
        return max(LEAST, min(self._most, room / (_SURGE * self._rate)))
