"""How far ffmpeg is, read from what it prints; how far the job is, estimated from that."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wavemill_converter.ffmpeg.progress import (
    BlockReader,
    FfmpegProgress,
    Follower,
    estimate_fraction,
    estimate_remaining,
    parse_ffmpeg_progress,
)

BLOCK = """bitrate=  36.4kbits/s
total_size=9092
out_time_us=83456000
out_time_ms=83456000
out_time=00:01:23.456000
dup_frames=0
drop_frames=0
speed=48.2x
progress=continue
"""


def read(text: str) -> list[FfmpegProgress]:
    reader = BlockReader()
    return [report for line in text.splitlines() if (report := reader.feed(line))]


def test_a_block_of_progress_is_one_report() -> None:
    assert read(BLOCK) == [FfmpegProgress(out_time=83.456, total_size=9092, speed=48.2)]


def test_the_last_block_says_so() -> None:
    assert [one.ended for one in read(BLOCK + BLOCK.replace("continue", "end"))] == [False, True]


@pytest.mark.parametrize(
    "garbage",
    [
        "out_time_us=N/A",
        "out_time_us=-577014322277",
        "out_time_us=1e99",
        "out_time_us=" + "9" * 5000,
        "speed=nan",
        "total_size=-1",
        "=====",
        "progress",
        "\x00\xff",
    ],
)
def test_garbage_in_a_block_is_no_value_and_no_error(garbage: str) -> None:
    assert read(f"{garbage}\nprogress=continue") == [FfmpegProgress()]


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        (
            "size=    1024KiB time=00:01:23.45 bitrate= 100.5kbits/s speed=48.2x elapsed=0:00:01",
            FfmpegProgress(out_time=83.45, total_size=1_048_576, speed=48.2),
        ),
        (
            "size=     424kB time=00:00:04.92 bitrate= 705.9kbits/s speed=1.28e+03x    ",
            FfmpegProgress(out_time=4.92, total_size=434_176, speed=1280.0),
        ),
        (
            "size=       0kB time=-577014:32:22.77 bitrate=N/A speed=N/A    ",
            FfmpegProgress(total_size=0),
        ),
        ("size=N/A time=00:00:02.00 bitrate=N/A speed=95x", FfmpegProgress(out_time=2, speed=95)),
    ],
)
def test_the_plain_status_line_is_understood_too(line: str, expected: FfmpegProgress) -> None:
    assert parse_ffmpeg_progress(line) == expected


def test_another_line_is_no_status() -> None:
    assert parse_ffmpeg_progress("[mp3 @ 0x55] time is not a thing") is None


def test_an_exact_duration_measures_exactly() -> None:
    assert estimate_fraction(30, 120, exact=True, source_size=10**9, bytes_read=9) == 0.25


def test_bytes_read_beat_an_estimated_duration_of_a_large_file() -> None:
    size, head = 40_000_000, 320 * 1024
    half = head + (size - head) // 2
    fraction = estimate_fraction(30, 120, exact=False, source_size=size, bytes_read=half)
    assert fraction == pytest.approx(0.5)
    assert estimate_fraction(30, 120, exact=False, source_size=size) == 0.25


def test_an_absurd_duration_is_not_believed() -> None:
    week = 7 * 24 * 3600.0
    assert estimate_fraction(30, week, exact=True, source_size=1000) is None


def test_without_a_duration_and_bytes_nothing_is_claimed() -> None:
    assert estimate_fraction(30, None, exact=False, source_size=1000) is None


def test_the_remaining_time_follows_from_the_whole_time_so_far() -> None:
    assert estimate_remaining(30, 0.25) == pytest.approx(90)
    assert estimate_remaining(30, None) is None
    assert estimate_remaining(30, 0.0) is None


def test_what_is_told_has_whole_percents_and_seconds() -> None:
    follower = Follower(100.0, exact=True, source_size=10**7)
    assert follower.advance(FfmpegProgress(out_time=45.9, total_size=5))
    told = follower.progress(10.0, 4.6)
    assert (told.percent, told.eta) == (45, 12)
    assert not follower.advance(FfmpegProgress(out_time=45.9, total_size=5))


def test_more_audio_than_expected_is_99_percent_until_it_is_published() -> None:
    follower = Follower(10.0, exact=True, source_size=10**7)
    follower.advance(FfmpegProgress(out_time=11.0))
    assert follower.progress(1.0, None).percent == 99


@given(st.lists(st.floats(0, 200) | st.none()), st.floats(1, 100) | st.none())
def test_progress_never_goes_back(times: list[float | None], duration: float | None) -> None:
    follower = Follower(duration, exact=False, source_size=10**7)
    told = []
    for at, out_time in enumerate(times):
        follower.advance(FfmpegProgress(out_time=out_time))
        told.append(follower.progress(float(at), None))
    percents = [one.percent for one in told]
    assert percents == sorted(percents)
    assert all(0 <= percent <= 99 for percent in percents)
    assert all(one.eta is None or one.eta >= 0 for one in told)
