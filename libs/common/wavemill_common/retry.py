"""Retry: the one policy for calls to a store that may fail for a moment."""

from collections.abc import Awaitable, Callable
from typing import ParamSpec, TypeVar

from tenacity import (
    AsyncRetrying,
    retry_if_exception,
    stop_after_attempt,
    stop_any,
    stop_before_delay,
    wait_random_exponential,
)

from wavemill_common.errors import InsufficientStorage, Unavailable

P = ParamSpec("P")
T = TypeVar("T")

TRIES = 4  # the first and three more
BASE, CAP = 1.0, 10.0  # seconds; full jitter under 1, 2, 4 … 10
PATIENT_TRIES = 8
PATIENCE = 60.0  # seconds


async def retried(call: Callable[P, Awaitable[T]], *args: P.args, **kwargs: P.kwargs) -> T:
    """Await `call` until it succeeds, with the policy's waits; only for calls that may repeat.

    Raises:
        Unavailable: it failed on every try. Any other error passes through at once.
    """
    try:
        return await call(*args, **kwargs)  # nearly always; the policy's own work takes 0.1 ms
    except Unavailable as error:
        failures = [error]

    async def once_more() -> T:
        if failures:
            raise failures.pop()  # the first try, as the policy sees it
        return await call(*args, **kwargs)

    policy = AsyncRetrying(
        stop=stop_after_attempt(TRIES),
        wait=wait_random_exponential(multiplier=BASE, max=CAP),
        retry=retry_if_exception(_may_pass),
        reraise=True,
    )
    return await policy(once_more)


async def patiently(call: Callable[P, Awaitable[T]], *args: P.args, **kwargs: P.kwargs) -> T:
    """As `retried`, but for what nobody waits for and much work hangs on: a part of a result.

    `call` tries once by itself. No try begins later than `PATIENCE` after the first; so with S3,
    which gives a part up after 30 seconds without a byte, the end comes within 90: before
    what waits for it counts as stalled.

    Raises:
        Unavailable: it failed on every try. Any other error passes through at once.
    """
    policy = AsyncRetrying(
        stop=stop_any(stop_after_attempt(PATIENT_TRIES), stop_before_delay(PATIENCE)),
        wait=wait_random_exponential(multiplier=BASE, max=CAP),
        retry=retry_if_exception(_may_pass),
        reraise=True,
    )
    return await policy(call, *args, **kwargs)


def _may_pass(error: BaseException) -> bool:
    """A full disk does not empty itself in seconds; everything else that is unavailable may."""
    return isinstance(error, Unavailable) and not isinstance(error, InsufficientStorage)
