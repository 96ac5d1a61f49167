"""Peaks: a sound at a glance, in a KB or two."""

from typing import Final

from msgspec import Struct

MAX_PEAKS: Final = 1000
FULL: Final = 255


class Peaks(Struct, frozen=True, kw_only=True, rename="camel"):
    """The highest amplitude of any channel in windows of `seconds`: 255 is full scale.

    In JSON the values are base64, less than 1.5 KB.
    """

    seconds: float
    values: bytes


class JobPeaks(Struct, frozen=True, kw_only=True, rename="camel"):
    """The peaks of a job's source and of its results, in their order; None where unheard."""

    source: Peaks | None = None
    outputs: tuple[Peaks | None, ...] = ()


def merged(peaks: Peaks) -> Peaks:
    """Join neighbouring windows until there are no more than `MAX_PEAKS`."""
    count = -(-len(peaks.values) // MAX_PEAKS)
    if count <= 1:
        return peaks
    values = peaks.values
    joined = bytes(max(values[at : at + count]) for at in range(0, len(values), count))
    return Peaks(seconds=peaks.seconds * count, values=joined)
