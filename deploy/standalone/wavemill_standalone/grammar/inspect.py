"""The grammar of `wavemill inspect`."""

from pathlib import Path

from wavemill_standalone.grammar.common import EXITS, Commands, add_server, command


def add(commands: Commands) -> None:
    """Its grammar."""
    parser = command(
        commands,
        "inspect",
        summary="show what wavemill finds in a file",
        description="Show a file's codec, duration, tags, cover and chapters, as the converter "
        "finds them: it converts the first 15 seconds, and throws them away.",
        examples=["inspect talk.wav", "inspect --json talk.wav | jq .media.duration"],
        epilog=EXITS,
    )
    parser.add_argument("file", type=Path, metavar="FILE", help="the file")
    parser.add_argument("--json", action="store_true", help="print one JSON document")
    add_server(parser)
