"""LaneShares: lanes share a consumer's time, not its reads. Pure.

Shared by reads alone, a lane of long jobs takes whatever there is: one audiobook in seven jobs is
most of the time of all seven. Why, and what it gains: docs/adr/0019-lanes-share-time.md
"""

from wavemill_common.queue.lanes import STREAMS, streams_in_turn

WEIGHTS = dict(zip(STREAMS, (4, 2, 1), strict=True))
CREDIT = 60.0  # weighted seconds that a lane without jobs can save up at most
GRAIN = 1.0  # weighted seconds below which lanes count as equal, and take turns

Place = tuple[str, str]  # of an entry: its stream and its id


class LaneShares:
    """How long a consumer has worked for each lane, in seconds by its weight."""

    def __init__(self) -> None:
        self._had = dict.fromkeys(STREAMS, 0.0)
        self._began: dict[Place, float] = {}

    def begin(self, place: Place, now: float) -> None:
        """Work on an entry begins, unless it has begun."""
        self._began.setdefault(place, now)

    def end(self, place: Place, now: float) -> None:
        """Work on an entry has ended."""
        began = self._began.pop(place, now)
        self._had[place[0]] += (now - began) / WEIGHTS[place[0]]
        floor = max(self._had.values()) - CREDIT
        self._had = {stream: max(had, floor) for stream, had in self._had.items()}

    def order(self, turn: int, now: float) -> tuple[str, ...]:
        """The streams in the order in which to ask them: who has had the least time first."""
        had = dict(self._had)
        for (stream, _), began in self._began.items():
            had[stream] += (now - began) / WEIGHTS[stream]
        return tuple(sorted(streams_in_turn(turn), key=lambda stream: had[stream] // GRAIN))
