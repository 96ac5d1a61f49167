"""Segments that are disturbed: paused, killed, cancelled, or given to a store that fails."""

import asyncio
import signal
from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

import psutil
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec import structs
from structlog.testing import capture_logs

from support.audio import make_noise
from support.conversions import content, job_for, opened_tools, put, report
from support.remote import RemoteStore
from support.server import eventually
from wavemill_common.errors import StorageUnavailable
from wavemill_common.objects import ObjectInfo, Part
from wavemill_common.objects.disk import DiskObjectStore
from wavemill_common.progress.snapshot import Stage
from wavemill_common.settings import MIB
from wavemill_converter.convert.conversion import Converted
from wavemill_converter.convert.segments.upload import JoinedUpload
from wavemill_converter.convert.streaming.conversion import streaming_convert_audio
from wavemill_converter.lending import Lending
from wavemill_converter.tools import Tools

PART = 1 * MIB
MOST_MEMORY = 64 * MIB


@pytest.fixture(scope="module")
def long(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Some more than ten minutes of noise: long enough to be caught at work on it."""
    return make_noise(tmp_path_factory.mktemp("long") / "long.wav", 601)


@pytest.fixture
def lending() -> Iterator[Lending]:
    """Two slots, of which the job has one."""
    lending = Lending(2, processors=2)
    with lending.taken():
        yield lending


@pytest.fixture
async def tools(tmp_path: Path, lending: Lending) -> AsyncIterator[Tools]:
    """Tools that may borrow a slot, and believe ffmpeg."""
    async with opened_tools(tmp_path) as tools:
        yield structs.replace(tools, lending=lending, decodes=False)


def ffmpegs() -> list[psutil.Process]:
    """Those that encode a segment, the one with the beginning first."""
    running = []
    for one in psutil.Process().children():
        with suppress(psutil.NoSuchProcess):  # it has just ended
            words = one.cmdline() if one.status() != psutil.STATUS_ZOMBIE else []
            if "-stats_mux_pre" in words:
                running.append(("-ss" in words, one))
    return [one for _, one in sorted(running, key=lambda pair: pair[0])]


async def both() -> list[psutil.Process]:
    """Both ffmpegs, once they run."""
    found: list[psutil.Process] = []

    def both_run() -> bool:
        found[:] = ffmpegs()
        return len(found) == 2

    await eventually(both_run)
    return found


def is_stopped(process: psutil.Process) -> bool:
    """Whether a process waits to be continued; one that has ended does not."""
    with suppress(psutil.NoSuchProcess):
        return process.status() == psutil.STATUS_STOPPED
    return False


async def drafts(tools: Tools) -> list[str]:
    return [one.key async for one in tools.objects.scan_multiparts("")]


def events(logs: Sequence[Mapping[str, Any]]) -> list[object]:
    return [one["event"] for one in logs if one["event"] in ("segmented", "segments_failed")]


async def plain(tools: Tools, key: str) -> Converted:
    """The same without segments."""
    job = job_for(key, "flac", "plain")
    return await streaming_convert_audio(job, structs.replace(tools, lending=None), report)


async def test_progress_never_goes_back_and_memory_stays_bounded(tools: Tools, long: Path) -> None:
    told: list[int] = []

    def hear(stage: Stage, **changes: object) -> None:
        if stage is Stage.CONVERTING and "progress" in changes:
            told.append(int(str(changes["progress"])))

    with capture_logs() as logs:
        await streaming_convert_audio(job_for(await put(tools, long), "flac"), tools, hear)
    said = next(one for one in logs if one["event"] == "segmented")
    assert told == sorted(told)
    assert told[-1] == 99
    assert said["early_parts"] > 0
    assert said["memory_peak"] <= MOST_MEMORY


async def test_a_job_that_takes_the_slot_has_the_segment_pause(
    tools: Tools, lending: Lending, long: Path
) -> None:
    key = await put(tools, long)
    with capture_logs() as logs:
        converting = asyncio.create_task(
            streaming_convert_audio(job_for(key, "flac"), tools, report)
        )
        own, lent = await both()
        with lending.taken():
            await eventually(lambda: is_stopped(lent))
            await eventually(lambda: not is_stopped(own))  # but for a moment, while it is too fast
            # Once the first has ended, the other goes on in its place.
            await eventually(lambda: not own.is_running() or not is_stopped(lent), 60)
            done = await converting
    assert events(logs) == ["segmented"]
    assert done.outputs[0].sha256 == (await plain(tools, key)).outputs[0].sha256


async def test_a_busy_converter_makes_no_segments(
    tools: Tools, lending: Lending, long: Path
) -> None:
    key = await put(tools, long)
    with capture_logs() as logs, lending.taken():
        await streaming_convert_audio(job_for(key, "flac"), tools, report)
    assert events(logs) == []


@pytest.mark.parametrize("which", [0, 1])
async def test_if_one_ffmpeg_is_killed_the_whole_is_made_at_once(
    tools: Tools, long: Path, which: int
) -> None:
    key = await put(tools, long)
    with capture_logs() as logs:
        converting = asyncio.create_task(
            streaming_convert_audio(job_for(key, "flac"), tools, report)
        )
        (await both())[which].send_signal(signal.SIGKILL)
        done = await converting
    assert events(logs) == ["segments_failed"]
    assert done.outputs[0].sha256 == (await plain(tools, key)).outputs[0].sha256
    assert await drafts(tools) == []


async def test_a_cancelled_conversion_leaves_no_process_and_no_part(
    tools: Tools, long: Path, tmp_path: Path
) -> None:
    key = await put(tools, long)
    converting = asyncio.create_task(streaming_convert_audio(job_for(key, "flac"), tools, report))
    running = await both()
    await eventually(lambda: any((tmp_path / "objects" / ".multipart").glob("*/part-*")))
    converting.cancel()
    await asyncio.wait([converting])
    assert converting.cancelled()
    assert not any(one.is_running() for one in running)
    assert await drafts(tools) == []


class FullStore(DiskObjectStore):
    """Takes no part of a result."""

    async def put_part(self, *_: Any) -> Part:
        raise NoRoom("there is no room")


class NoRoom(StorageUnavailable):
    """What is not worth another try at once."""


async def test_the_failure_of_a_store_is_told_as_such(
    tools: Tools, long: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("wavemill_common.retry.PATIENCE", 0.0)
    full = structs.replace(tools, objects=FullStore(tmp_path / "full"))
    key = await put(full, long)
    with pytest.raises(NoRoom):
        await streaming_convert_audio(job_for(key, "flac"), full, report)
    assert ffmpegs() == []
    assert await drafts(full) == []


async def test_segments_of_an_object_that_is_elsewhere_come_through_the_proxy(
    tools: Tools, long: Path, tmp_path: Path
) -> None:
    remote = structs.replace(tools, objects=RemoteStore(tmp_path / "remote"))
    key = await put(remote, long)
    with capture_logs() as logs:
        done = await streaming_convert_audio(job_for(key, "flac"), remote, report)
    assert events(logs) == ["segmented"]
    assert done.outputs[0].sha256 == (await plain(remote, key)).outputs[0].sha256


async def test_the_source_is_heard_as_without_segments(tools: Tools, long: Path) -> None:
    key = await put(tools, long)
    job = job_for(key, "flac", "segments", peaks=True)
    with capture_logs() as logs:
        segmented = await streaming_convert_audio(job, tools, report)
    whole = job_for(key, "flac", "plain", peaks=True)
    alone = structs.replace(tools, lending=None)
    one = await streaming_convert_audio(whole, alone, report)
    assert events(logs) == ["segmented"]
    assert segmented.peaks_key
    assert one.peaks_key
    assert await content(tools, segmented.peaks_key) == await content(tools, one.peaks_key)


PIECES = st.lists(st.integers(1, 900_000), max_size=9)


@settings(max_examples=20, deadline=None)
@given(st.lists(PIECES, min_size=1, max_size=4))
async def test_only_the_last_part_of_a_joined_upload_is_smaller_than_a_part(
    tmp_path_factory: pytest.TempPathFactory, segments: list[list[int]]
) -> None:
    store = DiskObjectStore(tmp_path_factory.mktemp("store"))
    upload = JoinedUpload(store, "results/one.flac", PART, len(segments))
    bodies = [[bytes([65 + number]) * size for size in one] for number, one in enumerate(segments)]

    async def grow(number: int) -> None:
        for piece in bodies[number]:
            await upload.add(number, [piece])

    await asyncio.gather(*map(grow, range(len(segments))))
    upload.head = b"HEAD"
    stored: ObjectInfo = await upload.finish(index_in_front=False)
    sizes = [size for size, _ in upload.part_marks()]
    wanted = b"HEAD" + b"".join(piece for one in bodies for piece in one)
    assert b"".join([block async for block in store.read(stored.key)]) == wanted
    assert upload.size == stored.size == sum(sizes)
    assert all(size >= PART for size in sizes[:-1])
