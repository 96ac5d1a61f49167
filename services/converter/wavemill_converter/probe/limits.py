"""The gate: what a source may be, and how large a result may become, before work starts."""

from msgspec import Struct

from wavemill_common.errors import LimitExceeded
from wavemill_common.media import MediaInfo


class Limits(Struct, frozen=True, kw_only=True):
    """What is accepted: `max_duration` in seconds, `max_output_bytes` of one result."""

    max_channels: int = 8
    max_sample_rate: int = 384_000
    max_duration: float = 24 * 3600.0
    max_output_bytes: int = 16 << 30


def check_source(media: MediaInfo, limits: Limits) -> None:
    """Refuse what would cost too much whatever it is converted to.

    Raises:
        LimitExceeded: the message names the limit and the value.
    """
    has = "this file has {value:.0f} {unit}; at most {limit:.0f} are accepted"
    _refuse_above("channels", media.channels, limits.max_channels, has, "channels")
    _refuse_above("sampleRate", media.sample_rate, limits.max_sample_rate, has, "Hz")
    _refuse_above("duration", media.duration, limits.max_duration, has, "seconds")


def check_output(size: int | None, limits: Limits) -> None:
    """Refuse a result that would be (or is) too large; `size` in bytes.

    Raises:
        LimitExceeded: the message names the limit and the size.
    """
    would = (
        "the result would have {value:.0f} {unit}; at most {limit:.0f} are possible: "
        "choose a smaller format or quality"
    )
    _refuse_above("outputBytes", size, limits.max_output_bytes, would, "bytes")


def _refuse_above(name: str, value: float | None, limit: float, text: str, unit: str) -> None:
    if value is not None and value > limit:
        raise LimitExceeded(
            text.format(value=value, limit=limit, unit=unit),
            limitName=name,
            limit=limit,
            value=value,
        )
