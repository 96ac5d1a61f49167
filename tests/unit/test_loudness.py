"""Gain wherever it is enough, a limiter where it is not, and no word that is not so."""

import pytest

from wavemill_common.options import Loudness
from wavemill_converter.loudness.ebur128 import (
    Measured,
    Setting,
    Trial,
    best,
    filters_for,
    first_setting,
    next_setting,
    on_limiter,
    on_result,
    parse_summary,
)
from wavemill_converter.loudness.encoder_effects import EncoderEffect, effect_of

WANTED = Loudness(target_lufs=-16.0, true_peak_db=-1.5)

SUMMARY = """
[Parsed_ebur128_{number} @ 0x7f2724001c00] Summary:

  Integrated loudness:
    I:         {loudness} LUFS
    Threshold: -41.2 LUFS

  Loudness range:
    LRA:        18.3 LU
    Threshold: -51.2 LUFS
    LRA low:   -45.8 LUFS
    LRA high:  -27.4 LUFS

  True peak:
    Peak:      {peak} dBFS
size=N/A time=00:10:00.00 bitrate=N/A speed= 246x
"""


def summary(loudness: str, peak: str, number: int = 0) -> str:
    return SUMMARY.format(loudness=loudness, peak=peak, number=number)


def test_the_meters_summary_is_read() -> None:
    assert parse_summary(summary("-30.2", "-16.4"), 600.0) == Measured(
        integrated=-30.2, loudness_range=18.3, true_peak=-16.4, duration=600.0
    )


def test_the_last_summary_counts_whatever_a_tag_quotes() -> None:
    tag = "    comment         : [Parsed_ebur128_0 @ 0x0] Summary:\n" + summary("-5.0", "0.0")
    assert parse_summary(tag + summary("-23.0", "-3.0", 4)).integrated == -23.0
    quoted = "    comment : [Parsed_ebur128_0 @ 0x0] Summary:\n        I: -5.0 LUFS\n"
    assert parse_summary(quoted) == Measured()


@pytest.mark.parametrize("loudness", ["-70.0", "nan", "-inf", "much"])
def test_silence_has_no_loudness(loudness: str) -> None:
    measured = parse_summary(summary(loudness, "-inf"))
    assert (measured.integrated, measured.loudness_range, measured.true_peak) == (None, None, None)


def test_gain_alone_is_enough_where_the_peaks_allow_it() -> None:
    before = Measured(integrated=-24.7, true_peak=-12.8)
    setting = first_setting(before, WANTED, 0.0)
    assert setting is not None
    assert setting.ceiling is None
    assert setting.gain == pytest.approx(8.7)


def test_what_would_rise_above_the_limit_is_limited_below_it() -> None:
    before = Measured(integrated=-24.7, true_peak=-9.0)
    setting = first_setting(before, WANTED, 1.0)
    assert setting is not None
    assert setting.gain == pytest.approx(8.7)
    assert setting.ceiling is not None
    assert setting.ceiling < -2.5


def test_an_encoders_margin_decides_too() -> None:
    before = Measured(integrated=-24.0, true_peak=-10.0)
    without, with_margin = (first_setting(before, WANTED, margin) for margin in (0.0, 1.0))
    assert without is not None
    assert with_margin is not None
    assert (without.ceiling is None, with_margin.ceiling is None) == (True, False)


def test_silence_is_left_alone() -> None:
    assert first_setting(Measured(), WANTED, 0.0) is None


def test_what_a_limiter_took_is_given_back_by_more_gain() -> None:
    trials = [Trial(Setting(10.0, -1.55), integrated=-17.0, true_peak=-1.5)]
    second = next_setting(trials, WANTED, 0.0)
    assert second == Setting(11.0, -1.55)
    trials.append(Trial(second, integrated=-16.5, true_peak=-1.5))
    third = next_setting(trials, WANTED, 0.0)
    assert third == Setting(12.0, -1.55)  # half of each dB is lost
    trials.append(Trial(third, integrated=-16.1, true_peak=-1.5))
    assert next_setting(trials, WANTED, 0.0) is None


def test_peaks_that_get_past_the_limiter_lower_its_ceiling() -> None:
    trials = [Trial(Setting(10.0, -1.55), integrated=-16.0, true_peak=-1.3)]
    again = next_setting(trials, WANTED, 0.0)
    assert again is not None
    assert again.ceiling == pytest.approx(-1.8)


def test_gain_that_gives_no_loudness_any_more_is_not_raised_further() -> None:
    trials = [
        Trial(Setting(10.0, -1.55), integrated=-20.0, true_peak=-1.5),
        Trial(Setting(14.0, -1.55), integrated=-19.9, true_peak=-1.5),
    ]
    assert next_setting(trials, WANTED, 0.0) is None
    assert best(trials, WANTED, 0.0) is trials[1]


def test_a_trial_under_the_limit_is_better_than_a_louder_one_above() -> None:
    trials = [
        Trial(Setting(10.0, -1.8), integrated=-16.3, true_peak=-1.6),
        Trial(Setting(10.3, -1.55), integrated=-16.0, true_peak=-1.2),
    ]
    assert best(trials, WANTED, 0.0) is trials[0]


@pytest.mark.parametrize(
    ("rate", "limited_at"),
    [(8_000, 192_000), (44_100, 220_500), (48_000, 192_000), (96_000, 192_000)],
)
def test_the_limiter_sees_true_peaks_and_the_rate_stays(rate: int, limited_at: int) -> None:
    filters = filters_for(Setting(6.0, -2.0), rate)
    assert filters[0] == "volume=6.000dB:precision=double"
    assert filters[1] == f"aresample={limited_at}"
    assert filters[2].startswith("alimiter=limit=0.794328:")
    assert "level=disabled" in filters[2]
    assert filters[3] == f"aresample={rate}"


def test_nothing_is_resampled_that_need_not_be() -> None:
    assert len(filters_for(Setting(6.0, -2.0), 192_000)) == 2
    assert filters_for(Setting(-3.0), 44_100) == ("volume=-3.000dB:precision=double",)
    assert filters_for(Setting(0.04), 44_100) == ()


def test_the_owner_is_told_of_a_limiter_and_of_a_miss() -> None:
    assert on_limiter(WANTED, Setting(3.0)) is None
    limited = on_limiter(WANTED, Setting(3.0, -1.55))
    assert limited is not None
    assert limited.message.startswith("+3.0 dB would lift peaks above -1.5 dBTP")
    assert on_result(WANTED, -16.4, -1.5) is None
    missed, over = on_result(WANTED, -17.2, -1.5), on_result(WANTED, -16.0, -1.1)
    assert missed is not None
    assert "-17.2 LUFS at -1.5 dBTP" in missed.message
    assert over is not None


@pytest.mark.parametrize(
    ("encoder", "bitrate", "vbr", "channels", "effect"),
    [
        ("flac", None, None, 2, EncoderEffect()),
        ("pcm_s16le", None, None, 2, EncoderEffect()),
        ("libmp3lame", 320_000, None, 2, EncoderEffect(1.0)),
        ("libmp3lame", 224_000, None, 2, EncoderEffect(1.0, 0.175)),
        ("libmp3lame", 64_000, None, 1, EncoderEffect(2.6, 0.446)),
        ("libmp3lame", None, 0, 2, EncoderEffect(0.6)),
        ("libmp3lame", None, 2, 2, EncoderEffect(1.0)),
        ("libmp3lame", None, 6, 2, EncoderEffect(1.9)),
        ("aac", 160_000, None, 2, EncoderEffect(1.0)),
        ("libopus", 96_000, None, 2, EncoderEffect(2.9)),
        ("libvorbis", None, 5, 2, EncoderEffect(1.5)),
        ("libvorbis", None, 5, 6, EncoderEffect(2.1)),
    ],
)
def test_what_an_encoder_does_to_the_level(
    encoder: str, bitrate: int | None, vbr: float | None, channels: int, effect: EncoderEffect
) -> None:
    assert effect_of(encoder, bitrate, vbr, channels) == effect
