"""Order: what the launcher is told to start, as text beside the descriptors that go with it."""

import json
from collections.abc import Mapping, Sequence
from typing import NamedTuple

from wavemill_converter.launch.wall import Filter, Wall

MOST_TEXT = 128 * 1024  # bytes of one order; a command has some thousands
MOST_DESCRIPTORS = 250  # the kernel passes 253 at once
TOLD, OUT, ERR, REST = range(4)
"""Which descriptors come first: where the start is told, the child's two outputs. Then comes its
ruleset, if it has one, and what it inherits."""
NOT_YET = -1


class Order(NamedTuple):
    """A command, its environment, the numbers by which it knows what it inherits, its wall."""

    argv: Sequence[str]
    environment: Mapping[str, str]
    inherited: Sequence[int] = ()
    wall: Wall | None = None

    def text(self) -> bytes:
        """The order as it is sent."""
        wall = self.wall
        shown = None
        if wall is not None:
            steps = (wall.filter.steps.hex(), list(wall.filter.own)) if wall.filter else None
            ruled = wall.ruleset is not None
            shown = (list(wall.descriptors), wall.user, ruled, list(wall.limits), steps)
        return json.dumps((self.argv, self.environment, list(self.inherited), shown)).encode()


def order_of(text: bytes) -> Order:
    """Read an order. A ruleset has the number NOT_YET, until it has one in the process that reads.

    Raises:
        ValueError: it is none.
    """
    argv, environment, inherited, shown = json.loads(text)
    if shown is None:
        return Order(argv, environment, inherited)
    descriptors, user, ruled, limits, steps = shown
    system_calls = Filter(bytes.fromhex(steps[0]), steps[1]) if steps else None
    wall = Wall(descriptors, user, NOT_YET if ruled else None, limits, system_calls)
    return Order(argv, environment, inherited, wall)
