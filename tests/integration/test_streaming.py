"""The streaming path: byte for byte what ffmpeg writes between local files."""

import asyncio
import hashlib
import os
import sys
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import pytest
from msgspec import structs

from support.audio import generate, make_noise
from support.conversions import content, job_for, opened_tools, put, report
from support.remote import RemoteStore
from wavemill_common.catalogue import FORMATS
from wavemill_common.errors import StorageUnavailable
from wavemill_common.objects import Part
from wavemill_common.objects.disk import DiskObjectStore
from wavemill_common.settings import MIB
from wavemill_converter.convert.files import fallback_file_conversion
from wavemill_converter.convert.streaming.conversion import streaming_convert_audio
from wavemill_converter.convert.streaming.follower import OutputFollower, StreamTripped
from wavemill_converter.convert.streaming.layout import (
    CAP_SLACK,
    INDEX_LAG,
    MAX_PARTS,
    MIN_PART,
    PartLayout,
)
from wavemill_converter.convert.streaming.pressure import Pressure
from wavemill_converter.ffmpeg.memory import MemoryFile
from wavemill_converter.probe.limits import Limits
from wavemill_converter.sandbox.process import started
from wavemill_converter.store.blocks import BlockReader
from wavemill_converter.store.publish import output_key, remove_earlier_attempts
from wavemill_converter.tools import Tools

MakeTools = Callable[..., Tools]
LONG = ("wav", "aiff", "flac", "mp3", "m4a", "alac", "opus", "wma", "caf", "mka")


@pytest.fixture(scope="module")
def large(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Five minutes of stereo noise: 53 MB, more than may be held in memory."""
    return make_noise(tmp_path_factory.mktemp("large") / "large.wav", 300)


@pytest.fixture(scope="module")
def long(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """84 s of stereo noise with tags: 15 MB, so that every format has several small parts."""
    path = tmp_path_factory.mktemp("long") / "long.wav"
    return make_noise(path, 84, "-metadata", "title=Rauschen")


@pytest.fixture
def small_parts(monkeypatch: pytest.MonkeyPatch) -> None:
    """All sizes of a layout a fifth of what they are; `make fidelity` has results of real size."""
    small = {
        "MIN_PART": MIN_PART // 5,
        "MAX_PARTS": MAX_PARTS * 5,
        "INDEX_LAG": INDEX_LAG // 5,
        "CAP_SLACK": CAP_SLACK // 5,
    }
    for name, value in small.items():
        monkeypatch.setattr(f"wavemill_converter.convert.streaming.layout.{name}", value)


@pytest.fixture
async def tools(tmp_path: Path) -> AsyncIterator[Tools]:
    async with opened_tools(tmp_path) as tools:
        yield tools


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


@pytest.mark.usefixtures("small_parts")
@pytest.mark.parametrize("target", LONG)
async def test_a_streamed_result_of_many_parts_is_the_one_made_between_files(
    tools: Tools, long: Path, tmp_path: Path, target: str
) -> None:
    streamed, filed = await both_ways(tools, tmp_path, await put(tools, long), target)
    assert streamed == filed


@pytest.mark.parametrize("source", ["lena.m4a", "lena.mp3"])
@pytest.mark.parametrize("target", FORMATS)
async def test_a_small_streamed_result_is_the_one_made_between_files(
    tools: Tools, lena: Path, tmp_path: Path, source: str, target: str
) -> None:
    streamed, filed = await both_ways(tools, tmp_path, await put(tools, lena / source), target)
    assert streamed == filed


async def test_parts_streamed_under_a_limit_that_needs_larger_ones_do_not_trip(
    tools: Tools, large: Path, tmp_path: Path
) -> None:
    generous = structs.replace(tools, limits=Limits(max_output_bytes=70 * 10**9))
    streamed, filed = await both_ways(generous, tmp_path, await put(tools, large), "wav")
    assert streamed == filed


async def test_nothing_but_the_result_is_left_in_the_store(tools: Tools, lena: Path) -> None:
    key = await put(tools, lena / "lena.wav")
    await streaming_convert_audio(job_for(key, "m4a"), tools, report)
    assert [one async for one in tools.objects.scan_multiparts("")] == []
    assert len([one async for one in tools.objects.scan("conversions/")]) == 1


class Cutting(RemoteStore):
    """A store whose reads of the source break off at a byte, as often as told."""

    def __init__(self, root: Path, at: float, times: int) -> None:
        super().__init__(root)
        self._at = at
        self._times = times

    async def read(self, key: str, start: int = 0, end: int | None = None) -> AsyncIterator[bytes]:
        cut = int((await self.stat(key)).size * self._at)
        position = start
        async for block in super().read(key, start, end):
            if key.startswith("uploads/") and self._times > 0 and position + len(block) > cut:
                self._times -= 1
                raise StorageUnavailable("the connection was cut")
            position += len(block)
            yield block


class Shortening(DiskObjectStore):
    """A store that opens a source as a file of half its bytes, as often as told."""

    def __init__(self, root: Path, times: int) -> None:
        super().__init__(root)
        self._times = times

    def open_file(self, key: str) -> int:
        fd = super().open_file(key)
        if self._times and key.startswith("uploads/"):
            self._times -= 1
            short = os.memfd_create("short")
            os.write(short, os.read(fd, os.fstat(fd).st_size // 2))
            os.close(fd)
            return short
        return fd


@pytest.mark.usefixtures("impatient")
async def test_a_source_that_opens_short_is_opened_again(
    tools: Tools, lena: Path, tmp_path: Path
) -> None:
    key = await put(tools, lena / "lena.wav")
    whole = await streaming_convert_audio(job_for(key, "flac", "whole"), tools, report)
    shortening = structs.replace(tools, objects=Shortening(tmp_path / "objects", times=2))
    again = await streaming_convert_audio(job_for(key, "flac", "again"), shortening, report)
    assert again.outputs[0].sha256 == whole.outputs[0].sha256


@pytest.mark.usefixtures("impatient")
async def test_a_source_that_always_opens_short_is_no_short_file(
    tools: Tools, lena: Path, tmp_path: Path
) -> None:
    key = await put(tools, lena / "lena.wav")
    short = structs.replace(tools, objects=Shortening(tmp_path / "objects", times=1000))
    with pytest.raises(StorageUnavailable, match="of the file"):
        await streaming_convert_audio(job_for(key, "flac"), short, report)
    assert [one async for one in tools.objects.scan("conversions/")] == []


async def test_readers_of_one_object_at_the_same_time_get_its_bytes(
    tools: Tools, lena: Path
) -> None:
    class Slow(DiskObjectStore):
        async def read(
            self, key: str, start: int = 0, end: int | None = None
        ) -> AsyncIterator[bytes]:
            async for block in super().read(key, start, end):
                await asyncio.sleep(0.01)
                yield block

    key = await put(tools, lena / "lena.wav")
    slow = Slow(tools.objects._root)  # type: ignore[attr-defined]
    reader = BlockReader(slow, await tools.objects.stat(key))

    async def read(start: int) -> bytes:
        return b"".join([piece async for piece in reader.read(start, reader.size)])

    starts = (0, 300_000, 600_000, 1)
    whole = (lena / "lena.wav").read_bytes()
    assert await asyncio.gather(*map(read, starts)) == [whole[start:] for start in starts]


@pytest.fixture
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    """Try again at once."""
    monkeypatch.setattr("wavemill_common.retry.BASE", 0.0)
    monkeypatch.setattr("wavemill_common.retry.CAP", 0.0)


@pytest.mark.usefixtures("impatient")
@pytest.mark.parametrize("at", [0.1, 0.5, 0.9])
async def test_a_source_that_breaks_off_is_read_on_from_there(
    tools: Tools, lena: Path, tmp_path: Path, at: float
) -> None:
    key = await put(tools, lena / "lena.wav")
    calm = await streaming_convert_audio(job_for(key, "flac", "calm"), tools, report)
    cutting = structs.replace(tools, objects=Cutting(tmp_path / "objects", at, times=2))

    cut = await streaming_convert_audio(job_for(key, "flac", "cut"), cutting, report)

    assert cut.outputs[0].sha256 == calm.outputs[0].sha256


@pytest.mark.usefixtures("impatient")
@pytest.mark.parametrize("at", [0.1, 0.5, 0.9])
async def test_a_source_that_stays_broken_fails_by_name_and_leaves_nothing(
    tools: Tools, lena: Path, tmp_path: Path, at: float
) -> None:
    key = await put(tools, lena / "lena.wav")
    broken = structs.replace(tools, objects=Cutting(tmp_path / "objects", at, times=1000))

    with pytest.raises(StorageUnavailable):
        await streaming_convert_audio(job_for(key, "mp3"), broken, report)

    assert [one async for one in tools.objects.scan("conversions/")] == []
    assert [one async for one in tools.objects.scan_multiparts("")] == []


class Altering(DiskObjectStore):
    """A store that gives back one byte of a result wrongly."""

    async def read(self, key: str, start: int = 0, end: int | None = None) -> AsyncIterator[bytes]:
        async for block in super().read(key, start, end):
            wrong = key.startswith("conversions/")
            yield bytes([block[0] ^ 1]) + block[1:] if wrong else block


async def test_a_result_that_the_store_alters_is_noticed(
    tools: Tools, lena: Path, tmp_path: Path
) -> None:
    key = await put(tools, lena / "lena.wav")
    altering = structs.replace(tools, objects=Altering(tmp_path / "objects"))
    with pytest.raises(StorageUnavailable, match="altered"):
        await streaming_convert_audio(job_for(key, "mp3"), altering, report)


async def test_a_slow_store_holds_ffmpeg_back_and_not_the_result_in_memory(
    tools: Tools, tmp_path: Path
) -> None:
    peaks: list[int] = []
    whole = generate(tmp_path / "whole.wav", "anullsrc=r=44100:cl=stereo:d=900")  # 159 MB

    class Slow(DiskObjectStore):
        async def put_part(self, key: str, upload_id: str, number: int, data: bytes) -> Part:
            await asyncio.sleep(0.1)
            return await super().put_part(key, upload_id, number, data)

    leave = Pressure.__exit__

    def note(self: Pressure, *error: object) -> None:
        leave(self, *error)
        peaks.append(self.peak)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Pressure, "__exit__", note)
        slow = structs.replace(tools, objects=Slow(tmp_path / "objects"))
        key = await put(tools, whole)
        await streaming_convert_audio(job_for(key, "wav"), slow, report)

    assert 8 * MIB < peaks[0] < whole.stat().st_size / 2


async def test_a_part_that_is_written_again_trips_and_nothing_is_published(tmp_path: Path) -> None:
    store = tmp_path / "objects"
    store.mkdir()
    objects = DiskObjectStore(store)
    with MemoryFile("test") as memory:
        layout = PartLayout(part=MIB, head=1, lag=0)
        follower = OutputFollower(objects, "conversions/j/x.bin", memory, layout)
        os.pwrite(memory.fd, b"x" * (3 * MIB), 0)
        sleeper = "import sys, time; sys.stdin.read(); time.sleep(0.2)"
        async with started([sys.executable, "-c", sleeper]) as child:
            await follower.follow(asyncio.create_task(child.process.wait()))
        assert follower.early == 2
        os.pwrite(memory.fd, b"y", MIB + 5)

        with pytest.raises(StreamTripped):
            await follower.finish(index_in_front=False)
        await follower.abort()

    assert [one async for one in objects.scan("")] == []
    assert [one async for one in objects.scan_multiparts("")] == []


async def test_a_takeover_leaves_no_half_written_result_of_the_attempt_before(
    tools: Tools, lena: Path
) -> None:
    job = structs.replace(job_for(await put(tools, lena / "lena.wav"), "mp3"), attempt=2)
    for attempt in (1, 2):
        key = output_key(job.job_id, attempt, 0, "somebody", "mp3")
        upload_id = await tools.objects.start_multipart(key)
        await tools.objects.put_part(key, upload_id, 1, b"half")
    await tools.objects.put(output_key(job.job_id, 1, 0, "lost", "mp3"), once(b"whole"))

    await remove_earlier_attempts(tools.objects, job)

    assert [one async for one in tools.objects.scan("conversions/")] == []
    left = [one.key async for one in tools.objects.scan_multiparts("conversions/")]
    assert left == [output_key(job.job_id, 2, 0, "somebody", "mp3")]


async def once(data: bytes) -> AsyncIterator[bytes]:
    yield data
