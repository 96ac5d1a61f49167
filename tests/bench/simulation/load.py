"""Load: jobs as they come, of the three kinds that were measured. Repeatable by its seed."""

import random
from collections.abc import Iterator
from itertools import count

from msgspec import Struct

from bench.simulation.model import Fleet, Job

SPREAD = 0.5  # the standard deviation of the logarithm of a job's length


class Kind(Struct, frozen=True):
    """A kind of job: its lane, the mean seconds of a slot that it takes, its share of the jobs."""

    name: str
    lane: int
    service: float
    share: float


def rate_for(fleet: Fleet, kinds: list[Kind], busy: float) -> float:
    """The jobs a second that keep a fleet so busy."""
    mean = sum(kind.share * kind.service for kind in kinds) / sum(kind.share for kind in kinds)
    return busy * fleet.converters * fleet.slots / mean


class Arrivals:
    """Makes jobs of some kinds; `owners` and `shards` are drawn evenly."""

    def __init__(self, kinds: list[Kind], seed: int, owners: int = 1, shards: int = 1) -> None:
        self._kinds = kinds
        self._random = random.Random(seed)
        self._owners = owners
        self._shards = shards

    def steady(self, rate: float, jobs: int, begin: float = 0.0) -> list[Job]:
        """So many jobs, at `rate` a second on average, independent of each other."""
        return [
            self._job(now) for now, _ in zip(self._times(rate, begin), range(jobs), strict=False)
        ]

    def burst(self, jobs: int, owner: int, begin: float, kind: Kind) -> list[Job]:
        """One owner's jobs, all at once."""
        return [self._job(begin, owner, kind) for _ in range(jobs)]

    def _times(self, rate: float, begin: float) -> Iterator[float]:
        now = begin
        for _ in count():
            now += self._random.expovariate(rate)
            yield now

    def _job(self, now: float, owner: int | None = None, kind: Kind | None = None) -> Job:
        chance = self._random
        kind = kind or chance.choices(self._kinds, [one.share for one in self._kinds])[0]
        length = chance.lognormvariate(-SPREAD * SPREAD / 2, SPREAD)  # of mean 1
        return Job(
            arrival=now,
            service=kind.service * length,
            lane=kind.lane,
            owner=chance.randrange(self._owners) if owner is None else owner,
            shard=chance.randrange(self._shards),
        )
