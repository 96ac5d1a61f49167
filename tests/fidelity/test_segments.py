"""A FLAC that was made in segments is, to the byte, what one ffmpeg makes between two files."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from media_files import METADATA, run
from msgspec import structs
from structlog.testing import capture_logs

from support.fidelity.bench import Bench, opened, same_bytes
from support.fidelity.references import make_reference
from wavemill_converter.convert.segments import rules
from wavemill_converter.lending import Lending

_BLOCK = 4096
_TONES = "aevalsrc=0.4*sin(2*PI*(200+90*t)*t)|0.4*sin(2*PI*(290+70*t)*t):s={rate}:d={seconds}"
_NOISE = "anoisesrc=d={seconds}:r={rate}:a=0.9:seed=5,pan=stereo|c0=c0|c1=0.7*c0"
_SURROUND = (
    "aevalsrc=" + "|".join(f"0.3*sin({1000 + 300 * one}*t*t)" for one in range(6))
) + ":c=5.1:s={rate}:d={seconds}"
_HALF_SILENT = "aevalsrc=0.5*sin(900*t)*gte(t\\,{seconds}/2):s={rate}:d={seconds}"
_SILENT = "anullsrc=r={rate}:d={seconds}"
_SHALLOW = "-sample_fmt s16 -frame_size 4096 -compression_level 5"
_DEEP = "-sample_fmt s32 -frame_size 4096 -compression_level 5"

# By name: the sound, its rate and seconds, how it is kept; and the reference's own words.
INPUTS = {
    "odd.wav": (_TONES, 48_000, 20.123, "", _SHALLOW),
    "whole-blocks.wav": (_TONES, 48_000, 300 * _BLOCK / 48_000, "", _SHALLOW),
    "one-sample-more.wav": (_NOISE, 32_000, (200 * _BLOCK + 1) / 32_000, "", _SHALLOW),
    "noise.wav": (_NOISE, 48_000, 60.0, "", _SHALLOW),
    "deep.wav": (_NOISE, 96_000, 20.0, "-c:a pcm_s24le", _DEEP),
    "mono.wav": (_TONES, 8_000, 40.0, "-ac 1", _SHALLOW),
    "surround.wav": (_SURROUND, 48_000, 12.0, "", _SHALLOW),
    "bytes.wav": (_TONES, 16_000, 30.0, "-c:a pcm_u8", _SHALLOW),
    "half-silent.wav": (_HALF_SILENT, 48_000, 40.0, "", _SHALLOW),
    "silent.wav": (_SILENT, 48_000, 300.0, "", _SHALLOW),
    "compact-disc.wav": (_TONES, 44_100, 130.0, "", _SHALLOW),
    "large.wav": (_TONES, 48_000, 20.0, "-rf64 always", _SHALLOW),
    "long.w64": (_TONES, 48_000, 20.0, "", _SHALLOW),
    "apple.aiff": (_TONES, 48_000, 20.0, "", _SHALLOW),
    "deep.aiff": (_NOISE, 48_000, 20.0, "-c:a pcm_s24be", _DEEP),
    "core.caf": (_TONES, 48_000, 20.0, "-c:a pcm_s16be", _SHALLOW),
    "sun.au": (_TONES, 48_000, 20.0, "-c:a pcm_s16be", _SHALLOW),
    "dressed.aiff": (_NOISE, 48_000, 60.0, "", ""),
}


@pytest.fixture
async def lending_bench(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Bench]:
    """A bench with three slots, of which its job has one; nothing is too short to be cut."""
    monkeypatch.setattr(rules, "SHORTEST", 1.0)
    lending = Lending(3, processors=3)
    async with opened(tmp_path) as bench:
        bench.tools = structs.replace(bench.tools, lending=lending)
        with lending.taken():
            yield bench


def _make(folder: Path, name: str) -> Path:
    sound, rate, seconds, kept, _ = INPUTS[name]
    path = folder / name
    source: list[str | Path] = ["-f", "lavfi", "-i", sound.format(rate=rate, seconds=seconds)]
    if not name.startswith("dressed"):
        run(*source, *kept.split(), "-metadata", "title=Tönend", path)
        return path
    (folder / "tags").write_text(METADATA)
    run("-f", "lavfi", "-i", "testsrc=s=640x640", "-frames:v", "1", folder / "cover.png")
    more: list[str | Path] = ["-i", folder / "cover.png", "-f", "ffmetadata", "-i", folder / "tags"]
    chosen = "-map 0:a -map 1:v -map_metadata 2 -map_chapters 2 -c:v copy"
    kept = "-disposition:v attached_pic -write_id3v2 1"
    run(*source, *more, *chosen.split(), *kept.split(), path)
    return path


@pytest.mark.parametrize("name", INPUTS)
async def test_segments_make_the_bytes_that_one_ffmpeg_makes(
    lending_bench: Bench, tmp_path: Path, name: str
) -> None:
    bench, source = lending_bench, _make(tmp_path, name)
    with capture_logs() as logs:
        segmented = await bench.stream(await bench.job(source, "flac", "segments"))
    bench.tools = structs.replace(bench.tools, lending=None)
    plain = await bench.stream(await bench.job(source, "flac", "plain"))
    said = [one for one in logs if one["event"] in ("segmented", "segments_failed")]
    assert [one["event"] for one in said] == ["segmented"], said
    assert said[0]["segments"] == 3
    assert same_bytes(bench.result(segmented), bench.result(plain))
    assert segmented.outputs[0].sha256 == plain.outputs[0].sha256
    if words := INPUTS[name][4]:
        words = f"-c:a flac {words} -f flac"
        assert same_bytes(bench.result(plain), make_reference(source, words, tmp_path / "by-hand"))


@pytest.mark.parametrize(
    "options",
    [
        {"trim_start": 1.5, "trim_end": 17.25},
        {"sample_rate": 44_100},
        {"bit_depth": 16},
        {"channels": 1},
        {"fade_out": 2.0},
    ],
    ids=lambda options: next(iter(options)),
)
async def test_what_reaches_over_a_border_is_not_made_in_segments(
    lending_bench: Bench, tmp_path: Path, options: dict[str, float]
) -> None:
    bench, source = lending_bench, _make(tmp_path, "deep.wav")
    job = await bench.job(source, "flac", "options")
    wanted = structs.replace(job.options, **options)
    with capture_logs() as logs:
        await bench.stream(structs.replace(job, options=wanted))
    assert [one["event"] for one in logs if one["event"].startswith("s")] == ["streamed"]
