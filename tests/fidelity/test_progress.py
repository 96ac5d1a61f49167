"""Progress as real conversions tell it, slowed down so that there is something to tell."""

from pathlib import Path

import pytest
from media_files import run

from support.fidelity.ledger import Ledger
from support.fidelity.slow import Watched, watched

SECONDS = 14.0  # that a conversion takes; a report comes every half second
FEWEST = 20  # reports
MEAN_ERROR = 0.03
NOISE = "anoisesrc=d={seconds}:r=44100:a=0.3,pan=stereo|c0=c0|c1=c0"
# Half noise, half silence: nothing that is estimated from the first frames holds.
UNEVEN = "anoisesrc=d={half}:r=44100:a=0.3,apad=pad_dur={half},pan=stereo|c0=c0|c1=c0"

EXACT = {
    "wav": "-c:a pcm_s16le",
    "flac": "-c:a flac -sample_fmt s16",
    "mp3": "-c:a libmp3lame -b:a 320k",
    "m4a": "-c:a aac -b:a 256k",
    "ogg": "-c:a libvorbis -q:a 8",
    "opus": "-c:a libopus -b:a 256k",
    "mka": "-c:a flac",
}


def noted(ledger: Ledger, what: str, estimator: str, found: Watched) -> Watched:
    ledger.add(
        "progress",
        source=what,
        measured_by=estimator,
        reports=found.reports,
        **{
            "error, audio": found.error_of_audio,
            "error, time": found.error_of_time,
            "error, ETA": found.error_of_eta,
        },
        goes_back="yes" if found.goes_back else "no",
    )
    return found


@pytest.mark.slow
@pytest.mark.parametrize("kind", EXACT)
async def test_an_exact_duration_tells_the_true_share(
    tmp_path: Path, ledger: Ledger, kind: str
) -> None:
    source = tmp_path / f"noise.{kind}"
    run("-f", "lavfi", "-i", NOISE.format(seconds=240), *EXACT[kind].split(), source)
    found = await watched(source, tmp_path / "bench", "mp2", SECONDS)
    noted(ledger, f"{kind}, {source.stat().st_size / 1e6:.0f} MB", "exact duration", found)
    assert found.plan.duration_exact
    assert found.reports >= FEWEST
    assert not found.goes_back
    assert found.error_of_audio <= MEAN_ERROR


@pytest.mark.slow
async def test_of_a_large_file_the_bytes_tell_more_than_an_estimated_duration(
    tmp_path: Path, ledger: Ledger
) -> None:
    source = tmp_path / "uneven.mp3"
    encoded = "-c:a libmp3lame -q:a 0 -write_xing 0 -compression_level 9"
    run("-f", "lavfi", "-i", UNEVEN.format(half=990), *encoded.split(), source)
    assert source.stat().st_size > 20_000_000
    found = await watched(source, tmp_path / "bench", "mp2", SECONDS)
    noted(ledger, "mp3 without Xing, half silent", "bytes: duration estimated", found)
    assert found.plan.duration
    assert not found.plan.duration_exact
    assert_it_follows_the_bytes(found)


@pytest.mark.slow
async def test_without_a_duration_the_bytes_tell_the_share(tmp_path: Path, ledger: Ledger) -> None:
    source = tmp_path / "live.mka"
    words = ["-f", "lavfi", "-i", NOISE.format(seconds=240), "-c:a", "flac", "-f", "matroska"]
    source.write_bytes(run(*words, "pipe:1"))
    found = await watched(source, tmp_path / "bench", "mp2", SECONDS)
    noted(ledger, "mka from a pipe", "bytes: no duration", found)
    assert found.plan.duration is None
    assert_it_follows_the_bytes(found)
    assert found.error_of_audio <= MEAN_ERROR


@pytest.mark.slow
async def test_an_absurd_duration_is_passed_over_for_the_bytes(
    tmp_path: Path, ledger: Ledger
) -> None:
    source = tmp_path / "absurd.flac"
    run("-f", "lavfi", "-i", NOISE.format(seconds=60), "-c:a", "flac", "-sample_fmt", "s16", source)
    with_total(source, 80_000 * 44_100)
    found = await watched(source, tmp_path / "bench", "mp2", SECONDS)
    noted(ledger, "flac that claims 22 hours", "bytes: duration absurd", found)
    assert found.plan.duration == pytest.approx(80_000)
    assert_it_follows_the_bytes(found)


def assert_it_follows_the_bytes(found: Watched) -> None:
    """The source came at an even pace, so the share of its bytes is that of the time."""
    assert found.reports >= FEWEST
    assert not found.goes_back
    assert found.error_of_time <= 2 * MEAN_ERROR
    assert (found.steps[-1].fraction or 0.0) > 1 - 2 * MEAN_ERROR


def with_total(flac: Path, samples: int) -> None:
    """Have a flac claim another number of samples: 36 bits of its STREAMINFO."""
    data = bytearray(flac.read_bytes())
    packed = int.from_bytes(data[18:26], "big") >> 36 << 36 | samples
    data[18:26] = packed.to_bytes(8, "big")
    flac.write_bytes(data)
