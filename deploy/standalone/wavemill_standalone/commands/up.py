"""`wavemill up`: run everything on this machine, until Ctrl-C."""

import argparse
import asyncio
import os
from pathlib import Path

from wavemill_common.settings import Settings
from wavemill_common.telemetry import configure_logging
from wavemill_standalone.commands.grammar import Commands, command
from wavemill_standalone.up import up


def add(commands: Commands) -> None:
    """Its grammar."""
    parser = command(
        commands,
        "up",
        run,
        summary="run everything on this machine",
        description="Run the gateway, a converter, a janitor and a Redis until Ctrl-C.",
        examples=["up", "up --port 9000 --data-dir /srv/wavemill"],
    )
    parser.add_argument("--port", type=int, help="listen on this port (PORT, 8080)")
    parser.add_argument("--data-dir", type=Path, help="keep everything here (DATA_DIR, .data)")


def run(parsed: argparse.Namespace) -> int:
    """Run it."""
    environ = dict(os.environ)
    for variable, value in (("PORT", parsed.port), ("DATA_DIR", parsed.data_dir)):
        if value is not None:
            environ[variable] = str(value)
    settings = Settings.from_environ(environ)
    # The children run where they are started: a relative path would do, but a moved one not.
    environ["DATA_DIR"] = str(settings.data_dir.resolve())
    settings = Settings.from_environ(environ)
    configure_logging("wavemill", settings.log_level)
    asyncio.run(up(settings, environ))
    return 0
