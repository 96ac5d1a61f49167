"""The command line: wavemill COMMAND. No expected failure shows a traceback."""

import argparse
import sys
from collections.abc import Sequence
from importlib import import_module

from wavemill_common.settings import SettingError
from wavemill_standalone.commands.exits import FAILED, USAGE, CommandError
from wavemill_standalone.redis_server import NoRedisServer
from wavemill_standalone.up import CannotStart

COMMANDS = ("up", "convert", "inspect", "formats", "top", "config")  # modules of .commands


def main(arguments: list[str] | None = None) -> None:
    """Parse the command line, do what it says, exit with what came of it."""
    given = sys.argv[1:] if arguments is None else arguments
    named = [name for name in COMMANDS if given[:1] == [name]]
    parsed = build_parser(named or COMMANDS).parse_args(given)
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


def build_parser(names: Sequence[str] = COMMANDS) -> argparse.ArgumentParser:
    """The grammar of these commands; `run` of what is parsed is the command.

    Only what is asked for is loaded: `up` needs nothing of what `convert` does.
    """
    parser = argparse.ArgumentParser(
        prog="wavemill",
        description="A self-hosted audio converter.",
        epilog="`wavemill COMMAND --help` shows examples. Settings come from the environment; "
        "docs/configuration.md lists them.",
    )
    commands = parser.add_subparsers(metavar="COMMAND", required=True)
    for name in names:
        import_module(f"wavemill_standalone.commands.{name}").add(commands)
    return parser
