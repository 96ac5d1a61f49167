"""The command line: `wavemill up` and `wavemill config`."""

import argparse
import asyncio
import os
import sys
from pathlib import Path

from wavemill_common.settings import SettingError, Settings
from wavemill_common.telemetry import configure_logging
from wavemill_standalone.configuration import show
from wavemill_standalone.redis_server import NoRedisServer
from wavemill_standalone.up import CannotStart, up

EXIT_FAILED, EXIT_USAGE = 1, 2


def main(arguments: list[str] | None = None) -> None:
    """Parse the command line and do what it says."""
    parsed = _parser().parse_args(arguments)
    try:
        if parsed.command == "config":
            sys.exit(0 if show(os.environ, as_json=parsed.json) else EXIT_USAGE)
        _up(parsed)
    except SettingError as error:
        print(f"wavemill: {error}", file=sys.stderr)
        sys.exit(EXIT_USAGE)
    except (CannotStart, NoRedisServer) as error:
        print(f"wavemill: {error}", file=sys.stderr)
        sys.exit(EXIT_FAILED)


def _up(parsed: argparse.Namespace) -> None:
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


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="wavemill",
        description="A self-hosted audio converter.",
        epilog="Settings come from the environment; docs/configuration.md lists them.",
    )
    commands = parser.add_subparsers(dest="command", required=True)
    start = commands.add_parser(
        "up",
        help="run everything on this machine",
        description="Run the gateway, a converter, a janitor and a Redis until Ctrl-C.",
        epilog="example: wavemill up --port 9000 --data-dir /srv/wavemill",
    )
    start.add_argument("--port", type=int, help="listen on this port (PORT, 8080)")
    start.add_argument("--data-dir", type=Path, help="keep everything here (DATA_DIR, .data)")
    config = commands.add_parser(
        "config",
        help="show the settings in force and where each came from",
        description="Show every setting, its value and its source; exit 2 if some do not work.",
    )
    config.add_argument("--json", action="store_true", help="print one JSON document")
    return parser
