"""Bench: one conversion by every path, without queue and job store; the results stay as files."""

import filecmp
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from msgspec import structs
from structlog.testing import capture_logs

from support.audio import FFMPEG
from support.known import known_ffmpeg
from support.records import a_job
from support.remote import RemoteStore
from wavemill_common.errors import ObjectNotFound
from wavemill_common.jobs import Job
from wavemill_common.objects import ObjectStore
from wavemill_common.objects.disk import DiskObjectStore
from wavemill_common.settings import MIB
from wavemill_converter.convert.conversion import Converted
from wavemill_converter.convert.files import fallback_file_conversion
from wavemill_converter.convert.streaming.conversion import streaming_convert_audio
from wavemill_converter.probe.limits import Limits
from wavemill_converter.store.proxy import RangeProxy
from wavemill_converter.tools import Tools
from wavemill_converter.transcode.outcome import Timeouts
from wavemill_converter.work.scratch import Scratch


def unwatched(*_: Any, **__: Any) -> None:
    """A report that nobody reads."""


@dataclass(frozen=True)
class Pair:
    """The results of one input in one format by every path, and what streaming said of itself.

    `streamed` is of a source that came through the proxy, `opened` of one that was handed over as
    an open file, `filed` was made by way of files.
    """

    streamed: Path
    opened: Path
    filed: Path
    early_parts: int
    memory_peak: int

    @property
    def identical(self) -> bool:
        """Whether all hold the same bytes."""
        return all(same_bytes(self.streamed, other) for other in (self.opened, self.filed))


class Bench:
    """Converts local files by way of a disk store, as a converter does."""

    def __init__(self, tools: Tools, folder: Path, scratch: Scratch) -> None:
        self.tools = tools
        self._folder = folder
        self._scratch = scratch

    async def take(self, source: Path) -> str:
        """Store an input; return its key."""
        key = f"uploads/{source.name}"
        try:
            await self.tools.objects.stat(key)
        except ObjectNotFound:
            await self.tools.objects.put(key, _blocks(source))
        return key

    async def job(self, source: Path, target: str, claim: str, quality: str = "standard") -> Job:
        """A job for that input, as an attempt has claimed it."""
        return a_job(
            f"{source.name}-{target}-{quality}".replace(".", "-"),
            input_key=await self.take(source),
            file_name=source.name,
            format=target,
            quality=quality,
            attempt=1,
            claim_id=claim,
        )

    async def stream(self, job: Job) -> Converted:
        """Convert by the streaming path."""
        return await streaming_convert_audio(job, self.tools, unwatched)

    async def stream_from_afar(self, job: Job) -> Converted:
        """Convert by the streaming path, from a store that cannot hand its objects over."""
        tools = structs.replace(self.tools, objects=RemoteStore(self._folder))
        return await streaming_convert_audio(job, tools, unwatched)

    async def file(self, job: Job) -> Converted:
        """Convert by way of files; what the bytes decode to is checked on the other path."""
        tools = structs.replace(self.tools, decodes=False)
        with self._scratch.attempt(job.job_id) as path:
            return await fallback_file_conversion(job, tools, path, unwatched)

    async def pair(self, source: Path, target: str, quality: str = "standard") -> Pair:
        """Convert by every path."""
        with capture_logs() as logs:
            streamed = await self.stream_from_afar(
                await self.job(source, target, "streamed", quality)
            )
        opened = await self.stream(await self.job(source, target, "opened", quality))
        filed = await self.file(await self.job(source, target, "filed", quality))
        said = next((one for one in logs if one["event"] == "streamed"), {})
        return Pair(
            self.result(streamed),
            self.result(opened),
            self.result(filed),
            said.get("early_parts", 0),
            said.get("memory_peak", 0),
        )

    def result(self, converted: Converted, number: int = 0) -> Path:
        """The file that holds a result."""
        return self._folder / converted.outputs[number].key


@asynccontextmanager
async def opened(
    folder: Path, ffmpeg: str | None = None, objects: ObjectStore | None = None
) -> AsyncIterator[Bench]:
    """Open a bench that keeps its store in `folder`."""
    store = folder / "objects"
    async with RangeProxy() as proxy:
        with Scratch(folder / "scratch", "bench") as scratch:
            tools = Tools(
                objects=objects or DiskObjectStore(store),
                ffmpeg=await known_ffmpeg(ffmpeg or FFMPEG),
                proxy=proxy,
                limits=Limits(),
                timeouts=Timeouts(stall=60, total=1800),
            )
            yield Bench(tools, store, scratch)


def same_bytes(one: Path, other: Path) -> bool:
    """Whether two files hold the same bytes."""
    return filecmp.cmp(one, other, shallow=False)


async def _blocks(path: Path) -> AsyncIterator[bytes]:
    with path.open("rb") as file:
        while block := file.read(MIB):
            yield block
