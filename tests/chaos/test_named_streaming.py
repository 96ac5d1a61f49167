"""Named faults of streaming: the converter dies with half of its result uploaded."""

import asyncio
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import psutil
import pytest
from imageio_ffmpeg import get_ffmpeg_exe

from chaos.theatre import SCALE, MakeTheatre, Report
from support.audio import make_noise
from support.cluster import Member, alive
from support.fidelity.bench import same_bytes
from support.fidelity.references import make_reference
from support.kept import InAws, Kept, OnDisk
from support.moto_server import running_moto
from support.server import eventually

HOST_LOST = 22.0 * SCALE  # seconds until another converter has the job
AT_ONCE = 2  # parts that are on their way at the same time
WAV = "-c:a pcm_s16le -rf64 auto -f wav"


@pytest.fixture(scope="module")
def noise_of_minutes(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """56 MiB: more than a converter holds in memory, besides the parts that have gone."""
    return make_noise(tmp_path_factory.mktemp("minutes") / "minutes.wav", 330)


@pytest.fixture(params=["disk", "s3"])
def s3(request: pytest.FixtureRequest) -> Iterator[InAws | None]:
    """Where everything is kept; None stands for the disk."""
    if request.param == "disk":
        yield None
        return
    with running_moto() as url:
        yield InAws(url)


async def test_a_converter_killed_in_mid_stream_leaves_no_part_no_memory_file_and_no_process(
    own_theatre: MakeTheatre,
    s3: InAws | None,
    noise_of_minutes: Path,
    tmp_path: Path,
    report: Report,
) -> None:
    settings = s3.variables if s3 else {}
    theatre = own_theatre(converters=2, WAVEMILL_FFMPEG=get_ffmpeg_exe(), **settings)
    kept: Kept = s3 or OnDisk(theatre.cluster.data_dir)
    converters = theatre.cluster.converters
    await theatre.cluster.start_async()
    async with theatre.performance():
        client = theatre.client
        file_id = (await client.upload(noise_of_minutes))["fileId"]
        theatre.arm("converter-sending-part", "stall:600", times=AT_ONCE)
        job_id = await client.convert(file_id, "wav")
        # Both uploads stand still, else the other converter would meet the second stall; so ffmpeg
        # has been stopped in its midst, its memory file full.
        await theatre.fired("converter-sending-part", times=AT_ONCE)
        await eventually(lambda: any(map(is_held_back, converters)), 30)
        victim = next(one for one in converters if is_held_back(one))
        ffmpeg = victim.ffmpegs()[0].pid
        memory = memory_files(victim.pid)
        assert memory
        assert len(kept.parts()) >= 2

        victim.kill()
        died = time.monotonic()
        await eventually(lambda: not alive(ffmpeg), 5)
        assert not memory & memory_files()

        taken = await theatre.started_again(job_id, died)
        await theatre.ended(job_id, died)
        assert (await client.progress(job_id))["attempt"] == 2
        result = await client.download(job_id, tmp_path / "result")
        reference = await asyncio.to_thread(
            make_reference, noise_of_minutes, WAV, tmp_path / "reference"
        )
        assert same_bytes(result, reference)

        await eventually(lambda: not theatre.cluster.ffmpegs())
        assert (kept.parts(), kept.unfinished()) == ([], [])
        assert len(kept.keys("conversions/")) == 1
        assert not any(memory_files(one.pid) for one in converters if one.is_running)
    fault = f"converter-killed-mid-stream-{'s3' if s3 else 'disk'}"
    report.seconds(fault, taken, HOST_LOST)


def is_held_back(converter: Member) -> bool:
    """Whether its ffmpeg has been stopped because its output is not taken away."""
    with suppress(psutil.Error):
        return any(one.status() == psutil.STATUS_STOPPED for one in converter.ffmpegs())
    return False


def memory_files(pid: int | None = None) -> set[int]:
    """The memory files (by inode) that this process holds, or any process at all."""
    found = set()
    for entry in Path("/proc").glob(f"{pid or '[0-9]*'}/fd/*"):
        with suppress(OSError):  # it is closed, or its process gone
            if str(entry.readlink()).startswith("/memfd:"):
                found.add(entry.stat().st_ino)
    return found
