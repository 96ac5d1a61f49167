"""Streams: how many event streams one caller, and all of them, may hold open at this gateway."""

from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager

from aiohttp import web

from wavemill_common.errors import TooBusy

WAIT = 10.0  # seconds; a stream lasts at most ten times as long


class Streams:
    """The streams that are open, by account."""

    def __init__(self, per_account: int, total: int) -> None:
        """Allow so many; 0 is any number."""
        self._per_account = per_account
        self._total = total
        self._open: Counter[str] = Counter()
        self._count = 0

    def __len__(self) -> int:
        """How many are open."""
        return self._count

    @contextmanager
    def place(self, account: str) -> Iterator[None]:
        """Hold a place for one stream.

        Raises:
            TooBusy: there is none.
        """
        if self._per_account and self._open[account] >= self._per_account:
            raise TooBusy(
                f"you have {self._per_account} event streams open; close one, or watch up to 50"
                " jobs on one",
                retry_after=WAIT,
            )
        if self._total and self._count >= self._total:
            raise TooBusy("too many event streams are open here; poll instead", retry_after=WAIT)
        self._open[account] += 1
        self._count += 1
        try:
            yield
        finally:
            self._count -= 1
            self._open[account] -= 1
            if not self._open[account]:
                del self._open[account]


STREAMS = web.AppKey("streams", Streams)
