"""Connections to Redis or Valkey, made one way for all: bounded waits, no hidden second tries."""

import asyncio
from typing import Any

import redis
import redis.asyncio
from redis.asyncio.connection import (
    AbstractConnection,
    Connection,
    ConnectionPool,
    SSLConnection,
    UnixDomainSocketConnection,
    parse_url,
)
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


class _HonestConnection(AbstractConnection):
    """A connection that loses no cancellation.

    redis-py sends by `asyncio.wait_for`, which before Python 3.12 returns as if nothing had been
    asked when a cancellation comes in the very moment in which the send ends. A loop that is
    cancelled then would go on for ever, and whoever waits for its end with it.
    """

    async def send_packed_command(self, command: Any, check_health: bool = True) -> None:  # noqa: FBT001, FBT002 - redis-py's
        task = asyncio.current_task()
        asked = task.cancelling() if task else 0
        await super().send_packed_command(command, check_health)
        if task and task.cancelling() > asked:
            await self.disconnect(nowait=True)  # a reply will come that nobody reads
            raise asyncio.CancelledError


class _TcpConnection(_HonestConnection, Connection):
    pass


class _TlsConnection(_HonestConnection, SSLConnection):
    pass


class _UnixConnection(_HonestConnection, UnixDomainSocketConnection):
    pass


_CLASSES = {
    Connection: _TcpConnection,
    SSLConnection: _TlsConnection,
    UnixDomainSocketConnection: _UnixConnection,
}


def connect(url: str, *, reply_timeout: float = REPLY_TIMEOUT) -> redis.asyncio.Redis:
    """Make an asynchronous client; it connects when it is first used."""
    options: dict[str, Any] = {**parse_url(url)}
    options["connection_class"] = _CLASSES[options.get("connection_class", Connection)]
    pool = ConnectionPool(**options, **_options(reply_timeout), retry=Retry(NoBackoff(), 0))
    return redis.asyncio.Redis.from_pool(pool)


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
