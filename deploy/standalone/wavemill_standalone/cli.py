"""The command line: wavemill COMMAND. No expected failure shows a traceback."""

import argparse
import sys

from wavemill_common.settings import SettingError
from wavemill_standalone.commands import config, convert, formats, inspect, up
from wavemill_standalone.commands.exits import FAILED, USAGE, CommandError
from wavemill_standalone.redis_server import NoRedisServer
from wavemill_standalone.up import CannotStart

COMMANDS = (up, convert, inspect, formats, config)


def main(arguments: list[str] | None = None) -> None:
    """Parse the command line, do what it says, exit with what came of it."""
    parsed = build_parser().parse_args(arguments)
    try:
        sys.exit(parsed.run(parsed))
    except SettingError as error:
        _fail(error, USAGE)
    except CommandError as error:
        _fail(error, error.status)
    except (CannotStart, NoRedisServer) as error:
        _fail(error, FAILED)


def _fail(error: Exception, status: int) -> None:
    print(f"wavemill: {error}", file=sys.stderr)
    sys.exit(status)


def build_parser() -> argparse.ArgumentParser:
    """The whole grammar; `run` of what is parsed is the command."""
    parser = argparse.ArgumentParser(
        prog="wavemill",
        description="A self-hosted audio converter.",
        epilog="`wavemill COMMAND --help` shows examples. Settings come from the environment; "
        "docs/configuration.md lists them.",
    )
    commands = parser.add_subparsers(metavar="COMMAND", required=True)
    for module in COMMANDS:
        module.add(commands)
    return parser
