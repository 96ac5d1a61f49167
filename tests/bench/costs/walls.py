"""Walls: where each part can take no more, in jobs a second of the mix, and what moves it. Pure."""

from msgspec import Struct

from bench.costs.bill import Habits, mixed
from bench.costs.measure import Costs

TABLE_UNITS = 40_000  # write units a second: DynamoDB's quota of a table on demand, as it comes
PREFIX_PUTS = 3_500  # requests a second that S3 promises for a prefix before it splits it


class Wall(Struct, frozen=True):
    """A part, the jobs a second that it can just not take, and how more is had."""

    part: str
    rate: float
    moved_by: str


def walls(costs: Costs, habits: Habits) -> list[Wall]:
    """All walls, the nearest first."""
    one = mixed(costs, habits)
    found = [
        Wall("one core of a converter", 1 / one.converter, "more converters: they share nothing"),
        Wall("one core of a gateway", 1 / one.gateway, "more gateways behind a load balancer"),
        Wall("one janitor", 1 / one.janitor, "see below: more janitors only help in part"),
        Wall(
            "DynamoDB's quota of a table as it comes",
            TABLE_UNITS / one.write_units,
            "a higher quota, on request",
        ),
        Wall(
            "an S3 prefix before S3 splits it",
            PREFIX_PUTS / one.s3_put,
            "time: keys are random, so S3 splits well under steady load",
        ),
        Wall("Redis' one thread", 1e6 / one.redis, "shards (not built): each takes as much again"),
    ]
    return sorted(found, key=lambda wall: wall.rate)
