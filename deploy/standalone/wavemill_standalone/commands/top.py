"""`wavemill top`: what goes on right now, live, from the operator's own Redis and job store."""

import argparse
import asyncio
import os
import sys
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from wavemill_common.connections import connect
from wavemill_common.overview import Overview, Sources, look
from wavemill_common.progress.store import ProgressStore
from wavemill_common.queue.converters import ConverterRegistry
from wavemill_common.queue.inspection import QueueInspector
from wavemill_common.settings import Settings
from wavemill_janitor.cli import exits as failures
from wavemill_janitor.cli.context import PATIENCE, find_redis, open_records
from wavemill_janitor.cli.output import Output
from wavemill_standalone.commands import exits
from wavemill_standalone.commands.grammar import Commands, command
from wavemill_standalone.commands.server import run_interruptible

EVERY = 1.0  # seconds
ROWS = 10
TEXT = """\
exit codes: 0 told (or left with Ctrl-C), 1 Redis or the job store is down, 2 usage.
"""


def add(commands: Commands) -> None:
    """Its grammar."""
    parser = command(
        commands,
        "top",
        run,
        summary="show queue, converters and jobs, live",
        description="Show what waits, what runs and what has ended lately, until Ctrl-C. Like"
        " wavemill-janitor it reads Redis and the job store themselves, as the environment names"
        " them, and changes nothing.",
        examples=["top", "top --data-dir /srv/wavemill", "top --json | jq .queue.lanes"],
        epilog=TEXT,
    )
    parser.add_argument("--once", action="store_true", help="show it once, and end")
    parser.add_argument("--json", action="store_true", help="print one JSON document, and end")
    parser.add_argument(
        "--every",
        type=_seconds,
        default=EVERY,
        metavar="SECONDS",
        help=f"look so often ({EVERY:g})",
    )
    parser.add_argument(
        "--rows", type=_rows, default=ROWS, metavar="N", help=f"jobs to show of each kind ({ROWS})"
    )
    parser.add_argument(
        "--data-dir", type=Path, metavar="DIR", help="where wavemill keeps everything (DATA_DIR)"
    )


def run(parsed: argparse.Namespace) -> int:
    """Show it; in a pipe, once."""
    environ = dict(os.environ)
    if parsed.data_dir is not None:
        environ["DATA_DIR"] = str(parsed.data_dir)
    settings = Settings.from_environ(environ)
    if parsed.once or parsed.json or not sys.stdout.isatty():
        return run_interruptible(_once(settings, parsed))
    code = run_interruptible(_live(settings, parsed))
    return exits.OK if code == exits.INTERRUPTED else code


@asynccontextmanager
async def open_sources(settings: Settings) -> AsyncIterator[Sources]:
    """What is looked at."""
    async with (
        open_records(settings) as jobs,
        connect(find_redis(settings), reply_timeout=PATIENCE) as redis,
    ):
        yield Sources(QueueInspector(redis), ConverterRegistry(redis), ProgressStore(redis), jobs)


async def _once(settings: Settings, parsed: argparse.Namespace) -> int:
    out = Output(as_json=parsed.json)
    try:
        async with open_sources(settings) as sources:
            seen = await look(sources, time.time(), parsed.rows)
    except Exception as error:
        raise exits.CommandError(str(failures.explain(error))) from error
    if parsed.json:
        out.document(seen)
    else:
        _print(seen)
    return exits.OK


async def _live(settings: Settings, parsed: argparse.Namespace) -> int:
    from rich.live import Live

    from wavemill_standalone.commands.top_view import failure, picture

    with Live(screen=True, auto_refresh=False) as live:
        while True:
            try:
                async with open_sources(settings) as sources:
                    while True:
                        seen = await look(sources, time.time(), parsed.rows)
                        live.update(picture(seen), refresh=True)
                        await asyncio.sleep(parsed.every)
            except Exception as error:  # noqa: BLE001 - what is down may come back
                live.update(failure(str(failures.explain(error))), refresh=True)
            await asyncio.sleep(parsed.every)


def _print(seen: Overview) -> None:
    from rich.console import Console

    from wavemill_standalone.commands.top_view import PIPE_WIDTH, picture

    width = None if sys.stdout.isatty() else PIPE_WIDTH
    Console(width=width).print(picture(seen))


def _seconds(text: str) -> float:
    value = float(text)
    if not 0.1 <= value <= 3600:  # noqa: PLR2004 - a tenth of a second to an hour
        raise argparse.ArgumentTypeError("from 0.1 to 3600 seconds")
    return value


def _rows(text: str) -> int:
    value = int(text)
    if not 1 <= value <= 200:  # noqa: PLR2004 - what somebody may want to look at
        raise argparse.ArgumentTypeError("from 1 to 200")
    return value
