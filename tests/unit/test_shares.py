"""Which lane a consumer asks first, by the time that it has worked for each."""

import pytest

from wavemill_common.queue.lanes import STREAMS, streams_in_turn
from wavemill_common.queue.shares import CREDIT, WEIGHTS, LaneShares

INTERACTIVE, STANDARD, BULK = STREAMS


def worked(shares: LaneShares, stream: str, seconds: float, begin: float = 0.0) -> None:
    shares.begin((stream, "1-0"), begin)
    shares.end((stream, "1-0"), begin + seconds)


def test_lanes_that_had_as_much_take_turns() -> None:
    shares = LaneShares()
    for turn in range(14):
        assert shares.order(turn, 0.0) == streams_in_turn(turn)


def test_the_lane_of_a_long_job_is_asked_last() -> None:
    shares = LaneShares()
    worked(shares, BULK, 90.0)
    assert all(shares.order(turn, 90.0)[-1] == BULK for turn in range(7))


def test_work_counts_while_it_is_done() -> None:
    shares = LaneShares()
    shares.begin((INTERACTIVE, "1-0"), 0.0)
    assert shares.order(0, 1.0)[0] == INTERACTIVE
    assert shares.order(0, 60.0)[-1] == INTERACTIVE


def test_work_that_is_begun_twice_counts_from_the_first_time() -> None:
    shares = LaneShares()
    shares.begin((INTERACTIVE, "1-0"), 0.0)
    shares.begin((INTERACTIVE, "1-0"), 60.0)
    assert shares.order(0, 60.0)[-1] == INTERACTIVE


def test_a_heavier_lane_may_have_more_time() -> None:
    shares = LaneShares()
    worked(shares, INTERACTIVE, 8.0)
    worked(shares, STANDARD, 8.0)
    worked(shares, BULK, 8.0)
    assert shares.order(0, 8.0) == (INTERACTIVE, STANDARD, BULK)


def test_a_lane_that_was_empty_for_long_has_saved_up_little() -> None:
    shares = LaneShares()
    worked(shares, BULK, 10_000.0)
    worked(shares, INTERACTIVE, (CREDIT + 1) * WEIGHTS[INTERACTIVE])
    worked(shares, STANDARD, (CREDIT + 1) * WEIGHTS[STANDARD])
    assert shares.order(3, 0.0)[0] == BULK


def test_lanes_that_are_never_empty_share_the_time_by_their_weights() -> None:
    shares, now = LaneShares(), 0.0
    had = dict.fromkeys(STREAMS, 0.0)
    lengths = {INTERACTIVE: 1.0, STANDARD: 7.0, BULK: 50.0}
    for turn in range(20_000):
        stream = shares.order(turn, now)[0]
        worked(shares, stream, lengths[stream], now)
        had[stream] += lengths[stream]
        now += lengths[stream]
    for stream in STREAMS:
        assert had[stream] / now == pytest.approx(WEIGHTS[stream] / 7, rel=0.05)
