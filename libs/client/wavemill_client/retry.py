"""Retry: how often a call is tried, and how long to wait in between."""

import asyncio
import random
from collections.abc import Awaitable, Callable
from typing import TypeVar

from msgspec import Struct

from wavemill_client.errors import WavemillError

T = TypeVar("T")


class Retry(Struct, frozen=True, kw_only=True):
    """A call is tried `tries` times, with growing pauses, in seconds, half of them random.

    The defaults bear a server that is away for half a minute. A server that asks for a longer
    pause gets it, up to `longest`; one that asks for more is not called again.
    """

    tries: int = 10
    base: float = 0.5
    cap: float = 10.0
    longest: float = 120.0

    def pause(self, failures: int, error: WavemillError, luck: float) -> float | None:
        """The seconds to wait after so many failures in a row; None: give up. Pure.

        `luck` from 0 to 1 keeps many clients from coming back all at once.
        """
        if not error.is_transient or failures >= self.tries:
            return None
        ceiling = min(self.cap, self.base * 2.0 ** (failures - 1))
        pause = ceiling * (1 + luck) / 2
        asked = error.retry_after
        if asked is None:
            return pause
        return None if asked > self.longest else max(pause, asked + luck * self.base)


class Patience:
    """The failures in a row of one undertaking: it waits, or gives up."""

    def __init__(self, policy: Retry) -> None:
        self._policy = policy
        self.failures = 0

    def refresh(self) -> None:
        """Something has worked: count anew."""
        self.failures = 0

    async def bear(self, error: WavemillError) -> None:
        """Wait before the next try.

        Raises:
            WavemillError: the error itself, where no further try is worth it.
        """
        self.failures += 1
        pause = self._policy.pause(self.failures, error, random.random())
        if pause is None:
            raise error
        await asyncio.sleep(pause)


async def retried(policy: Retry, attempt: Callable[[], Awaitable[T]]) -> T:
    """Await `attempt()` until it succeeds; it must be safe to repeat.

    Raises:
        WavemillError: the last one.
    """
    patience = Patience(policy)
    while True:
        try:
            return await attempt()
        except WavemillError as error:
            await patience.bear(error)
