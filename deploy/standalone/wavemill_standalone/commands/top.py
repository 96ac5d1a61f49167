"""`wavemill top`: what goes on right now, live, from the operator's own Redis and job store."""

import argparse
import asyncio
import os
import sys
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from wavemill_common.connections import connect
from wavemill_common.overview import Overview, Sources, look
from wavemill_common.progress.store import ProgressStore
from wavemill_common.queue.converters import ConverterRegistry
from wavemill_common.queue.inspection import QueueInspector
from wavemill_common.settings import Settings
from wavemill_janitor.cli import exits as failures
from wavemill_janitor.cli.context import PATIENCE, find_redis, open_records
from wavemill_janitor.output import Output
from wavemill_standalone.commands import exits
from wavemill_standalone.commands.environment import read_settings
from wavemill_standalone.commands.server import run_interruptible


def run(parsed: argparse.Namespace) -> int:
    """Show it; in a pipe, once."""
    environ = dict(os.environ)
    if parsed.data_dir is not None:
        environ["DATA_DIR"] = str(parsed.data_dir)
    settings = read_settings(environ)
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
