"""Peaks are few enough for a record, and none is lost."""

import msgspec
import pytest

from wavemill_common.media import MediaInfo
from wavemill_common.peaks import MAX_PEAKS, Peaks, merged
from wavemill_converter.store.publish import attempt_of, peaks_key
from wavemill_converter.transcode.peaks import longest_of, parse_peaks, window_for
from wavemill_gateway.peaks import Waveform, audiowaveform, waveform
from wavemill_janitor.orphans import Kind, Place, place_of

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


def test_no_window_takes_much_memory_however_long_the_sound_is() -> None:
    assert window_for(24 * 3600.0, 48_000) == 4 * 48_000


def test_a_file_that_says_it_is_short_cannot_have_millions_of_windows() -> None:
    a_day = 24 * 3600 * 48_000
    longest = longest_of(1 << 30, "flac", 48_000)
    assert a_day / window_for(0.1, 48_000, longest) <= 1_000_000


def test_of_pcm_it_is_known_how_long_it_can_be() -> None:
    longest = longest_of(12 * 48_000 * 4, "pcm_s16le", 48_000)
    assert window_for(12, 48_000, longest) == 12 * 48_000 / 900
    assert longest_of(1000, "pcm_s16le", 8_000) == 0.125


def test_the_peaks_of_an_attempt_are_known_as_a_result_of_its_job() -> None:
    key = peaks_key("Job-1", 3, "claim-of-mine")
    assert place_of(key) == Place(Kind.RESULT, "Job-1", attempt=3)
    assert attempt_of(key) == 3


HALF = Peaks(seconds=0.5, values=bytes([0, 51, 255]))


def test_peaks_are_told_as_amplitudes() -> None:
    told = waveform(HALF, None, "output", 2)
    assert told == Waveform(of="output", output=2, duration=1.5, seconds=0.5, peaks=[0.0, 0.2, 1.0])
    assert waveform(HALF, MediaInfo(duration=1.4), "source", None).duration == 1.4


def test_peaks_are_told_as_audiowaveform_tells_them() -> None:
    told = audiowaveform(HALF, MediaInfo(sample_rate=8000))
    assert (told.version, told.bits, told.channels) == (2, 8, 1)
    assert (told.sample_rate, told.samples_per_pixel, told.length) == (8000, 4000, 3)
    assert told.data == [0, 0, -25, 25, -127, 127]
