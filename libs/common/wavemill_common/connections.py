"""Connections to Redis or Valkey, made one way for all: bounded waits, no hidden second tries."""

import asyncio
from collections.abc import Awaitable, Callable
from functools import cache
from typing import Any

import redis
import redis.asyncio
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff
from redis.maint_notifications import MaintNotificationsConfig
from redis.retry import Retry as SyncRetry

CONNECT_TIMEOUT = 2.0  # seconds
REPLY_TIMEOUT = 10.0  # seconds; longer than any BLOCK that we send
HEALTH_CHECK_EVERY = 15  # seconds

RedisError = redis.RedisError
# What an unreachable, stopping or restarting server raises, whatever the layer.
REDIS_ERRORS = (redis.RedisError, OSError, TimeoutError)


def connect(url: str, *, reply_timeout: float = REPLY_TIMEOUT) -> redis.asyncio.Redis:
    """Make an asynchronous client; it connects when it is first used."""
    retry = Retry(NoBackoff(), 0)
    client = redis.asyncio.Redis.from_url(url, retry=retry, **_options(reply_timeout))
    pool: Any = client.connection_pool
    pool.connection_class = _cancellable(pool.connection_class)
    return client


def connect_blocking(url: str, *, reply_timeout: float = REPLY_TIMEOUT) -> redis.Redis:
    """Make a client for a thread of its own; it connects when it is first used."""
    retry = SyncRetry(NoBackoff(), 0)
    return redis.Redis.from_url(url, retry=retry, **_options(reply_timeout))


@cache
def _cancellable(base: Any) -> Any:
    """Make connections on which no cancellation gets lost.

    redis-py sends through `asyncio.wait_for`, which on Python 3.11 swallows a cancellation that
    comes as the sending ends (cpython#86296): the cancelled task would go on, perhaps for ever.
    """

    class Cancellable(base):  # type: ignore[misc]
        async def send_packed_command(self, *args: Any, **kwargs: Any) -> None:
            task = asyncio.current_task()
            before = task.cancelling() if task else 0
            sending: Callable[..., Awaitable[None]] = super().send_packed_command
            await sending(*args, **kwargs)
            if task and task.cancelling() > before:
                await self.disconnect(nowait=True)  # a reply is on its way that nobody will read
                raise asyncio.CancelledError

    return Cancellable


def _options(reply_timeout: float) -> dict[str, Any]:
    return {
        "socket_timeout": reply_timeout,
        "socket_connect_timeout": min(CONNECT_TIMEOUT, reply_timeout),
        "socket_keepalive": True,
        "health_check_interval": HEALTH_CHECK_EVERY,
        # While these are on, redis-py 8 hands out connections that the server has closed: after
        # a restart of the server the first command on each of them would fail.
        "maint_notifications_config": MaintNotificationsConfig(enabled=False),
    }
