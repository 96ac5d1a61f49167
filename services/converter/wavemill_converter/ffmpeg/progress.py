"""Read how far ffmpeg is, and estimate from it how far the job is."""

import re
from typing import Final

from msgspec import Struct

_LAST_STEP: Final = 0.99  # the rest belongs to checking and publishing
_HEAD: Final = 320 * 1024  # bytes that ffmpeg reads ahead before it converts anything
_LARGE: Final = 20 * 1000 * 1000  # bytes; above, bytes read beat an estimated duration
_ABSURD_BITRATE: Final = 1500  # bit/s; no real file has less, so its duration is wrong
_TELLING: Final = 0.001  # a smaller share says nothing about the rest
_CLOCK = re.compile(r"(-?)(\d+):(\d\d):(\d\d(?:\.\d+)?)")
_STATUS_LINE = re.compile(r"\btime=\s*(N/A|-?[\d:.]+).*?\bspeed=\s*(N/A|[\d.e+]+)x?")


class FfmpegProgress(Struct, frozen=True, kw_only=True):
    """One report of ffmpeg: seconds of audio written, bytes written, multiple of real time."""

    out_time: float | None = None
    total_size: int | None = None
    speed: float | None = None
    ended: bool = False


class TranscodeProgress(Struct, frozen=True, kw_only=True):
    """How far a conversion is: `fraction` 0 to 0.99, None while nothing can be said.

    `out_time`, `elapsed` and `remaining` in seconds, `total_size` in bytes.
    """

    fraction: float | None
    out_time: float
    total_size: int
    speed: float | None
    elapsed: float
    remaining: float | None

    @property
    def percent(self) -> int:
        """Whole percent, 0 to 99; 0 while nothing can be said."""
        return int((self.fraction or 0.0) * 100)

    @property
    def eta(self) -> int | None:
        """Whole seconds that are left; None while nothing can be said."""
        return None if self.remaining is None else round(self.remaining)


class BlockReader:
    """Collects the key=value lines of -progress; garbage among them is ignored."""

    def __init__(self) -> None:
        self._values: dict[str, str] = {}

    def feed(self, line: str) -> FfmpegProgress | None:
        """Take a line; return the report that it completes."""
        key, equals, value = line.strip().partition("=")
        if not equals or key not in _KEYS:
            return None
        self._values[key] = value.strip()
        if key != "progress":
            return None
        values, self._values = self._values, {}
        return FfmpegProgress(
            out_time=_micros(values.get("out_time_us", "")),
            total_size=_whole(values.get("total_size", "")),
            speed=_number(values.get("speed", "").removesuffix("x")),
            ended=values["progress"] == "end",
        )


_KEYS: Final = frozenset({"out_time_us", "total_size", "speed", "progress"})


def parse_ffmpeg_progress(line: str) -> FfmpegProgress | None:
    """Read the plain `size=… time=00:01:02.03 … speed=48x` line; None if it is none."""
    found = _STATUS_LINE.search(line)
    if not found:
        return None
    size = re.search(r"\bsize=\s*(\d+)\s*(?:kB|KiB)", line)
    return FfmpegProgress(
        out_time=_clock(found[1]),
        total_size=int(size[1]) * 1024 if size else None,
        speed=_number(found[2]),
    )


def estimate_fraction(
    out_time: float,
    duration: float | None,
    *,
    exact: bool,
    source_size: int,
    bytes_read: int | None = None,
) -> float | None:
    """Estimate how much is done, 0 to 1; None if nothing is known to measure it by.

    Measured: out_time over an exact duration errs by 0.000; over an estimated one typically by
    0.02 to 0.07; bytes read are better than that for large files and the only way without one.
    """
    by_time = _share(out_time, duration)
    if duration and source_size and source_size * 8 / duration < _ABSURD_BITRATE:
        by_time = None
    by_bytes = None if bytes_read is None else _share(bytes_read - _HEAD, source_size - _HEAD)
    if by_time is None or (not exact and source_size > _LARGE and by_bytes is not None):
        return by_bytes
    return by_time


def estimate_remaining(elapsed: float, fraction: float | None) -> float | None:
    """Estimate the seconds that are left, from the whole time so far: steadier than any average."""
    if fraction is None or fraction < _TELLING:
        return None
    return elapsed * (1 - fraction) / fraction


class Follower:
    """Turns ffmpeg's reports into the job's progress, which never goes back."""

    def __init__(self, duration: float | None, *, exact: bool, source_size: int) -> None:
        self._duration = duration
        self._exact = exact
        self._source_size = source_size
        self._out_time = 0.0
        self._total_size = 0
        self._fraction: float | None = None

    def advance(self, report: FfmpegProgress) -> bool:
        """Take a report; tell whether anything moved since the last."""
        before = (self._out_time, self._total_size)
        self._out_time = max(self._out_time, report.out_time or 0.0)
        self._total_size = max(self._total_size, report.total_size or 0)
        return (self._out_time, self._total_size) != before

    def progress(
        self, elapsed: float, speed: float | None, bytes_read: int | None = None
    ) -> TranscodeProgress:
        """Tell how far the job is after `elapsed` seconds."""
        fraction = estimate_fraction(
            self._out_time,
            self._duration,
            exact=self._exact,
            source_size=self._source_size,
            bytes_read=bytes_read,
        )
        if fraction is not None:
            self._fraction = min(_LAST_STEP, max(fraction, self._fraction or 0.0))
        return TranscodeProgress(
            fraction=self._fraction,
            out_time=self._out_time,
            total_size=self._total_size,
            speed=speed,
            elapsed=elapsed,
            remaining=estimate_remaining(elapsed, self._fraction),
        )


def _share(part: float, whole: float | None) -> float | None:
    if not whole or whole <= 0:
        return None
    return min(1.0, max(0.0, part / whole))


def _clock(text: str) -> float | None:
    found = _CLOCK.fullmatch(text)
    if not found or found[1]:
        return None  # ffmpeg 5 writes a huge negative time before the first packet
    return int(found[2]) * 3600 + int(found[3]) * 60 + float(found[4])


def _micros(text: str) -> float | None:
    value = _whole(text)
    return None if value is None else value / 1_000_000


def _whole(text: str) -> int | None:
    return int(text) if re.fullmatch(r"\d{1,18}", text) else None


def _number(text: str) -> float | None:
    text = text.strip()
    return float(text) if re.fullmatch(r"\d{1,12}(\.\d{1,12})?(e\+?\d{1,2})?", text) else None
