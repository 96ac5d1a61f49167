"""The grammar of `wavemill formats`."""

from wavemill_standalone.grammar.common import EXITS, Commands, add_server, command


def add(commands: Commands) -> None:
    """Its grammar."""
    parser = command(
        commands,
        "formats",
        summary="list the formats, with the qualities that each takes",
        description="List what this wavemill, or the given server, converts to.",
        examples=["formats", "formats --json | jq -r '.formats[].id'"],
        epilog=EXITS,
    )
    parser.add_argument("--json", action="store_true", help="print one JSON document")
    add_server(parser)
