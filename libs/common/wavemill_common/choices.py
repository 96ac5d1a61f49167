"""The choices that need nothing but what is asked and what a source is known to be. Pure."""

from wavemill_common.errors import InvalidOption
from wavemill_common.formats import Format
from wavemill_common.options import MIN_LENGTH, ConvertOptions

_LOW_RATE = 32_000  # Hz; below, a rate is not chosen just because it divides the source's


def choose_rate(target: Format, options: ConvertOptions, source: int) -> int:
    """Return the rate in Hz: the asked one, else the one nearest to the source's that is sensible.

    The next higher one keeps everything; above the format's highest, one that divides the
    source's rate resamples most cleanly (96000 to 48000, 88200 to 44100).
    """
    if options.sample_rate:
        return options.sample_rate
    if target.sample_rates is None and source <= target.max_sample_rate:
        return source
    rates = target.sample_rates or (target.max_sample_rate,)
    higher = [rate for rate in rates if rate >= source]
    if higher:
        return min(higher)
    clean = [rate for rate in rates if source % rate == 0 and rate >= _LOW_RATE]
    return max(clean, default=max(rates))


def trimmed_duration(options: ConvertOptions, duration: float | None) -> float | None:
    """How long the result is, in seconds; None if that is not known.

    Raises:
        InvalidOption: nothing is left.
    """
    start, end = options.trim_start or 0.0, options.trim_end
    if duration is None:
        return None
    if start and start > duration - MIN_LENGTH:
        raise InvalidOption(
            f"trimStart is {start:g}, but the file lasts only {duration:.2f} seconds"
        )
    return min(duration, duration if end is None else end) - start
