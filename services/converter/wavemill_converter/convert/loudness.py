"""Give results the loudness that is asked of them: measured once for all that sound alike."""

from collections.abc import Sequence

from msgspec import Struct, structs

from wavemill_common.options import Loudness
from wavemill_converter.ffmpeg.installation import Ffmpeg
from wavemill_converter.ffmpeg.places import Input
from wavemill_converter.loudness.encoder_effects import EncoderEffect, effect_of
from wavemill_converter.loudness.fit import LoudnessPlan, fit_loudness
from wavemill_converter.loudness.measure import OnTime
from wavemill_converter.plan.choices import rounds
from wavemill_converter.plan.edits import PRECISE
from wavemill_converter.plan.plan import ConversionPlan
from wavemill_converter.plan.results import Result


class _Sound(Struct, frozen=True):
    """All that the loudness of a result depends on; parts of one file are measured as a whole."""

    wanted: Loudness
    filters: tuple[str, ...]
    rate: int
    encoder: EncoderEffect


async def fit_results(
    ffmpeg: Ffmpeg,
    source: Input,
    results: Sequence[Result],
    *,
    seconds: float,
    on_time: OnTime | None = None,
) -> tuple[Result, ...]:
    """Return the results with the filters that give them the loudness asked for.

    Raises:
        FfmpegTimeout, NotAudio, FfmpegKilled, FfmpegFailed: the source could not be measured.
    """
    fitted: dict[_Sound, LoudnessPlan] = {}
    for sound in filter(None, map(_sound_of, results)):
        if sound not in fitted:
            fitted[sound] = await fit_loudness(
                ffmpeg,
                source,
                results[0].plan.demuxer,
                sound.filters,
                sound.wanted,
                rate=sound.rate,
                encoder=sound.encoder,
                seconds=seconds,
                on_time=on_time,
            )
    return tuple(_fitted(result, fitted) for result in results)


def _sound_of(result: Result) -> _Sound | None:
    wanted, plan = result.options.loudness, result.plan
    if wanted is None:
        return None
    effect = effect_of(plan.encoder, plan.bitrate, plan.encoding.vbr, plan.channels)
    return _Sound(wanted, (*result.whole, *_levelled(plan)), plan.sample_rate, effect)


def _fitted(result: Result, fitted: dict[_Sound, LoudnessPlan]) -> Result:
    sound = _sound_of(result)
    if sound is None or not fitted[sound].filters:
        return structs.replace(result, loudness=fitted[sound]) if sound else result
    plan = result.plan
    before = plan.processing or (PRECISE,)
    plan = structs.replace(
        plan,
        processing=(*before, *_levelled(plan), *fitted[sound].filters),
        dither=plan.dither or rounds(plan.depth),
        keeps_samples=False,
    )
    return structs.replace(result, plan=plan, loudness=fitted[sound])


def _levelled(plan: ConversionPlan) -> tuple[str, ...]:
    """Loudness is that of the channels and the rate which the encoder gets."""
    shape = f"sample_rates={plan.sample_rate}:channel_layouts={plan.layout}"
    return (f"{PRECISE}:{shape}",)
