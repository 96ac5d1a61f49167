"""API keys as an operator makes them, and clients that hold them."""

import asyncio
import json
import os
import subprocess
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import aiohttp

from support.client import Client
from support.cluster import Cluster, Member
from support.server import Wavemill


async def keys(server: Wavemill | Cluster, *words: str) -> Any:
    """Run `wavemill-janitor keys …` beside a running wavemill; the document that it prints."""
    environ = {
        **os.environ,
        "DATA_DIR": str(server.data_dir),
        "REDIS_URL": "",
        **server.kept.variables,
    }
    command = [sys.executable, "-m", "wavemill_janitor", "keys", *words, "--json"]
    done = await asyncio.to_thread(
        subprocess.run, command, env=environ, capture_output=True, text=True, timeout=60
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


async def new_key(server: Wavemill | Cluster, name: str = "test") -> str:
    """Make a key."""
    return str((await keys(server, "create", "--name", name))["key"])


def bearing(key: str) -> dict[str, str]:
    """The header that shows a key."""
    return {"Authorization": f"Bearer {key}"}


@asynccontextmanager
async def holding(server: Wavemill | Member, key: str) -> AsyncIterator[Client]:
    """A client that shows this key with every call."""
    async with aiohttp.ClientSession(headers=bearing(key)) as session:
        yield Client(session, server.url)
