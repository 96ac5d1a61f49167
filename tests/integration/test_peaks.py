"""Peaks by the real ffmpeg, contained, beside a conversion: those that the samples have."""

import asyncio
from pathlib import Path

import numpy as np
import pytest
from media_files import ASSETS
from msgspec import structs

from support.audio import generate
from support.loud import samples_of
from wavemill_common.peaks import Peaks, merged
from wavemill_common.settings import SandboxMode
from wavemill_converter.ffmpeg.commands import DEMUXERS
from wavemill_converter.ffmpeg.contained import local_destination, local_input, started_on
from wavemill_converter.ffmpeg.installation import Ffmpeg, find_ffmpeg
from wavemill_converter.ffmpeg.memory import MemoryFile
from wavemill_converter.ffmpeg.places import Destination, fd_destination
from wavemill_converter.probe.probe import probe
from wavemill_converter.sandbox import contain
from wavemill_converter.sandbox.process import read_start
from wavemill_converter.transcode.peaks import parse_peaks, peaks_words, window_for

SYSTEM = Path("/usr/bin/ffmpeg")


@pytest.fixture(params=["bundled", "system"])
async def ffmpeg(request: pytest.FixtureRequest) -> Ffmpeg:
    if request.param == "system" and not SYSTEM.exists():
        pytest.skip(f"there is no {SYSTEM} here")
    found = await find_ffmpeg(str(SYSTEM) if request.param == "system" else None)
    return structs.replace(found, sandbox=await contain(found.path, SandboxMode.PREFER))


async def peaks_of(ffmpeg: Ffmpeg, path: Path, duration: float | None) -> Peaks:
    """Convert to MP3 and ask for the source's peaks beside."""
    rate = (await probe(ffmpeg, path)).sample_rate
    window = window_for(duration, rate)
    with (
        local_input(ffmpeg, path) as source,
        MemoryFile("result") as result,
        MemoryFile("peaks") as told,
    ):
        sound = fd_destination(result.fd, by_number=ffmpeg.knows_fd)
        beside = fd_destination(told.fd, by_number=True)
        argv = [ffmpeg.path, "-nostdin", "-v", "error", "-format_whitelist", DEMUXERS]
        argv += ["-i", source.url, "-map", "0:a:0", "-c:a", "libmp3lame", "-f", "mp3"]
        argv += [*sound.arguments, *peaks_words(window, told.fd)]
        async with started_on(
            ffmpeg, argv, source, (sound, beside), seconds=60, file_bytes=None
        ) as child:
            complaints = await read_start(child.stderr, 1 << 20)
            assert await child.wait() == 0, complaints
        assert result.size > 1000
        return parse_peaks(told.read(0, told.size), window, rate)


def expected(path: Path, channels: int, window: int) -> list[int]:
    highest = np.abs(samples_of(path, channels)).max(axis=1)
    blocks = [highest[at : at + window].max() for at in range(0, len(highest), window)]
    return [min(255, int(np.ceil(255 * one))) for one in blocks]


@pytest.mark.parametrize("known", [True, False], ids=["duration known", "duration unknown"])
async def test_peaks_are_those_of_the_samples(ffmpeg: Ffmpeg, *, known: bool) -> None:
    path = ASSETS / "lena.wav"
    duration = (await probe(ffmpeg, path)).media.duration if known else None
    peaks = await peaks_of(ffmpeg, path, duration)
    reference = expected(path, 1, window_for(duration, 44_100))
    assert len(peaks.values) == len(reference)
    assert max(abs(a - b) for a, b in zip(peaks.values, reference, strict=True)) <= 1
    assert len(peaks.values) == pytest.approx(900 if known else 25, abs=1)


async def test_the_louder_channel_counts_and_silence_is_nothing(
    ffmpeg: Ffmpeg, tmp_path: Path
) -> None:
    tones = "aevalsrc=0.1*sin(700*t)*lt(t\\,1)|0.5*sin(900*t)*lt(t\\,1):s=48000:d=2"
    peaks = await peaks_of(ffmpeg, generate(tmp_path / "tones.flac", tones), 2.0)
    half = len(peaks.values) // 2
    assert 126 <= max(peaks.values[:half]) <= 129
    assert set(peaks.values[half + 1 :]) == {0}


@pytest.mark.parametrize("window", [16, 600, 980, 4000])
async def test_windows_smaller_than_an_encoders_frame_do_not_halt_ffmpeg(
    ffmpeg: Ffmpeg, tmp_path: Path, window: int
) -> None:
    path = generate(tmp_path / "tones.flac", "aevalsrc=0.9*sin(800*t)|0.6*sin(900*t):s=44100:d=20")
    target = tmp_path / "result.mp3"
    with (
        local_input(ffmpeg, path) as source,
        local_destination(ffmpeg, target) as result,
        MemoryFile("peaks") as told,
    ):
        argv = [ffmpeg.path, "-nostdin", "-v", "error", "-format_whitelist", DEMUXERS]
        argv += ["-i", source.url, "-map", "0:a:0", "-c:a", "libmp3lame", "-q:a", "2", "-f", "mp3"]
        argv += [*result.arguments, *peaks_words(window, told.fd)]
        beside = Destination((), pass_fds=(told.fd,))
        async with (
            asyncio.timeout(60),
            started_on(
                ffmpeg, argv, source, (result, beside), seconds=60, file_bytes=None
            ) as child,
        ):
            assert await child.wait() == 0
        values = parse_peaks(told.read(0, told.size), 44_100, 44_100).values
    assert target.stat().st_size > 1000
    assert len(values) == len(merged(Peaks(seconds=1, values=bytes(-(-882_000 // window)))).values)
