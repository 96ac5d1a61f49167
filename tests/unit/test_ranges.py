"""Ranges: a Range header (RFC 9110, 14.1.2) against a file's size."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wavemill_common.errors import RangeNotSatisfiable
from wavemill_gateway.downloads import parse_range

SIZES = st.integers(1, 10**12)


@pytest.mark.parametrize(
    ("header", "span"),
    [
        ("bytes=0-0", (0, 1)),
        ("bytes=0-99", (0, 100)),
        ("bytes=10-", (10, 100)),
        ("bytes=99-", (99, 100)),
        ("bytes=50-1000", (50, 100)),
        ("bytes=-1", (99, 100)),
        ("bytes=-100", (0, 100)),
        ("bytes=-1000", (0, 100)),
        (" bytes=0-0 ", (0, 1)),
    ],
)
def test_a_range_is_read(header: str, span: tuple[int, int]) -> None:
    assert parse_range(header, 100) == span


@pytest.mark.parametrize(
    "header",
    ["", "bytes", "bytes=", "bytes=-", "bytes=5-4", "bytes=0-1,3-4", "items=0-1", "bytes=a-b",
     "bytes=0x0-", "bytes=--1", "bytes=\u0661-\u0662", "bytes=" + "9" * 100 + "-"],
)  # fmt: skip
def test_whatever_is_not_one_good_range_means_the_whole(header: str) -> None:
    assert parse_range(header, 100) is None


@pytest.mark.parametrize("header", ["bytes=100-", "bytes=100-200", "bytes=-0", f"bytes={10**30}-"])
def test_a_range_outside_of_the_file_tells_its_size(header: str) -> None:
    with pytest.raises(RangeNotSatisfiable) as refused:
        parse_range(header, 100)
    assert refused.value.members == {"size": 100}


@given(size=SIZES, data=st.data())
def test_every_range_within_the_file_is_served_exactly(size: int, data: st.DataObject) -> None:
    first = data.draw(st.integers(0, size - 1))
    last = data.draw(st.integers(first, size - 1))
    assert parse_range(f"bytes={first}-{last}", size) == (first, last + 1)
    assert parse_range(f"bytes={first}-", size) == (first, size)
    assert parse_range(f"bytes=-{size - first}", size) == (first, size)


@given(header=st.text(max_size=40) | st.from_regex(r"bytes=[0-9]{0,6}-[0-9]{0,6}"), size=SIZES)
def test_any_header_gives_a_part_of_the_file_or_the_whole_or_a_refusal(
    header: str, size: int
) -> None:
    try:
        span = parse_range(header, size)
    except RangeNotSatisfiable:
        return
    if span is not None:
        assert 0 <= span[0] < span[1] <= size
