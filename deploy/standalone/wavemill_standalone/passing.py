"""Passing: a wavemill for the time of one command, in a process of its own.

It ends with whoever started it, killed or not (tether), and then takes its directory with it.

Usage: python -m wavemill_standalone.passing PORT [DATA_DIR]
"""

import asyncio
import os
import sys
import tempfile
from collections.abc import Mapping
from pathlib import Path

from wavemill_common.settings import SettingError, Settings
from wavemill_common.telemetry import configure_logging
from wavemill_standalone.redis_server import NoRedisServer
from wavemill_standalone.up import CannotStart, up

# What these say is about a server that is there for others.
_NOT_OURS = (
    *("REDIS_URL", "REDIS_ENDPOINT", "WAVEMILL_STORAGE", "WAVEMILL_HEALTH_PORT"),
    *("WAVEMILL_API_KEYS_REQUIRED", "WAVEMILL_LOG_LEVEL"),
)


def environment(given: Mapping[str, str], port: int, data_dir: Path) -> dict[str, str]:
    """The settings of a wavemill that only its starter speaks to. Pure."""
    kept = {name: value for name, value in given.items() if name not in _NOT_OURS}
    return kept | {
        "WAVEMILL_ENV": "embedded",
        "WAVEMILL_LOG_LEVEL": "error",
        "HOST": "127.0.0.1",
        "PORT": str(port),
        "DATA_DIR": str(data_dir.resolve()),
    }


def run(port: int, data_dir: Path) -> None:
    """Serve until stopped."""
    environ = environment(os.environ, port, data_dir)
    settings = Settings.from_environ(environ)
    configure_logging("wavemill", settings.log_level)
    asyncio.run(up(settings, environ))


def main(port: str, data_dir: str | None = None) -> None:
    """Serve from a directory that is kept, or from a temporary one."""
    try:
        if data_dir is not None:
            run(int(port), Path(data_dir))
            return
        with tempfile.TemporaryDirectory(prefix="wavemill-", ignore_cleanup_errors=True) as folder:
            run(int(port), Path(folder))
    except (CannotStart, NoRedisServer, SettingError) as error:
        print(error, file=sys.stderr)
        sys.exit(1)


if __name__ == "__main__":
    main(*sys.argv[1:])
