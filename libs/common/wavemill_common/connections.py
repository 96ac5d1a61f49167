"""Connections to Redis or Valkey, made one way for all: bounded waits, no hidden second tries."""

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
    return redis.asyncio.Redis.from_url(url, retry=retry, **_options(reply_timeout))


def connect_blocking(url: str, *, reply_timeout: float = REPLY_TIMEOUT) -> redis.Redis:
    """Make a client for a thread of its own; it connects when it is first used."""
    retry = SyncRetry(NoBackoff(), 0)
    return redis.Redis.from_url(url, retry=retry, **_options(reply_timeout))


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
