"""What a lossy encoder does to the level: it lifts true peaks, and LAME turns the sound down.

Lifts: the worst of speech, a real clip, noise with clicks, and noise that a limiter had pressed
against the limit; encoded, decoded and measured by ffmpeg 9: docs/adr/0009 has the figures.
"""

import math
from typing import Final

from msgspec import Struct


class EncoderEffect(Struct, frozen=True):
    """In dB: `lift` of true peaks at the worst, `loss` of level always; none by default."""

    lift: float = 0.0
    loss: float = 0.0


_Steps = tuple[tuple[float, float], ...]  # from which value on, dB; the highest value first

_LIFT_BY_BITRATE: Final[dict[str, _Steps]] = {  # bit/s and channel
    "libmp3lame": ((80_000, 1.0), (0, 2.6)),
    "aac": ((80_000, 1.0), (0, 2.3)),
    "libopus": ((96_000, 1.5), (0, 2.9)),
    "wmav2": ((80_000, 0.6), (0, 2.9)),
    "ac3": ((48_000, 0.7), (0, 1.8)),
    "mp2": ((80_000, 0.7), (0, 2.0)),
    "libopencore_amrnb": ((0, 2.0),),
}
_LIFT_BY_LEVEL: Final[dict[str, _Steps]] = {
    "libmp3lame": ((3, 1.9), (1, 1.0), (-math.inf, 0.6)),  # V0 is best
    "libvorbis": ((-math.inf, 1.5),),
}
_LIFT_OF_SURROUND: Final = {"libvorbis": 2.1}  # its channels are coupled
_STEREO: Final = 2  # channels
# LAME scales by 0.95 to 0.98 below 256 kbit/s, whatever the sound; not with VBR.
_LOSS_BY_BITRATE: Final[dict[str, _Steps]] = {
    "libmp3lame": ((256_000, 0.0), (224_000, 0.175), (192_000, 0.265), (0, 0.446)),
}


def effect_of(encoder: str, bitrate: int | None, vbr: float | None, channels: int) -> EncoderEffect:
    """Tell what an encoder does to the level; nothing if it loses nothing. Bitrate in bit/s."""
    if bitrate is not None:
        lift = _found(_LIFT_BY_BITRATE.get(encoder), bitrate / channels)
        return EncoderEffect(lift, _found(_LOSS_BY_BITRATE.get(encoder), bitrate))
    if channels > _STEREO and encoder in _LIFT_OF_SURROUND:
        return EncoderEffect(_LIFT_OF_SURROUND[encoder])
    return EncoderEffect(_found(_LIFT_BY_LEVEL.get(encoder), math.inf if vbr is None else vbr))


def _found(steps: _Steps | None, value: float) -> float:
    return next((decibels for least, decibels in steps or () if value >= least), 0.0)
