"""Pace: how slowly a client may send. Who trickles holds a connection for next to nothing.

The head of a request must be whole in time; a body must bring some bytes in every window of time
in which we are ready to take them. Pure, but for the clock that is given.
"""

HEAD_TIMEOUT = 15.0  # seconds for a request's line and headers
WINDOW = 15.0  # seconds
MIN_RATE = 1024  # bytes a second of a body; the slowest modem sends more


class Pace:
    """What one connection receives, and when."""

    def __init__(self) -> None:
        self._head_since: float | None = None
        self._body_since: float | None = None
        self._received = 0

    @property
    def looks_again_at(self) -> float | None:
        """When to judge again; None where nothing is being received."""
        if self._head_since is not None:
            return self._head_since + HEAD_TIMEOUT
        return None if self._body_since is None else self._body_since + WINDOW

    def head_begins(self, now: float) -> None:
        """A head is expected, or has come in part."""
        if self._head_since is None:
            self._head_since = now
        self._body_since = None

    def head_ends(self) -> None:
        """A head is whole."""
        self._head_since = self._body_since = None

    def body_begins(self, now: float) -> None:
        """A body is expected, or we are ready for it again."""
        self._body_since, self._received = now, 0

    def body_brings(self, size: int) -> None:
        """Some of a body came."""
        self._received += size

    def body_ends(self) -> None:
        """A body is whole, or of no interest any more."""
        self._body_since = None

    def is_head_late(self, now: float) -> bool:
        """Whether a head takes too long."""
        return self._head_since is not None and now >= self._head_since + HEAD_TIMEOUT

    def is_body_slow(self, now: float) -> bool:
        """Whether the window that ends now brought too little; else the next one begins."""
        if self._body_since is None or now < self._body_since + WINDOW:
            return False
        slow = self._received < MIN_RATE * WINDOW
        if not slow:
            self.body_begins(now)
        return slow
