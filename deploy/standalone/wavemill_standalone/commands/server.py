"""Server: the wavemill that a command speaks to: a given one, or one of its own."""

import argparse
import asyncio
import os
import signal
from collections.abc import AsyncIterator, Coroutine
from contextlib import asynccontextmanager
from typing import Any

from wavemill_client import (
    NotAllowed,
    NotWavemill,
    Offer,
    Refused,
    Retry,
    ServerUnreachable,
    WavemillClient,
)
from wavemill_standalone.commands import exits
from wavemill_standalone.embedded import NotStarted, embedded

FIRST_WORDS = Retry(tries=3, base=0.3)  # a wrong address should show within a second or two


@asynccontextmanager
async def served(parsed: argparse.Namespace) -> AsyncIterator[tuple[WavemillClient, Offer]]:
    """A client of the server that the command line names, or of one of our own; and its offer.

    Raises:
        NoServer, KeyRefused: there is none, or none for us.
    """
    url = parsed.server or os.environ.get("WAVEMILL_SERVER")
    key = parsed.api_key or os.environ.get("WAVEMILL_API_KEY")
    if url and parsed.data_dir:
        raise exits.UsageError("--data-dir is for a wavemill of one's own; leave out the server")
    if url:
        async with WavemillClient(url, api_key=key) as client:
            yield client, await _offer(url, key)
        return
    try:
        async with embedded(parsed.data_dir) as own, WavemillClient(own) as client:
            yield client, await client.formats()
    except NotStarted as error:
        raise exits.NoServer(f"cannot run a wavemill here: {error}") from None


async def _offer(url: str, key: str | None) -> Offer:
    """Ask for the formats: who cannot answer that is no server for us."""
    try:
        async with WavemillClient(url, api_key=key, retry=FIRST_WORDS) as client:
            return await client.formats()
    except NotAllowed as error:
        raise exits.KeyRefused(f"{error}; set WAVEMILL_API_KEY") from None
    except (ServerUnreachable, NotWavemill, Refused) as error:
        raise exits.NoServer(str(error)) from None


def run_interruptible(work: Coroutine[Any, Any, int]) -> int:
    """Run a command; Ctrl-C and SIGTERM cancel it, and it cleans up after itself."""
    try:
        return asyncio.run(_until_told(work))
    except KeyboardInterrupt:
        return exits.INTERRUPTED
    except asyncio.CancelledError:
        return exits.TERMINATED


async def _until_told(work: Coroutine[Any, Any, int]) -> int:
    task = asyncio.ensure_future(work)
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGHUP):
        loop.add_signal_handler(number, task.cancel)
    return await task
