"""The janitor's command line: `wavemill-janitor run` and `wavemill-janitor sweep`."""

import argparse
import asyncio
import json
import os
import sys

from wavemill_common.connections import REDIS_ERRORS
from wavemill_common.errors import AppError
from wavemill_common.service import run_service
from wavemill_common.settings import SettingError, Settings
from wavemill_common.telemetry import configure_logging
from wavemill_janitor.main import main as run_main
from wavemill_janitor.main import sweep_once

EXIT_OK, EXIT_USAGE, EXIT_DEPENDENCY_DOWN = 0, 2, 4


def main(arguments: list[str] | None = None) -> None:
    """Parse the command line and do what it says."""
    parsed = _parser().parse_args(arguments)
    if parsed.command == "run":
        run_service("janitor", run_main)
    else:
        sys.exit(_sweep(as_json=parsed.json))


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="wavemill-janitor",
        description="Expire, clean up and re-enqueue. Settings come from the environment.",
    )
    commands = parser.add_subparsers(dest="command", required=True)
    commands.add_parser("run", help="sweep until stopped; any number may run at once")
    sweep = commands.add_parser("sweep", help="do every sweep once and tell what was done")
    sweep.add_argument("--json", action="store_true", help="print JSON")
    return parser


def _sweep(*, as_json: bool) -> int:
    try:
        settings = Settings.from_environ(os.environ)
    except SettingError as error:
        print(f"wavemill-janitor: {error}", file=sys.stderr)
        return EXIT_USAGE
    configure_logging("janitor", "warning")
    try:
        done = asyncio.run(sweep_once(settings))
    except (AppError, *REDIS_ERRORS) as error:
        print(f"wavemill-janitor: a dependency is down: {error}", file=sys.stderr)
        return EXIT_DEPENDENCY_DOWN
    if as_json:
        print(json.dumps(done))
    else:
        for name, count in done.items():
            print(f"{name.strip('_'):20} {count}")
    return EXIT_OK
