"""The model: converters that claim from lanes as `Consumer.claim` does, event by event. Pure.

One heap of events, no processes: what a converter does between two events takes no time, since a
claim costs a millisecond and a conversion seconds. The order of the lanes is the product's own.
Where the product knows one shard only, the model knows several, as the design has them: each
converter claims from its home shards at once and looks at the others now and then.
"""

import heapq
import random
from collections import deque
from collections.abc import Sequence
from itertools import count

from msgspec import Struct

from wavemill_common.queue.consumer import BLOCK
from wavemill_common.queue.lanes import STREAMS, streams_in_turn
from wavemill_common.queue.shares import LaneShares
from wavemill_common.settings import Timings

BULK = len(STREAMS) - 1
_TIMINGS = Timings.of(15.0, 1.0)


class Job(Struct, frozen=True):
    """A job: when it comes, how many seconds a slot works on it, and whose and where it is."""

    arrival: float
    service: float
    lane: int
    owner: int = 0
    shard: int = 0


class Rules(Struct, frozen=True):
    """What may be changed of the queue; None is the queue as it is.

    `release`: so many jobs of an owner are in the queue or at work at most, the others wait apart.
    `demote`: a job of an owner who has so many jobs already goes to the last lane.
    `bulk_slots`: so many slots of a converter may hold jobs of the last lane.
    `by_reads`: lanes share a converter's reads, as they once did, not its time.
    """

    release: int | None = None
    demote: int | None = None
    bulk_slots: int | None = None
    by_reads: bool = False


class Fleet(Struct, frozen=True):
    """Converters with some slots each; `homes` is on how many shards each is at home.

    At `loss_at` seconds `lost` converters die, and their jobs are run again by others.
    """

    converters: int
    slots: int = 2
    shards: int = 1
    homes: int = 1
    steals: bool = True
    loss_at: float = 0.0
    lost: int = 0


class Run(Struct, frozen=True):
    """What became of a job: when it was started for the last time, and when it ended."""

    job: Job
    started: float
    ended: float

    @property
    def wait(self) -> float:
        """Seconds from its arrival to its start."""
        return self.started - self.job.arrival


class _Converter:
    def __init__(self, number: int, fleet: Fleet) -> None:
        first = number * fleet.homes
        self.homes = [(first + one) % fleet.shards for one in range(fleet.homes)]
        self.free = fleet.slots
        self.turn = 0
        self.bulk = 0  # slots that hold jobs of the last lane
        self.alive = True
        self.shares = LaneShares()
        self.running = dict[int, tuple[int, Run]]()  # the lanes that they were taken from


class Simulation:
    """One run of some jobs through a fleet."""

    def __init__(self, fleet: Fleet, rules: Rules, seed: int = 1) -> None:
        self._fleet = fleet
        self._rules = rules
        self._random = random.Random(seed)
        self._converters = [_Converter(one, fleet) for one in range(fleet.converters)]
        self._queues = [[deque[Job]() for _ in STREAMS] for _ in range(fleet.shards)]
        self._orphans = deque[Job]()
        self._held = dict[int, deque[Job]]()  # of owners who have enough in the queue
        self._outstanding = dict[int, int]()
        self._idle = dict[_Converter, None]()  # those with free slots, the longest idle first
        self._events = list[tuple[float, int, str, object]]()
        self._number = count()
        self._done = list[Run]()

    def run(self, jobs: Sequence[Job]) -> list[Run]:
        """Run all jobs to their end."""
        for job in jobs:
            self._at(job.arrival, "arrive", job)
        if self._fleet.lost:
            self._at(self._fleet.loss_at, "lose", None)
        if self._roams:
            for converter in self._converters:
                self._at(self._random.uniform(0, BLOCK), "roam", converter)
        self._idle = dict.fromkeys(self._converters)
        steps = {
            "arrive": self._arrive,
            "finish": self._finish,
            "lose": self._lose,
            "orphan": self._orphan,
            "roam": self._roam,
        }
        while self._events and len(self._done) < len(jobs):
            now, _, kind, what = heapq.heappop(self._events)
            steps[kind](now, what)  # type: ignore[operator]
        return self._done

    @property
    def _roams(self) -> bool:
        return self._fleet.steals and self._fleet.shards > self._fleet.homes

    def _at(self, time: float, kind: str, what: object) -> None:
        heapq.heappush(self._events, (time, next(self._number), kind, what))

    def _arrive(self, now: float, job: Job) -> None:
        outstanding = self._outstanding.get(job.owner, 0)
        self._outstanding[job.owner] = outstanding + 1
        rules = self._rules
        if rules.release is not None and outstanding >= rules.release:
            self._held.setdefault(job.owner, deque()).append(job)
            return
        demoted = rules.demote is not None and outstanding >= rules.demote
        self._enqueue(now, job, BULK if demoted else job.lane)

    def _enqueue(self, now: float, job: Job, lane: int) -> None:
        self._queues[job.shard][lane].append(job)
        for converter in self._idle:
            if job.shard in converter.homes and self._take(now, converter, job.shard, 1):
                self._rest(converter)
                return

    def _finish(self, now: float, what: tuple[_Converter, int, int]) -> None:
        converter, number, lane = what
        if number not in converter.running:  # it was lost with its converter
            return
        _, run = converter.running.pop(number)
        job = run.job
        self._done.append(run)
        converter.free += 1
        converter.bulk -= lane == BULK
        converter.shares.end((STREAMS[lane], str(number)), now)
        self._outstanding[job.owner] -= 1
        held = self._held.get(job.owner)
        if held:
            released = held.popleft()
            self._enqueue(now, released, released.lane)
        self._claim(now, converter, converter.homes)

    def _claim(self, now: float, converter: _Converter, shards: Sequence[int]) -> None:
        """Fill the free slots: what was reclaimed first, then the lanes in their turn."""
        while converter.free and self._orphans:
            job = self._orphans.popleft()
            self._start(now, converter, job, job.lane)
        for shard in shards:
            while converter.free and self._take(now, converter, shard, converter.free):
                converter.turn += 1
        self._rest(converter)

    def _take(self, now: float, converter: _Converter, shard: int, most: int) -> bool:
        """Claim up to `most` entries of the first lane that has any, as one read does."""
        if self._rules.by_reads:
            order = streams_in_turn(converter.turn)
        else:
            order = converter.shares.order(converter.turn, now)
        for stream in order:
            lane = STREAMS.index(stream)
            queue, room = self._queues[shard][lane], most
            if lane == BULK and self._rules.bulk_slots is not None:
                room = min(most, self._rules.bulk_slots - converter.bulk)
            if queue and room > 0:
                for _ in range(min(room, len(queue))):
                    self._start(now, converter, queue.popleft(), lane)
                return True
        return False

    def _start(self, now: float, converter: _Converter, job: Job, lane: int) -> None:
        number = next(self._number)
        converter.free -= 1
        converter.bulk += lane == BULK
        converter.shares.begin((STREAMS[lane], str(number)), now)
        converter.running[number] = lane, Run(job, now, now + job.service)
        self._at(now + job.service, "finish", (converter, number, lane))

    def _rest(self, converter: _Converter) -> None:
        """An idle converter goes to the end of those that wait, as a new read does."""
        self._idle.pop(converter, None)
        if converter.free and converter.alive:
            self._idle[converter] = None

    def _roam(self, now: float, converter: _Converter) -> None:
        """An idle converter looks at the shards of others."""
        if not converter.alive:
            return
        if converter.free:
            others = [one for one in range(self._fleet.shards) if one not in converter.homes]
            self._random.shuffle(others)
            self._claim(now, converter, others)
        self._at(now + BLOCK, "roam", converter)

    def _lose(self, now: float, _: object) -> None:
        """Some converters die with their hosts: nobody knows before their leases have run out."""
        for converter in self._converters[: self._fleet.lost]:
            converter.alive = False
            self._idle.pop(converter, None)
            for _, run in converter.running.values():
                found = _TIMINGS.lease_ttl + self._random.uniform(0, _TIMINGS.sweep_every)
                self._at(now + found, "orphan", run.job)
            converter.running.clear()
            converter.free = 0

    def _orphan(self, now: float, job: Job) -> None:
        self._orphans.append(job)
        for converter in self._idle:
            self._claim(now, converter, ())
            return
