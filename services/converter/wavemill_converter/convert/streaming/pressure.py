"""Pressure: stop a child that writes faster than its output is taken away; let it go on later.

A thread of its own watches, because a busy event loop would look too late: without it a slow
upload has let half a gigabyte pile up.
"""

import math
import os
import signal
import threading
from collections.abc import Callable, Sequence
from contextlib import suppress
from typing import NamedTuple, Self

from wavemill_converter.convert.streaming.pace import LEAST, Pace
from wavemill_converter.ffmpeg.memory import MemoryFile

MOST_PAUSE = 0.02  # seconds between two looks
GO_ON_AT = 0.75  # of the cap


class Gauge(NamedTuple):
    """A memory file, and how many bytes of it may be held."""

    memory: MemoryFile
    cap: int

    @property
    def level(self) -> float:
        """The share of the cap that is held."""
        return self.memory.held / self.cap

    @property
    def room(self) -> int:
        """The bytes that it may still take."""
        return self.cap - self.memory.held


class Pressure:
    """Keeps every gauge below its cap by stopping and continuing a process. A context manager.

    `must_pause` may have it stopped for another reason.
    """

    def __init__(
        self, gauges: Sequence[Gauge], pid: int, must_pause: Callable[[], bool] = lambda: False
    ) -> None:
        self._gauges = gauges
        self._pid = pid
        self._must_pause = must_pause
        self._over = threading.Event()
        self.is_stopped = False
        self.peak = 0  # bytes, of all together

    def __enter__(self) -> Self:
        self._thread = threading.Thread(target=self._watch, name="pressure", daemon=True)
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        self._thread.join()

    def _watch(self) -> None:
        pace, pause = Pace(MOST_PAUSE), LEAST
        while not self._over.wait(pause):
            self.peak = max(self.peak, sum(gauge.memory.held for gauge in self._gauges))
            level = max(math.inf if self._must_pause() else gauge.level for gauge in self._gauges)
            if level > 1 and not self.is_stopped:
                self._signal(signal.SIGSTOP)
                self.is_stopped = True
            elif self.is_stopped and level < GO_ON_AT:
                self._go_on()
            room = 0 if self.is_stopped else min(gauge.room for gauge in self._gauges)
            pause = pace.pause(sum(gauge.memory.size for gauge in self._gauges), room)
        if self.is_stopped:
            self._go_on()

    def _go_on(self) -> None:
        self._signal(signal.SIGCONT)
        self.is_stopped = False

    def _signal(self, number: signal.Signals) -> None:
        with suppress(ProcessLookupError):
            os.kill(self._pid, number)
