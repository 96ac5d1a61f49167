"""The grammar of `wavemill convert`."""

from pathlib import Path

from wavemill_standalone.commands.asking import add_options
from wavemill_standalone.grammar.common import EXITS, Commands, add_server, command

PARALLEL = 4  # files at once

_DESCRIPTION = """\
Convert audio (or the sound of video) files. The results lie beside their sources, or under --out;
none takes the place of a file that is there, unless --overwrite says so. Ctrl-C cancels what is
on its way and leaves no half files."""
_EXAMPLES = (
    "convert talk.wav --to mp3",
    "convert '*.wav' --to opus --quality high --out opus/",
    "convert -r Music/ --to m4a --out Phone/ --loudness -16 --skip-existing",
    "convert book.m4b --to mp3 --split chapters --out Book/",
    "convert talk.wav --to flac --trim-start 1:30 --tag title='My talk' --json",
    "convert talk.wav --to mp3 --server https://wavemill.example.org",
)


def add(commands: Commands) -> None:
    """Its grammar."""
    parser = command(
        commands,
        "convert",
        summary="convert files",
        description=_DESCRIPTION,
        examples=_EXAMPLES,
        epilog=EXITS,
    )
    parser.add_argument("files", nargs="+", metavar="FILE", help="files, or patterns in quotes")
    parser.add_argument("-t", "--to", required=True, metavar="FORMAT", help="see wavemill formats")
    parser.add_argument(
        "-q", "--quality", help="a preset (standard), a bitrate (192k) or a level (V2)"
    )
    parser.add_argument("-o", "--out", type=Path, metavar="DIR", help="put the results there")
    parser.add_argument("-r", "--recursive", action="store_true", help="go into directories")
    parser.add_argument("--overwrite", action="store_true", help="replace files that are there")
    parser.add_argument(
        "--skip-existing", action="store_true", help="leave out what has a result already"
    )
    parser.add_argument(
        "-j", "--parallel", type=int, default=PARALLEL, metavar="N", help="files at once (4)"
    )
    parser.add_argument("--json", action="store_true", help="print one JSON object for each file")
    add_options(parser)
    add_server(parser)
