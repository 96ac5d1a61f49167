"""The grammar of `wavemill config`."""

from wavemill_standalone.grammar.common import Commands, command


def add(commands: Commands) -> None:
    """Its grammar."""
    parser = command(
        commands,
        "config",
        summary="show the settings in force and where each came from",
        description="Show every setting, its value and its source; exit 2 if some do not work.",
        examples=["config", "config --json"],
    )
    parser.add_argument("--json", action="store_true", help="print one JSON document")
