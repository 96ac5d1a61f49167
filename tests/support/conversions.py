"""Conversions without a queue: tools on a disk store, an upload, and a job on it."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from support.known import known_ffmpeg
from wavemill_common.jobs import Job
from wavemill_common.objects.disk import DiskObjectStore
from wavemill_common.settings import MIB
from wavemill_converter.probe.limits import Limits
from wavemill_converter.store.proxy import RangeProxy
from wavemill_converter.tools import Tools
from wavemill_converter.transcode.outcome import Timeouts


@asynccontextmanager
async def opened_tools(folder: Path) -> AsyncIterator[Tools]:
    """What a conversion works with: objects below `folder`, an ffmpeg in its sandbox."""
    store = folder / "objects"
    store.mkdir()
    async with RangeProxy() as proxy:
        yield Tools(
            objects=DiskObjectStore(store),
            ffmpeg=await known_ffmpeg(contained=True),
            proxy=proxy,
            limits=Limits(),
            timeouts=Timeouts(stall=30, total=300),
        )


def report(*_: Any, **__: Any) -> None:
    """Nobody watches."""


async def put(tools: Tools, path: Path) -> str:
    """Upload a file; its key."""

    async def blocks() -> AsyncIterator[bytes]:
        with path.open("rb") as file:
            while block := file.read(MIB):
                yield block

    key = f"uploads/{path.name}"
    await tools.objects.put(key, blocks())
    return key


def job_for(key: str, target: str, claim: str = "claim", **more: Any) -> Job:
    """A claimed job on an upload."""
    return Job(
        job_id=f"{Path(key).name}-{target}".replace(".", "-"),
        file_id="f",
        file_name=Path(key).name,
        input_key=key,
        format=target,
        quality="standard",
        created_at=0,
        updated_at=0,
        expires_at=1,
        due_at=None,
        attempt=1,
        claim_id=claim,
        **more,
    )


async def content(tools: Tools, key: str) -> bytes:
    """All bytes of an object."""
    return b"".join([block async for block in tools.objects.read(key)])
