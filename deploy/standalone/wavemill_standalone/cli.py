"""The command line: wavemill COMMAND. No expected failure shows a traceback."""

import argparse
import sys
from collections.abc import Sequence
from importlib import import_module

from wavemill_standalone.commands.exits import CommandError

COMMANDS = (
    "up",
    "convert",
    "inspect",
    "formats",
    "top",
    "config",
)  # modules of .grammar, and of .commands


def main(arguments: list[str] | None = None) -> None:
    """Parse the command line, do what it says, exit with what came of it."""
    given = sys.argv[1:] if arguments is None else arguments
    named = [name for name in COMMANDS if given[:1] == [name]]
    parsed = build_parser(named or COMMANDS).parse_args(given)
    try:
        # Loaded only now: what a command needs takes longer to load than its help to be read.
        command = import_module(f"wavemill_standalone.commands.{parsed.command}")
        sys.exit(command.run(parsed))
    except CommandError as error:
        print(f"wavemill: {error}", file=sys.stderr)
        sys.exit(error.status)


def build_parser(names: Sequence[str] = COMMANDS) -> argparse.ArgumentParser:
    """The grammar of these commands; `command` of what is parsed is the name of one."""
    parser = argparse.ArgumentParser(
        prog="wavemill",
        description="A self-hosted audio converter.",
        epilog="`wavemill COMMAND --help` shows examples. Settings come from the environment; "
        "docs/configuration.md lists them.",
    )
    commands = parser.add_subparsers(metavar="COMMAND", required=True)
    for name in names:
        import_module(f"wavemill_standalone.grammar.{name}").add(commands)
    return parser
