"""Which stream is asked first."""

from collections import Counter
from itertools import pairwise

from wavemill_common.jobs import Lane
from wavemill_common.queue.lanes import LANES, STREAMS, stream_of, streams_in_turn
from wavemill_common.queue.scripts import SHARD


def test_every_lane_has_a_stream_of_its_own_in_the_same_slot() -> None:
    assert set(LANES) == set(Lane)
    assert len(set(STREAMS)) == len(Lane)
    assert all(stream.startswith(SHARD) for stream in STREAMS)
    assert [stream_of(lane) for lane in LANES] == list(STREAMS)


def test_every_turn_asks_every_stream_once() -> None:
    for turn in range(20):
        assert sorted(streams_in_turn(turn)) == sorted(STREAMS)


def test_the_first_to_be_asked_follow_their_weights() -> None:
    first = Counter(streams_in_turn(turn)[0] for turn in range(70))
    assert [first[stream] for stream in STREAMS] == [40, 20, 10]


def test_no_lane_waits_for_a_burst_of_another() -> None:
    first = [streams_in_turn(turn)[0] for turn in range(14)]
    for stream, longest in zip(STREAMS, (2, 4, 7), strict=True):
        places = [place for place, one in enumerate(first) if one == stream]
        assert max(b - a for a, b in pairwise(places)) <= longest


def test_a_quiet_lane_gives_its_turn_to_the_more_urgent() -> None:
    turns = [streams_in_turn(turn) for turn in range(7)]
    for order in turns:
        assert list(order[1:]) == sorted(order[1:], key=STREAMS.index)
