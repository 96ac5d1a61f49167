"""Lanes: which stream a consumer looks at first. Pure."""

from wavemill_common.jobs import Lane
from wavemill_common.queue.scripts import SHARD

LANES = (Lane.INTERACTIVE, Lane.STANDARD, Lane.BULK)
# Weights 4:2:1, spread so that no lane waits for a burst of another.
_TURNS = (0, 1, 0, 2, 0, 1, 0)


def stream_of(lane: Lane) -> str:
    """The stream's key of a lane."""
    return f"{SHARD}:{lane.value}"


STREAMS = tuple(stream_of(lane) for lane in LANES)


def streams_in_turn(turn: int) -> tuple[str, ...]:
    """The streams in the order in which the consumer's `turn`-th read asks them."""
    first = _TURNS[turn % len(_TURNS)]
    return (STREAMS[first], *(stream for stream in STREAMS if stream != STREAMS[first]))
