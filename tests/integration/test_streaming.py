"""The streaming path: byte for byte what ffmpeg writes between local files."""

import hashlib
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import pytest

from support.audio import FFMPEG, make_noise
from wavemill_common.catalogue import FORMATS
from wavemill_common.jobs import Job
from wavemill_common.objects.disk import DiskObjectStore
from wavemill_common.settings import MIB
from wavemill_converter.conversion import Tools
from wavemill_converter.ffmpeg import find_ffmpeg
from wavemill_converter.file_conversion import fallback_file_conversion
from wavemill_converter.limits import Limits
from wavemill_converter.streaming.conversion import streaming_convert_audio
from wavemill_converter.streaming.proxy import RangeProxy
from wavemill_converter.transcode import Timeouts

MakeTools = Callable[..., Tools]
LARGE = ("wav", "aiff", "flac", "mp3", "m4a", "alac", "opus", "wma", "caf", "mka")


@pytest.fixture(scope="module")
def large(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Seven minutes of stereo noise with tags: 74 MB, so that every format has several parts."""
    path = tmp_path_factory.mktemp("large") / "large.wav"
    return make_noise(path, 420, "-metadata", "title=Rauschen")


@pytest.fixture
async def tools(tmp_path: Path) -> AsyncIterator[Tools]:
    store = tmp_path / "objects"
    store.mkdir()
    async with RangeProxy() as proxy:
        yield Tools(
            objects=DiskObjectStore(store),
            ffmpeg=await find_ffmpeg(FFMPEG),
            proxy=proxy,
            limits=Limits(),
            timeouts=Timeouts(stall=30, total=300),
        )


def report(*_: Any, **__: Any) -> None:
    """Nobody watches."""


async def put(tools: Tools, path: Path) -> str:
    async def blocks() -> AsyncIterator[bytes]:
        with path.open("rb") as file:
            while block := file.read(MIB):
                yield block

    key = f"uploads/{path.name}"
    await tools.objects.put(key, blocks())
    return key


def job_for(key: str, target: str, claim: str = "claim") -> Job:
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
    )


async def content(tools: Tools, key: str) -> bytes:
    return b"".join([block async for block in tools.objects.read(key)])


async def both_ways(tools: Tools, tmp_path: Path, key: str, target: str) -> tuple[bytes, bytes]:
    """The result's bytes by streaming, and by way of files."""
    streamed = await streaming_convert_audio(job_for(key, target, "streamed"), tools, report)
    scratch = tmp_path / f"scratch-{target}"
    scratch.mkdir()
    filed = await fallback_file_conversion(job_for(key, target, "filed"), tools, scratch, report)
    one, other = streamed.outputs[0], filed.outputs[0]
    data = await content(tools, one.key)
    assert one.sha256 == hashlib.sha256(data).hexdigest()
    assert one.size == len(data)
    return data, await content(tools, other.key)


@pytest.mark.parametrize("target", LARGE)
async def test_a_large_streamed_result_is_the_one_made_between_files(
    tools: Tools, large: Path, tmp_path: Path, target: str
) -> None:
    streamed, filed = await both_ways(tools, tmp_path, await put(tools, large), target)
    assert streamed == filed


@pytest.mark.parametrize("source", ["lena.m4a", "lena.mp3"])
@pytest.mark.parametrize("target", FORMATS)
async def test_a_small_streamed_result_is_the_one_made_between_files(
    tools: Tools, lena: Path, tmp_path: Path, source: str, target: str
) -> None:
    streamed, filed = await both_ways(tools, tmp_path, await put(tools, lena / source), target)
    assert streamed == filed


async def test_nothing_but_the_result_is_left_in_the_store(tools: Tools, lena: Path) -> None:
    key = await put(tools, lena / "lena.wav")
    await streaming_convert_audio(job_for(key, "m4a"), tools, report)
    assert [one async for one in tools.objects.scan_multiparts("")] == []
    assert len([one async for one in tools.objects.scan("conversions/")]) == 1
