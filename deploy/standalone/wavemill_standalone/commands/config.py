"""`wavemill config`: show the settings in force."""

import argparse
import os

from wavemill_standalone.commands.exits import OK, USAGE
from wavemill_standalone.commands.grammar import Commands, command
from wavemill_standalone.configuration import show


def add(commands: Commands) -> None:
    """Its grammar."""
    parser = command(
        commands,
        "config",
        run,
        summary="show the settings in force and where each came from",
        description="Show every setting, its value and its source; exit 2 if some do not work.",
        examples=["config", "config --json"],
    )
    parser.add_argument("--json", action="store_true", help="print one JSON document")


def run(parsed: argparse.Namespace) -> int:
    """Show them."""
    return OK if show(os.environ, as_json=parsed.json) else USAGE
