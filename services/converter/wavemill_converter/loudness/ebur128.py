"""Loudness by EBU R128: read what ffmpeg measured, decide gain and limiting. Pure.

Gain alone wherever the peaks allow it: that changes nothing but the level. Else a limiter that
sees true peaks, at a multiple of the rate; docs/adr/0009-loudness-by-gain-and-limiter.md says
why not ffmpeg's loudnorm.
"""

import math
import re
from typing import Final

from msgspec import Struct

from wavemill_common.jobs import Remark
from wavemill_common.options import Loudness

METER: Final = "ebur128=peak=true:framelog=verbose"  # its summary is all that is printed
TOLERANCE: Final = 0.5  # LU between what was asked and what is reached
CLOSE: Final = 0.3  # LU; nearer than that no further pass is worth its time
SILENCE: Final = -70.0  # LUFS; the meter counts nothing below
_PRECISION: Final = 0.05  # dB; the meter prints one decimal
_TRUE_PEAK_RATE: Final = 192_000  # Hz at which peaks between samples are seen well enough
_FLATTEST: Final = 0.15  # LU that a dB more of gain must give, or no gain will reach the target
_LONGEST_STEP: Final = 12.0  # dB

_SUMMARY = re.compile(r"^\[Parsed_ebur128_\d+ @ 0x[0-9a-f]+\] Summary:", re.MULTILINE)
_FIGURES = {
    "integrated": re.compile(r"^    I: +(\S+) LUFS", re.MULTILINE),
    "loudness_range": re.compile(r"^    LRA: +(\S+) LU", re.MULTILINE),
    "true_peak": re.compile(r"^    Peak: +(\S+) dBFS", re.MULTILINE),
}


class Measured(Struct, frozen=True, kw_only=True):
    """What a sound measures: LUFS, LU, dBTP, seconds; None what cannot be told, as of silence."""

    integrated: float | None = None
    loudness_range: float | None = None
    true_peak: float | None = None
    duration: float | None = None


class Setting(Struct, frozen=True):
    """A gain in dB; where there is a `ceiling` in dBTP a limiter keeps the peaks below it."""

    gain: float
    ceiling: float | None = None


class Trial(Struct, frozen=True):
    """What a setting was measured to give."""

    setting: Setting
    integrated: float
    true_peak: float


def parse_summary(text: str, duration: float | None = None) -> Measured:
    """Read the last summary of ffmpeg's meter; the tags that it quotes are indented otherwise."""
    summaries = list(_SUMMARY.finditer(text))
    if not summaries:
        return Measured(duration=duration)
    summary = text[summaries[-1].end() :]
    found = {name: _figure(pattern, summary) for name, pattern in _FIGURES.items()}
    loudness = found["integrated"]
    if loudness is None or loudness <= SILENCE:
        found["integrated"] = found["loudness_range"] = None
    return Measured(**found, duration=duration)


def _figure(pattern: re.Pattern[str], text: str) -> float | None:
    found = pattern.search(text)
    try:
        value = float(found[1]) if found else math.nan
    except ValueError:
        return None
    return value if math.isfinite(value) else None


def first_setting(before: Measured, wanted: Loudness, margin: float) -> Setting | None:
    """Choose the gain, and the limiter where it would lift the peaks too high.

    `margin` in dB is kept below the limit for what an encoder adds. None: nothing was measured.
    """
    if before.integrated is None or before.true_peak is None:
        return None
    gain = wanted.target_lufs - before.integrated
    ceiling = wanted.true_peak_db - margin - _PRECISION
    fits = before.true_peak + gain <= ceiling
    return Setting(gain) if fits else Setting(gain, ceiling)


def next_setting(trials: list[Trial], wanted: Loudness, margin: float) -> Setting | None:
    """Correct a limited setting by what was measured; None where it is good, or as good as it gets.

    The limiter takes some of each dB away; how much is told by the last two trials.
    """
    last = trials[-1]
    ceiling = last.setting.ceiling
    if ceiling is None:
        return None
    missing = wanted.target_lufs - last.integrated
    excess = last.true_peak - (wanted.true_peak_db - margin)
    if abs(missing) <= CLOSE and excess <= 0:
        return None
    slope = _slope(trials)
    if missing > CLOSE and slope < _FLATTEST and excess <= 0:
        return None
    step = missing / max(slope, _FLATTEST)
    step = max(-_LONGEST_STEP, min(_LONGEST_STEP, step))
    return Setting(last.setting.gain + step, ceiling - max(0.0, excess + _PRECISION * (excess > 0)))


def _slope(trials: list[Trial]) -> float:
    """LU per dB of gain."""
    if len(trials) == 1:
        return 1.0
    before, last = trials[-2:]
    gain = last.setting.gain - before.setting.gain
    return min(1.0, (last.integrated - before.integrated) / gain) if abs(gain) > CLOSE else 1.0


def best(trials: list[Trial], wanted: Loudness, margin: float) -> Trial:
    """Choose the trial to go by: first of all under the limit, then nearest to the target."""
    limit = wanted.true_peak_db - margin

    def badness(trial: Trial) -> tuple[float, float]:
        excess = max(0.0, trial.true_peak - limit - _PRECISION)
        return round(excess, 1), abs(trial.integrated - wanted.target_lufs)

    return min(trials, key=badness)


def filters_for(setting: Setting, rate: int) -> tuple[str, ...]:
    """Tell ffmpeg a setting, for samples of `rate` Hz; rate, length and timing stay as they are.

    None at all where the gain is too small to be measured: the samples stay untouched.
    """
    if setting.ceiling is None and abs(setting.gain) < _PRECISION:
        return ()
    volume = f"volume={setting.gain:.3f}dB:precision=double"
    if setting.ceiling is None:
        return (volume,)
    factor = max(1, math.ceil(_TRUE_PEAK_RATE / rate))
    limit = 10 ** (setting.ceiling / 20)
    limiter = f"alimiter=limit={limit:.6f}:attack=5:release=50:level=disabled:latency=1"
    if factor == 1:
        return volume, limiter
    return volume, f"aresample={factor * rate}", limiter, f"aresample={rate}"


def on_limiter(wanted: Loudness, setting: Setting) -> Remark | None:
    """Remark on a limiter: it changes more than the level."""
    if setting.ceiling is None:
        return None
    return Remark(
        "loudness_limited",
        f"{setting.gain:+.1f} dB would lift peaks above {wanted.true_peak_db:g} dBTP; "
        "a limiter holds them down",
    )


def on_result(wanted: Loudness, integrated: float | None, true_peak: float | None) -> Remark | None:
    """Remark on a result that is not as loud as it should be, or has higher peaks than it may."""
    if integrated is None or true_peak is None:
        return None
    missed = abs(integrated - wanted.target_lufs) > TOLERANCE
    if not missed and true_peak <= wanted.true_peak_db + _PRECISION:
        return None
    return Remark(
        "loudness_not_reached",
        f"{wanted.target_lufs:g} LUFS at {wanted.true_peak_db:g} dBTP could not be reached; "
        f"the result has {integrated:.1f} LUFS at {true_peak:.1f} dBTP",
    )


NOT_MEASURED: Final = Remark(
    "loudness_not_measured",
    "the loudness could not be measured: this is silence, or shorter than 0.4 seconds; "
    "the level was left as it is",
)
