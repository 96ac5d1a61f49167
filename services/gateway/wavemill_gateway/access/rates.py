"""Rates: how many requests one account may send, counted in Redis, for all gateways together.

The window slides: what was sent in the last minute counts, weighted. While Redis is down or slow,
each gateway counts for itself and lets a quarter pass: there may be several, and never none.
"""

import asyncio
import time
from functools import lru_cache
from typing import Any

import structlog
from limits import RateLimitItem, parse
from limits.aio.storage import MemoryStorage, RedisStorage
from limits.aio.strategies import RateLimiter, SlidingWindowCounterRateLimiter

from wavemill_common.connections import REDIS_ERRORS

log = structlog.get_logger(__name__)

REDIS_PATIENCE = 0.25  # seconds that a request may be held up by a slow Redis
LOCAL_FOR = 5.0  # seconds until Redis is asked again
STRICTER = 4  # what a gateway that counts for itself divides the limit by


class Rates:
    """Counts what accounts do."""

    def __init__(self, limit: str, pool: Any) -> None:
        """Count in the Redis of this connection pool: so many, as 600/minute; empty: none."""
        self._limit = limit
        shared = RedisStorage(
            "redis://",  # read by nobody: the pool knows where
            implementation="redispy",
            key_prefix="rates",
            connection_pool=pool,
        )
        self._shared = SlidingWindowCounterRateLimiter(shared)
        self._local = SlidingWindowCounterRateLimiter(MemoryStorage())
        self._local_until = 0.0  # by the loop's clock

    async def take(self, account: str, cost: int = 1, own: str | None = None) -> float | None:
        """Count something that an account does; tell the seconds to wait if it is too much.

        An account may have a limit of its `own`.
        """
        if not (text := self._limit if own is None else own):
            return None
        limit, strict = _limits(text)
        loop = asyncio.get_running_loop()
        if loop.time() >= self._local_until:
            try:
                async with asyncio.timeout(REDIS_PATIENCE):
                    return await _take(self._shared, limit, account, cost)
            except REDIS_ERRORS as error:
                self._local_until = loop.time() + LOCAL_FOR
                log.warning("rates_counted_locally", reason=repr(error))
        return await _take(self._local, strict, account, cost)


@lru_cache(maxsize=1024)
def _limits(text: str) -> tuple[RateLimitItem, RateLimitItem]:
    """A limit, and what one gateway alone lets pass of it."""
    limit = parse(text)
    return limit, type(limit)(max(1, limit.amount // STRICTER), limit.multiples)


async def _take(
    limiter: RateLimiter, limit: RateLimitItem, account: str, cost: int
) -> float | None:
    """One round trip where it may be, two where not."""
    cost = min(cost, limit.amount)
    if await limiter.hit(limit, account, cost=cost):
        return None
    stats = await limiter.get_window_stats(limit, account)
    more = (cost - 1) * limit.get_expiry() / limit.amount
    return max(1.0, stats.reset_time - time.time() + more)
