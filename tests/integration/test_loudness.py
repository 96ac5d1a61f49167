"""Loudness is what was asked, by ffmpeg's meter and by one that is none of ours."""

from pathlib import Path

import numpy as np
import pytest
from media_files import ASSETS
from msgspec import structs

from support.audio import generate, run
from support.loud import SOUNDS, loudness_of, make_sound, samples_of, true_peak_of
from wavemill_common.catalogue import FORMATS
from wavemill_common.errors import FfmpegTimeout, NotAudio
from wavemill_common.options import ConvertOptions, Loudness
from wavemill_common.settings import SandboxMode
from wavemill_converter.ffmpeg.contained import local_input
from wavemill_converter.ffmpeg.installation import Ffmpeg, find_ffmpeg
from wavemill_converter.loudness.ebur128 import Measured
from wavemill_converter.loudness.encoder_effects import EncoderEffect, effect_of
from wavemill_converter.loudness.fit import LoudnessPlan, fit_loudness
from wavemill_converter.loudness.measure import measure
from wavemill_converter.plan.plan import plan_conversion
from wavemill_converter.probe.probe import probe
from wavemill_converter.sandbox import contain

SYSTEM = Path("/usr/bin/ffmpeg")
TARGETS = [Loudness(target_lufs=lufs, true_peak_db=peak) for lufs, peak in
           ((-16, -1.5), (-23, -1.0), (-14, -1.0))]  # fmt: skip
LOSSLESS = EncoderEffect()
PRECISION = 0.05  # dB; ffmpeg prints one decimal


@pytest.fixture(scope="module")
def sounds(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    folder = tmp_path_factory.mktemp("sounds")
    return {name: make_sound(folder, name) for name in SOUNDS}


@pytest.fixture(params=["bundled", pytest.param("system", marks=pytest.mark.slow)])
async def ffmpeg(request: pytest.FixtureRequest) -> Ffmpeg:
    if request.param == "system" and not SYSTEM.exists():
        pytest.skip(f"there is no {SYSTEM} here")
    return await contained_ffmpeg(str(SYSTEM) if request.param == "system" else None)


@pytest.fixture
async def bundled() -> Ffmpeg:
    return await contained_ffmpeg(None)


async def contained_ffmpeg(path: str | None) -> Ffmpeg:
    found = await find_ffmpeg(path)
    return structs.replace(found, sandbox=await contain(found.path, SandboxMode.PREFER))


async def fit(
    ffmpeg: Ffmpeg, source: Path, wanted: Loudness, effect: EncoderEffect = LOSSLESS, *filters: str
) -> LoudnessPlan:
    probed = await probe(ffmpeg, source)
    with local_input(ffmpeg, source) as opened:
        return await fit_loudness(
            ffmpeg,
            opened,
            probed.demuxer,
            filters,
            wanted,
            rate=probed.sample_rate,
            encoder=effect,
            seconds=60,
        )


async def measured(ffmpeg: Ffmpeg, path: Path) -> Measured:
    demuxer = (await probe(ffmpeg, path)).demuxer
    with local_input(ffmpeg, path) as opened:
        return await measure(ffmpeg, opened, demuxer, seconds=60)


def render(source: Path, target: Path, filters: tuple[str, ...], *words: str) -> Path:
    chain = ["-af", ",".join(filters)] if filters else []
    run(["-i", str(source), *chain, *words, "-y", str(target)])
    return target


@pytest.mark.parametrize(
    "wanted",
    [TARGETS[0], *(pytest.param(one, marks=pytest.mark.slow) for one in TARGETS[1:])],
    ids=lambda one: f"{one.target_lufs:g}",
)
@pytest.mark.parametrize("name", SOUNDS)
async def test_a_sound_gets_the_loudness_that_was_asked(
    ffmpeg: Ffmpeg, sounds: dict[str, Path], tmp_path: Path, name: str, wanted: Loudness
) -> None:
    source = sounds[name]
    plan = await fit(ffmpeg, source, wanted)
    result = render(source, tmp_path / "result.wav", plan.filters, "-c:a", "pcm_s24le")
    before, after = await probe(ffmpeg, source), await probe(ffmpeg, result)
    assert (after.sample_rate, after.channels) == (before.sample_rate, before.channels)
    told = await measured(ffmpeg, result)
    samples = samples_of(result, after.channels)
    assert len(samples) == len(samples_of(source, before.channels))
    assert told.integrated == pytest.approx(wanted.target_lufs, abs=0.5)
    assert loudness_of(samples, after.sample_rate) == pytest.approx(wanted.target_lufs, abs=0.5)
    assert told.true_peak is not None
    assert told.true_peak <= wanted.true_peak_db + PRECISION
    assert true_peak_of(samples) <= wanted.true_peak_db + 2 * PRECISION
    assert plan.expected is not None
    assert told.integrated == pytest.approx(plan.expected.integrated, abs=0.11)
    assert "loudness_not_reached" not in {one.code for one in plan.remarks(told)}


@pytest.mark.parametrize(
    ("target", "quality"),
    [
        *(("mp3", quality) for quality in ("voice", "small", "standard", "high", "max")),
        *(("m4a", quality) for quality in ("small", "standard", "max")),
        *(("opus", quality) for quality in ("small", "standard", "max")),
        *(("ogg", quality) for quality in ("small", "standard", "max")),
        ("wma", "standard"),
        ("ac3", "standard"),
        ("mp2", "standard"),
        ("flac", "standard"),
    ],
)
async def test_an_encoder_does_not_lift_peaks_above_the_limit(
    bundled: Ffmpeg, sounds: dict[str, Path], tmp_path: Path, target: str, quality: str
) -> None:
    wanted = Loudness(target_lufs=-14.0, true_peak_db=-1.0)
    for source in (sounds["speech"], ASSETS / "lena.wav"):
        kind = FORMATS[target]
        plan = plan_conversion(
            kind, kind.encoding(quality), ConvertOptions(), await probe(bundled, source)
        )
        effect = effect_of(plan.encoder, plan.bitrate, plan.encoding.vbr, plan.channels)
        layout = f"aformat=channel_layouts={plan.layout}"
        fitted = await fit(bundled, source, wanted, effect, layout)
        words = ["-c:a", plan.encoder]
        words += ["-b:a", str(plan.bitrate)] if plan.bitrate else []
        words += ["-q:a", str(plan.encoding.vbr)] if plan.encoding.vbr is not None else []
        result = tmp_path / f"{source.stem}.{kind.extension}"
        render(source, result, (layout, *fitted.filters), *words)
        told = await measured(bundled, result)
        near = 1.0 if plan.channels == 1 else 0.5  # 64k leaves little of what is noise above 5 kHz
        assert told.integrated == pytest.approx(wanted.target_lufs, abs=near)
        assert told.true_peak is not None
        assert told.true_peak <= wanted.true_peak_db + PRECISION
        assert "loudness_limited" in {one.code for one in fitted.remarks(told)}


async def test_gain_alone_changes_nothing_but_the_level(
    ffmpeg: Ffmpeg, sounds: dict[str, Path], tmp_path: Path
) -> None:
    plan = await fit(ffmpeg, sounds["loud"], TARGETS[0])
    assert plan.setting is not None
    assert plan.remarks() == ()
    result = render(sounds["loud"], tmp_path / "result.wav", plan.filters, "-c:a", "pcm_f32le")
    factor = 10 ** (plan.setting.gain / 20)
    expected = samples_of(sounds["loud"], 2) * factor
    assert np.abs(samples_of(result, 2) - expected).max() < 1e-4 * factor
    report = plan.report(await measured(ffmpeg, result))
    assert report.after_lufs == pytest.approx(-16.0, abs=0.1)
    assert not report.limited


async def test_what_only_a_limiter_can_do_is_said(ffmpeg: Ffmpeg, sounds: dict[str, Path]) -> None:
    plan = await fit(ffmpeg, sounds["dynamic"], TARGETS[0])
    assert [one.code for one in plan.remarks()] == ["loudness_limited"]
    report = plan.report(None)
    assert report.limited
    assert report.before_true_peak_db is not None


async def test_a_target_out_of_reach_is_told_with_what_was_reached(
    ffmpeg: Ffmpeg, tmp_path: Path
) -> None:
    clicks = "aevalsrc=if(mod(n\\,24000)\\,0\\,0.9):s=48000:d=8"
    source = generate(tmp_path / "clicks.wav", clicks)
    plan = await fit(ffmpeg, source, Loudness(target_lufs=-5.0, true_peak_db=-1.0))
    limited, missed = plan.remarks()
    assert (limited.code, missed.code) == ("loudness_limited", "loudness_not_reached")
    assert plan.expected is not None
    assert f"the result has {plan.expected.integrated:.1f} LUFS" in missed.message
    result = render(source, tmp_path / "result.wav", plan.filters, "-c:a", "pcm_s24le")
    assert true_peak_of(samples_of(result, 1)) <= -1.0 + 2 * PRECISION


@pytest.mark.parametrize(
    "sound",
    ["anullsrc=r=44100:cl=stereo:d=3", "sine=f=1000:r=44100:d=0.2"],
    ids=["silence", "too short"],
)
async def test_what_cannot_be_measured_is_left_as_it_is(
    ffmpeg: Ffmpeg, tmp_path: Path, sound: str
) -> None:
    plan = await fit(ffmpeg, generate(tmp_path / "source.wav", sound), TARGETS[0])
    assert plan.filters == ()
    assert [one.code for one in plan.remarks()] == ["loudness_not_measured"]
    assert plan.before.duration is not None
    assert plan.report(None).gain_db == 0.0


async def test_only_what_the_filters_leave_is_measured(
    ffmpeg: Ffmpeg, sounds: dict[str, Path]
) -> None:
    whole = await fit(ffmpeg, sounds["dynamic"], TARGETS[0])
    trimmed = await fit(ffmpeg, sounds["dynamic"], TARGETS[0], LOSSLESS, "atrim=end=2")
    assert whole.before.duration == pytest.approx(30.0)
    assert trimmed.before.duration == pytest.approx(2.0)
    assert whole.before.integrated is not None
    assert trimmed.before.integrated is not None
    assert trimmed.before.integrated < whole.before.integrated - 10


async def test_progress_is_told_and_time_is_bounded(
    bundled: Ffmpeg, sounds: dict[str, Path], tmp_path: Path
) -> None:
    heard: list[float] = []
    with local_input(bundled, sounds["speech"]) as opened:
        await measure(bundled, opened, "wav", seconds=60, on_time=heard.append)
        assert heard[-1] == pytest.approx(16.0)
        with pytest.raises(FfmpegTimeout, match="could not be measured within"):
            await measure(bundled, opened, "wav", seconds=0.01)
    broken = tmp_path / "broken.wav"
    broken.write_bytes(b"RIFF no wav at all")
    with local_input(bundled, broken) as opened, pytest.raises(NotAudio):
        await measure(bundled, opened, "wav", seconds=60)
