"""`wavemill convert`: convert files."""

import argparse
from collections.abc import Sequence
from pathlib import Path

from wavemill_client import Format, InvalidRequest, NotFound, Offer, WavemillClient
from wavemill_standalone.commands import exits
from wavemill_standalone.commands.asking import add_options, read_options
from wavemill_standalone.commands.batch import Batch, Plan
from wavemill_standalone.commands.display import display
from wavemill_standalone.commands.grammar import EXITS, Commands, add_server, command
from wavemill_standalone.commands.outcome import Outcome
from wavemill_standalone.commands.server import run_interruptible, served
from wavemill_standalone.commands.sources import Source, find_sources
from wavemill_standalone.commands.targets import plan as plan_targets

PARALLEL = 4  # files at once
_NO_UPLOAD = "none"  # an id that no upload has

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
        run,
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


def run(parsed: argparse.Namespace) -> int:
    """Convert them."""
    if parsed.parallel < 1:
        raise exits.UsageError("--parallel must be 1 or more")
    if parsed.out is not None and parsed.out.exists() and not parsed.out.is_dir():
        raise exits.UsageError(f"--out {parsed.out} is a file; name a directory")
    sources = find_sources(parsed.files, recursive=parsed.recursive)
    plan = Plan(
        format=parsed.to,
        quality=parsed.quality,
        options=read_options(parsed),
        preview=parsed.preview,
        overwrite=parsed.overwrite,
        skip_existing=parsed.skip_existing,
    )
    return run_interruptible(_convert(parsed, sources, plan))


async def _convert(parsed: argparse.Namespace, sources: Sequence[Source], plan: Plan) -> int:
    async with served(parsed) as (client, offer):
        target = _find(offer, plan.format)
        await _check(client, plan)
        extension = "" if "split" in plan.options else target.extension
        paths = plan_targets(sources, extension, parsed.out)
        files = [(source.path, path) for source, path in zip(sources, paths, strict=True)]
        with display(as_json=parsed.json, total=len(files)) as shown:
            batch = Batch(client, plan, shown)
            await batch.run(files, parsed.parallel)
    return verdict(batch.outcomes)


def _find(offer: Offer, name: str) -> Format:
    for one in offer.formats:
        if one.id == name:
            return one
    known = ", ".join(one.id for one in offer.formats)
    raise exits.UsageError(f"unknown format {name!r}; choose one of {known}")


async def _check(client: WavemillClient, plan: Plan) -> None:
    """Have the server judge the options before anything is sent: it looks at the upload last."""
    try:
        await client.estimate(
            _NO_UPLOAD,
            plan.format,
            quality=plan.quality,
            options=plan.options,
            preview=plan.preview,
        )
    except InvalidRequest as error:
        raise exits.UsageError(str(error)) from None
    except NotFound:
        return


def verdict(outcomes: Sequence[Outcome]) -> int:
    """The exit code of a whole command. Pure."""
    errors = [one.error["code"] for one in outcomes if one.status == "failed" and one.error]
    if not errors:
        return exits.OK
    lost = errors.count("server_unreachable") == len(outcomes)
    return exits.UNREACHABLE if lost else exits.FAILED
