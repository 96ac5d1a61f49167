"""What the grammars of all commands share."""

import argparse
from collections.abc import Sequence
from pathlib import Path
from typing import TypeAlias

from wavemill_standalone.commands import exits

Commands: TypeAlias = "argparse._SubParsersAction[argparse.ArgumentParser]"  # noqa: SLF001 - it has no other name


def command(
    commands: Commands,
    name: str,
    *,
    summary: str,
    description: str,
    examples: Sequence[str],
    epilog: str = "",
) -> argparse.ArgumentParser:
    """Add a command with examples in its help."""
    shown = "\n".join(f"  wavemill {example}" for example in examples)
    parser = commands.add_parser(
        name,
        help=summary,
        description=description,
        epilog=f"examples:\n{shown}\n\n{epilog}".rstrip(),
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    parser.set_defaults(command=name)
    return parser


def add_server(parser: argparse.ArgumentParser) -> None:
    """Where the work is done."""
    group = parser.add_argument_group(
        "server", "without --server, a wavemill runs here for as long as the command does"
    )
    group.add_argument("--server", metavar="URL", help="use this wavemill (WAVEMILL_SERVER)")
    group.add_argument(
        "--api-key", metavar="KEY", help="its API key; better given as WAVEMILL_API_KEY"
    )
    group.add_argument(
        "--data-dir",
        type=Path,
        metavar="DIR",
        help="without a server: work in this directory, and keep it (else a temporary one)",
    )


EXITS = exits.TEXT
