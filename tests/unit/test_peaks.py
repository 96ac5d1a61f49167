"""Peaks are few enough for a record, and none is lost."""

import msgspec
import pytest

from wavemill_common.peaks import MAX_PEAKS, Peaks, merged
from wavemill_converter.transcode.peaks import parse_peaks, window_for

LINE = "frame:{n}    pts:{n}    pts_time:{n}\nlavfi.astats.Overall.Peak_level={level}\n"


def printed(*levels: str) -> bytes:
    return "".join(LINE.format(n=n, level=level) for n, level in enumerate(levels)).encode()


def test_levels_become_eight_bits() -> None:
    told = parse_peaks(printed("0.000000", "-6.020600", "-inf", "nan", "3.5", "-90.3"), 441, 44_100)
    assert told == Peaks(seconds=0.01, values=bytes([255, 128, 0, 0, 255, 1]))


def test_nothing_gives_no_peaks() -> None:
    assert parse_peaks(b"", 441, 44_100).values == b""


@pytest.mark.parametrize("count", [1, 900, 1000, 1001, 2500, 100_000])
def test_many_windows_are_joined_and_the_highest_stays(count: int) -> None:
    values = bytes(100 if n == count - 1 else n % 50 for n in range(count))
    joined = merged(Peaks(seconds=0.5, values=values))
    assert len(joined.values) <= MAX_PEAKS
    assert joined.values[-1] == 100
    assert len(joined.values) * joined.seconds == pytest.approx(count * 0.5, abs=joined.seconds)


def test_a_records_peaks_are_small() -> None:
    peaks = Peaks(seconds=3.999, values=bytes(MAX_PEAKS))
    assert len(msgspec.json.encode(peaks)) < 1500


@pytest.mark.parametrize(
    ("duration", "rate", "window"),
    [(3600.0, 44_100, 176_400), (0.1, 44_100, 16), (None, 48_000, 24_000), (0.0, 8_000, 4_000)],
)
def test_the_window_suits_the_duration(duration: float | None, rate: int, window: int) -> None:
    assert window_for(duration, rate) == window
