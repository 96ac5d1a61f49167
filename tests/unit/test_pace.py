"""When a growing file is looked at again: as rarely as is safe."""

from hypothesis import given
from hypothesis import strategies as st

from wavemill_common.settings import MIB
from wavemill_converter.convert.streaming.pace import LEAST, Pace

MOST = 0.1


class Clock:
    """Goes when told to."""

    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


def test_what_has_not_grown_yet_may_grow_at_any_rate_and_is_looked_at_often() -> None:
    clock = Clock()
    pace = Pace(MOST, clock)
    for _ in range(3):
        clock.now += 1.0
        assert pace.pause(0, 1000 * MIB) == LEAST


def test_what_grows_slowly_is_looked_at_rarely() -> None:
    clock = Clock()
    pace = Pace(MOST, clock)
    clock.now += 1.0
    assert pace.pause(20_000, 16 * MIB) == MOST


def test_what_has_no_room_left_is_looked_at_often() -> None:
    clock = Clock()
    pace = Pace(MOST, clock)
    clock.now += 1.0
    assert pace.pause(20_000, 0) == LEAST


def test_what_was_fast_once_may_become_so_again() -> None:
    clock = Clock()
    pace = Pace(MOST, clock)
    clock.now += 0.01
    fast = pace.pause(8 * MIB, 16 * MIB)
    clock.now += 10.0
    assert pace.pause(8 * MIB, 16 * MIB) == fast == LEAST


@given(st.integers(1, 1 << 30), st.integers(0, 1 << 30), st.floats(LEAST, 10.0))
def test_eight_times_the_rate_so_far_does_not_take_the_room_within_a_pause(
    grown: int, room: int, passed: float
) -> None:
    clock = Clock()
    pace = Pace(MOST, clock)
    clock.now += passed
    pause = pace.pause(grown, room)
    assert LEAST <= pause <= MOST
    assert pause == LEAST or 8 * grown / (clock.now - 100.0) * pause <= room * 1.001
