"""A Redis (the bundled Valkey) of the tests' own: as `wavemill up` configures it, and killable."""

import asyncio
import signal
import subprocess
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import redis
from redis.asyncio import Redis

from wavemill_common.connections import connect
from wavemill_common.tether import tether
from wavemill_standalone.redis_server import RedisServer, prepare_redis, wait_for_redis

STOP_TIMEOUT = 15.0  # seconds


class TestRedis:
    """One server in a directory of its own."""

    __test__ = False

    def __init__(self, folder: Path) -> None:
        self._server: RedisServer = prepare_redis(folder)
        self._process: subprocess.Popen[bytes] | None = None
        self.url = self._server.url

    def start(self) -> None:
        """Start it, again with what it had written to its append-only file."""
        self._spawn()
        asyncio.run(wait_for_redis(self.url))

    async def start_again(self) -> None:
        """Start it where a loop runs already."""
        self._spawn()
        await wait_for_redis(self.url)

    def _spawn(self) -> None:
        # It ends with the thread that starts it: start it from the one that lasts.
        self._process = subprocess.Popen(
            self._server.command, preexec_fn=tether(signal.SIGKILL), start_new_session=True
        )

    def kill(self) -> None:
        """Kill it as a crash would."""
        assert self._process is not None
        self._process.send_signal(signal.SIGKILL)
        self._process.wait(STOP_TIMEOUT)

    def pause(self) -> None:
        """Make it hang: it takes connections and never answers."""
        assert self._process is not None
        self._process.send_signal(signal.SIGSTOP)

    def resume(self) -> None:
        """Let it go on."""
        assert self._process is not None
        self._process.send_signal(signal.SIGCONT)

    def flush(self) -> None:
        """Lose everything."""
        with redis.Redis.from_url(self.url) as client:
            client.flushall()

    def close(self) -> None:
        """Leave no process behind."""
        if self._process is not None and self._process.poll() is None:
            self.kill()


@asynccontextmanager
async def raw_client(url: str) -> AsyncIterator[Any]:
    """A client for what only tests ask; redis-py's types of replies help nobody."""
    client: Redis
    async with connect(url) as client:
        yield client
