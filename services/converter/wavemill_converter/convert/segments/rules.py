"""Rules: what can be made in segments so that nothing tells it from the whole, and where to cut.

Measured on ffmpeg 9. A border must not be heard by anything: neither a filter that remembers, nor
an encoder. FLAC's encoder forgets everything between two blocks, but for their number.
"""

import math
from typing import Final

from msgspec import Struct

from wavemill_converter.plan.plan import ConversionPlan
from wavemill_converter.probe.source import Probed

SHORTEST: Final = 600.0  # seconds; below, starting more processes takes what they gain
MOST: Final = 4  # segments: each holds parts in memory
BLOCK: Final = 4096  # samples, as the plan asks of the encoder
_SEEKABLE: Final = frozenset({"wav", "w64", "aiff", "caf", "au"})
_MICROS: Final = 1_000_000  # ffmpeg seeks to whole microseconds


class Cut(Struct, frozen=True):
    """A segment: its first sample, and how many there are; None up to the end, wherever it is."""

    start: int
    length: int | None
    rate: int

    @property
    def options(self) -> tuple[str, ...]:
        """Have ffmpeg read no more of a source."""
        words = ("-ss", _time(self.start, self.rate)) if self.start else ()
        return words if self.length is None else (*words, "-t", _time(self.length, self.rate))


def can_segment(plan: ConversionPlan, probed: Probed) -> bool:
    """Whether a conversion may be cut into segments."""
    return not obstacles(plan, probed)


def obstacles(plan: ConversionPlan, probed: Probed) -> tuple[str, ...]:
    """Say in words what keeps a conversion from being cut into segments; nothing: it may be."""
    codec = probed.media.codec or ""
    found = {
        "only FLAC can be put together of segments": plan.format != "flac",
        "it is a copy": plan.copied,
        "it is trimmed: its first sample need not be one to cut at": bool(plan.trim),
        "it is faded or its loudness changed: that depends on the time": bool(plan.processing),
        "it is resampled: the filter reaches over a border": plan.resample,
        "its channels are mixed: that is computed and rounded": plan.mix,
        "it is dithered: the noise goes on over a border": plan.dither,
        "it does not hold the very samples of the source": not plan.keeps_samples,
        "the source is compressed: its samples cannot be counted": not codec.startswith("pcm_"),
        "ffmpeg may not find the very sample in such a file": probed.demuxer not in _SEEKABLE,
        "it begins late": bool(probed.start),
        "nobody knows how long it is": not plan.duration,
        "it is too short to be worth it": (plan.duration or 0.0) < SHORTEST,
    }
    return tuple(reason for reason, holds in found.items() if holds)


def cuts_of(duration: float, rate: int, wanted: int) -> tuple[Cut, ...]:
    """Cut so many seconds into `wanted` segments of about the same length, or fewer.

    Borders lie where a block ends and where a whole microsecond is: ffmpeg finds the very sample.
    At least one unit of that kind is left to the last, as the duration may be rounded. One that
    is only estimated does no harm: the last segment is as long as it is.
    """
    unit = math.lcm(BLOCK, rate // math.gcd(rate, _MICROS))
    samples = int(duration * rate)
    borders = {round(samples * one / wanted / unit) * unit for one in range(1, wanted)}
    starts = [0, *sorted(one for one in borders if 0 < one <= samples - unit)]
    ends: list[int | None] = [*starts[1:], None]
    return tuple(
        Cut(start, None if end is None else end - start, rate)
        for start, end in zip(starts, ends, strict=True)
    )


def _time(samples: int, rate: int) -> str:
    micros, rest = divmod(samples * _MICROS, rate)
    assert not rest  # noqa: S101 - cuts_of has seen to it
    return f"{micros}us"
