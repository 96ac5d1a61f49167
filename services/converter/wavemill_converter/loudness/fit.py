"""Fit the loudness of a sound to what was asked: measure, decide, and measure what was decided."""

from collections.abc import Sequence

from msgspec import Struct

from wavemill_common.jobs import Remark
from wavemill_common.options import Loudness
from wavemill_common.report_loudness import LoudnessReport
from wavemill_converter.ffmpeg.installation import Ffmpeg
from wavemill_converter.ffmpeg.places import Input
from wavemill_converter.loudness.ebur128 import (
    NOT_MEASURED,
    SILENCE,
    Measured,
    Setting,
    Trial,
    best,
    filters_for,
    first_setting,
    next_setting,
    on_limiter,
    on_result,
)
from wavemill_converter.loudness.encoder_effects import EncoderEffect
from wavemill_converter.loudness.measure import OnTime, measure

MAX_PASSES = 4  # the first one, and those that try a limiter


class LoudnessPlan(Struct, frozen=True, kw_only=True):
    """How a sound gets its loudness: the filters, to be put behind those that it was fitted with.

    `before` is measured; `expected` is what the filters give before any encoder, None where the
    sound stays as it is.
    """

    filters: tuple[str, ...] = ()
    before: Measured
    expected: Measured | None = None
    setting: Setting | None = None
    wanted: Loudness

    def remarks(self, after: Measured | None = None) -> tuple[Remark, ...]:
        """Say what the owner should know; `after` is what the result measures, where it was."""
        shown = after or self.expected
        if self.setting is None or shown is None:
            return (NOT_MEASURED,)
        found = (
            on_limiter(self.wanted, self.setting),
            on_result(self.wanted, shown.integrated, shown.true_peak),
        )
        return tuple(remark for remark in found if remark)

    def report(self, after: Measured | None) -> LoudnessReport:
        """Tell it all in figures; `after` is what the result itself measures, where it was."""
        shown = after or self.expected or self.before
        return LoudnessReport(
            before_lufs=self.before.integrated,
            after_lufs=shown.integrated,
            before_true_peak_db=self.before.true_peak,
            after_true_peak_db=shown.true_peak,
            gain_db=round(self.setting.gain, 2) if self.setting else 0.0,
            limited=bool(self.setting and self.setting.ceiling is not None),
        )


async def fit_loudness(
    ffmpeg: Ffmpeg,
    source: Input,
    demuxer: str,
    filters: Sequence[str],
    wanted: Loudness,
    *,
    rate: int,
    encoder: EncoderEffect,
    seconds: float,
    on_time: OnTime | None = None,
) -> LoudnessPlan:
    """Find the filters that give a source the loudness that is wanted.

    `filters` are those that it passes before, the ones for trim, layout and rate among them;
    `rate` is what they end in. What the encoder will do to the level is allowed for. `seconds`
    bound each pass; `on_time` hears of each from its beginning.

    Raises:
        FfmpegTimeout, NotAudio, FfmpegKilled, FfmpegFailed: as `measure` does.
    """

    async def measured(more: Sequence[str]) -> Measured:
        return await measure(
            ffmpeg, source, demuxer, (*filters, *more), seconds=seconds, on_time=on_time
        )

    margin = encoder.lift
    before = await measured(())
    setting = first_setting(before, wanted, margin)
    if setting is None:
        return LoudnessPlan(before=before, wanted=wanted)
    if setting.ceiling is None:
        return _planned(before, _predicted(before, setting), wanted, rate, encoder)
    trials: list[Trial] = []
    while setting is not None and len(trials) < MAX_PASSES - 1:
        after = await measured(filters_for(setting, rate))
        trials.append(_trial(setting, after))
        setting = next_setting(trials, wanted, margin)
    return _planned(before, best(trials, wanted, margin), wanted, rate, encoder)


def _predicted(before: Measured, setting: Setting) -> Trial:
    """Gain alone needs no trial."""
    as_it_is = _trial(setting, before)
    return Trial(setting, as_it_is.integrated + setting.gain, as_it_is.true_peak + setting.gain)


def _trial(setting: Setting, after: Measured) -> Trial:
    integrated, true_peak = after.integrated, after.true_peak
    return Trial(
        setting,
        SILENCE if integrated is None else integrated,
        SILENCE if true_peak is None else true_peak,
    )


def _planned(
    before: Measured, trial: Trial, wanted: Loudness, rate: int, encoder: EncoderEffect
) -> LoudnessPlan:
    return LoudnessPlan(
        filters=(*filters_for(trial.setting, rate), *_lifted(encoder.loss)),
        before=before,
        expected=Measured(
            integrated=round(trial.integrated, 2),
            true_peak=round(trial.true_peak, 2),
            duration=before.duration,
        ),
        setting=trial.setting,
        wanted=wanted,
    )


def _lifted(loss: float) -> tuple[str, ...]:
    """Give beforehand what the encoder will take, behind any limiter: it ends below the limit."""
    return (f"volume={loss:.3f}dB:precision=double",) if loss else ()
