"""`wavemill up`: run everything on this machine, until Ctrl-C."""

import argparse
import asyncio
import os

from wavemill_common.telemetry import configure_logging
from wavemill_standalone.commands.environment import read_settings
from wavemill_standalone.commands.exits import CommandError
from wavemill_standalone.redis_server import NoRedisServer
from wavemill_standalone.up import CannotStart, up


def run(parsed: argparse.Namespace) -> int:
    """Run it."""
    try:
        _run(parsed)
    except (CannotStart, NoRedisServer) as error:
        raise CommandError(str(error)) from None
    return 0


def _run(parsed: argparse.Namespace) -> None:
    environ = dict(os.environ)
    for variable, value in (("PORT", parsed.port), ("DATA_DIR", parsed.data_dir)):
        if value is not None:
            environ[variable] = str(value)
    settings = read_settings(environ)
    # The children run where they are started: a relative path would do, but a moved one not.
    environ["DATA_DIR"] = str(settings.data_dir.resolve())
    settings = read_settings(environ)
    configure_logging("wavemill", settings.log_level)
    asyncio.run(up(settings, environ))
