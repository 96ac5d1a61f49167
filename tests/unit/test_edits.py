"""Trims and fades as ffmpeg's filters, and the length of what they leave."""

import pytest

from wavemill_common.choices import trimmed_duration
from wavemill_common.errors import InvalidOption
from wavemill_common.options import ConvertOptions
from wavemill_converter.plan.edits import fade_filters, needs_length, trim_filters


@pytest.mark.parametrize(
    ("options", "filters"),
    [
        (ConvertOptions(), ()),
        (ConvertOptions(trim_start=0), ()),
        (ConvertOptions(trim_start=1.5), ("atrim=start=1.5", "asetpts=PTS-STARTPTS")),
        (ConvertOptions(trim_end=60), ("atrim=end=60", "asetpts=PTS-STARTPTS")),
        (
            ConvertOptions(trim_start=0.000001, trim_end=1e5),
            ("atrim=start=0.000001:end=100000", "asetpts=PTS-STARTPTS"),
        ),
    ],
)
def test_a_trim_is_a_filter_that_begins_at_zero(
    options: ConvertOptions, filters: tuple[str, ...]
) -> None:
    assert trim_filters(options) == filters


def test_a_fade_out_ends_with_the_result() -> None:
    options = ConvertOptions(fade_in=0.5, fade_out=2)
    assert fade_filters(options, 10.0) == ("afade=t=in:d=0.5", "afade=t=out:st=8:d=2")


def test_a_fade_out_longer_than_the_result_takes_all_of_it() -> None:
    assert fade_filters(ConvertOptions(fade_out=60), 10.0) == ("afade=t=out:st=0:d=10",)


def test_what_is_left_of_a_trimmed_source_is_no_longer_than_the_source() -> None:
    assert trimmed_duration(ConvertOptions(), 10.0) == 10
    assert trimmed_duration(ConvertOptions(trim_start=4), 10.0) == 6
    assert trimmed_duration(ConvertOptions(trim_start=4, trim_end=99), 10.0) == 6
    assert trimmed_duration(ConvertOptions(trim_start=4, trim_end=5), 10.0) == 1
    assert trimmed_duration(ConvertOptions(trim_start=4), None) is None


def test_a_trim_behind_the_end_says_how_long_the_file_is() -> None:
    with pytest.raises(InvalidOption, match=r"10\.00 seconds"):
        trimmed_duration(ConvertOptions(trim_start=9.95), 10.0)


def test_only_a_fade_out_to_an_uncertain_end_makes_a_source_be_measured() -> None:
    fade = ConvertOptions(fade_out=1)
    assert not needs_length(ConvertOptions(fade_in=1, trim_end=5), 10.0, exact=False)
    assert not needs_length(fade, 10.0, exact=True)
    assert needs_length(fade, 10.0, exact=False)
    assert needs_length(fade, None, exact=True)
