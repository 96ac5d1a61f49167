"""Edits: what trims and fades are to ffmpeg. Pure.

Both work on decoded samples, so they are exact to the sample in every format. Everything that
computes new samples does so in double precision; the last step to integers is dithered.
"""

from typing import Final

from wavemill_common.options import ConvertOptions

PRECISE: Final = "aformat=sample_fmts=dblp"


def trim_filters(options: ConvertOptions) -> tuple[str, ...]:
    """Keep the asked part only; its first sample is at time 0."""
    start, end = options.trim_start or 0.0, options.trim_end
    if not start and end is None:
        return ()
    words = [f"start={_seconds(start)}"] if start else []
    words += [f"end={_seconds(end)}"] if end is not None else []
    return (f"atrim={':'.join(words)}", "asetpts=PTS-STARTPTS")


def fade_filters(options: ConvertOptions, duration: float | None) -> tuple[str, ...]:
    """Fade in and out what lasts `duration` seconds after it was trimmed."""
    filters = []
    if options.fade_in:
        filters.append(f"afade=t=in:d={_seconds(options.fade_in)}")
    if options.fade_out and duration is not None:
        start = max(0.0, duration - options.fade_out)
        length = min(options.fade_out, duration)
        filters.append(f"afade=t=out:st={_seconds(start)}:d={_seconds(length)}")
    return tuple(filters)


def needs_length(options: ConvertOptions, duration: float | None, *, exact: bool) -> bool:
    """Whether the source has to be measured first: a fade-out must know where the end is."""
    return bool(options.fade_out) and not (exact and duration is not None)


def _seconds(value: float) -> str:
    return f"{value:.6f}".rstrip("0").rstrip(".")
