"""Which parts go early, which wait, and how much may be held."""

from hypothesis import given
from hypothesis import strategies as st

from wavemill_common.settings import MIB
from wavemill_converter.convert.streaming.layout import MAX_PARTS, MIN_PART, PartLayout, part_bytes

PAGE = 64 * 1024  # bytes, the largest that Linux has


def test_a_part_goes_once_the_file_has_grown_its_lag_beyond_it() -> None:
    layout = PartLayout(part=5 * MIB, head=1, lag=16 * MIB)
    assert layout.missing(1, 10 * MIB) == 16 * MIB
    assert layout.missing(1, 26 * MIB - 1) == 1
    assert layout.missing(1, 26 * MIB) == 0
    assert layout.missing(1, 99 * MIB) == 0


@given(st.integers(1, 20), st.integers(0, 64 * MIB))
def test_the_cap_always_leaves_room_for_the_next_part_to_get_ready(head: int, lag: int) -> None:
    layout = PartLayout(part=MIN_PART, head=head, lag=lag)
    assert layout.cap > layout.bounds(head)[1] + lag


@given(st.integers(1, 1 << 44))
def test_the_largest_result_fits_into_the_parts_that_a_store_takes(max_output: int) -> None:
    part = part_bytes(max_output)
    assert part >= MIN_PART
    assert part * MAX_PARTS >= max_output


@given(st.integers(1, 1 << 44))
def test_parts_share_no_page_of_memory(max_output: int) -> None:
    assert part_bytes(max_output) % PAGE == 0
