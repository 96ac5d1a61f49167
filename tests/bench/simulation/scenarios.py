"""Scenarios: what is asked of the model, and who waits how long. Each is a function to rows."""

from collections.abc import Callable, Iterable, Iterator

from msgspec import Struct

from bench.simulation.figures import waits_of
from bench.simulation.load import Arrivals, Kind, rate_for
from bench.simulation.model import Fleet, Job, Rules, Run, Simulation
from wavemill_common.queue.lanes import LANES

FLEET = Fleet(converters=50)
JOBS = 10_000
OWNERS = 200
HEAVY = OWNERS  # the owner who comes with all at once
DROP = 10_000  # jobs
DROP_AT = 300.0  # seconds
LOADS = (0.5, 0.7, 0.8, 0.9, 0.95)
SHARDS = (1, 2, 4, 8, 16, 32, 64)


class Row(Struct, frozen=True):
    """Who waits how long, in seconds: in a case of a scenario, one group of its jobs."""

    scenario: str
    case: str
    group: str
    jobs: int
    p50: float
    p99: float


def all_rows(kinds: list[Kind]) -> list[Row]:
    """Play all scenarios."""
    plays: tuple[Callable[[list[Kind]], Iterable[Row]], ...]
    plays = (balanced, heavy_owner, long_beside_short, third_lost, hot_shard, shard_counts)
    return [row for play in plays for row in play(kinds)]


def balanced(kinds: list[Kind]) -> Iterator[Row]:
    """Everyone alike, at rising load."""
    for busy in LOADS:
        jobs = Arrivals(kinds, 1, OWNERS).steady(rate_for(FLEET, kinds, busy), JOBS)
        runs = Simulation(FLEET, Rules()).run(jobs)
        yield from by_lane("balanced", f"{busy:.0%} busy", runs)


def heavy_owner(kinds: list[Kind]) -> Iterator[Row]:
    """One owner drops 10,000 clips at once beside 200 owners that take half of the fleet."""
    cases = {
        "as it is": Rules(),
        "demoted after 100": Rules(demote=100),
        "released 20 at a time": Rules(release=20),
        "released 100 at a time": Rules(release=100),
    }
    arrivals = Arrivals(kinds, 2, OWNERS)
    steady = arrivals.steady(rate_for(FLEET, kinds, 0.5), JOBS)
    for kind in kinds[:2]:
        jobs = sorted(
            [*steady, *arrivals.burst(DROP, HEAVY, DROP_AT, kind)], key=lambda job: job.arrival
        )
        for case, rules in cases.items():
            runs = Simulation(FLEET, rules).run(jobs)
            last = max(run.ended for run in runs if run.job.owner == HEAVY)
            others = [run for run in runs if run.job.owner != HEAVY]
            during = [run for run in others if DROP_AT <= run.job.arrival < last]
            name = f"heavy owner of {kind.name}s"
            yield from by_lane(name, case, during)
            yield row(name, case, "the heavy owner", [r for r in runs if r.job.owner == HEAVY])


def long_beside_short(kinds: list[Kind]) -> Iterator[Row]:
    """Audiobooks come in such numbers that they alone would take 120 % of the fleet."""
    short, long = kinds[:2], kinds[-1:]
    for case, rules in {
        "as it is": Rules(),
        "lanes sharing reads": Rules(by_reads=True),
        "bulk in 1 slot of 2": Rules(bulk_slots=1),
    }.items():
        few = Arrivals(short, 3, OWNERS).steady(rate_for(FLEET, short, 0.3), JOBS)
        until = few[-1].arrival
        rate = rate_for(FLEET, long, 1.2)
        many = Arrivals(long, 4, OWNERS).steady(rate, int(rate * until))
        jobs = sorted([*few, *many], key=lambda job: job.arrival)
        yield from by_lane("long beside short", case, Simulation(FLEET, rules).run(jobs))


def third_lost(kinds: list[Kind]) -> Iterator[Row]:
    """A third of the converters die with their hosts; the rest can take the load, or not."""
    for busy in (0.5, 0.6, 0.7):
        fleet = Fleet(converters=FLEET.converters, loss_at=DROP_AT, lost=FLEET.converters // 3)
        jobs = Arrivals(kinds, 5, OWNERS).steady(rate_for(FLEET, kinds, busy), JOBS)
        runs = Simulation(fleet, Rules()).run(jobs)
        lost = [one for one in runs if one.job.arrival < DROP_AT < one.started and one.wait > 15]
        after = [one for one in runs if DROP_AT <= one.job.arrival < DROP_AT + 300]
        case = f"{busy:.0%} busy before, {busy * 1.5:.0%} after"
        yield from by_lane("a third lost", case, after)
        yield row("a third lost", case, "run again", lost)


def hot_shard(kinds: list[Kind]) -> Iterator[Row]:
    """Of 16 shards one gets 30 % of the jobs, as if jobs were sharded by their owner."""
    for steals in (True, False):
        fleet = Fleet(converters=FLEET.converters, shards=16, homes=3, steals=steals)
        even = Arrivals(kinds, 6, OWNERS, shards=16).steady(rate_for(fleet, kinds, 0.7), JOBS)
        jobs = [_moved(job) if number % 10 < 3 else job for number, job in enumerate(even)]
        runs = Simulation(fleet, Rules()).run(jobs)
        case = "converters steal" if steals else "nobody steals"
        yield row("a hot shard", case, "the hot shard", [r for r in runs if r.job.shard == 0])
        yield row("a hot shard", case, "all others", [r for r in runs if r.job.shard])


def shard_counts(kinds: list[Kind]) -> Iterator[Row]:
    """The same load on more and more shards; a converter is at home on three."""
    for steals in (True, False):
        for shards in SHARDS:
            homes = min(shards, 3)
            fleet = Fleet(converters=FLEET.converters, shards=shards, homes=homes, steals=steals)
            jobs = Arrivals(kinds, 7, OWNERS, shards).steady(rate_for(fleet, kinds, 0.7), JOBS)
            runs = Simulation(fleet, Rules()).run(jobs)
            case = f"{shards} shard{'s' * (shards > 1)}, {'stealing' if steals else 'home only'}"
            yield row("shards", case, "all", runs)


def by_lane(scenario: str, case: str, runs: list[Run]) -> Iterator[Row]:
    """A row for each lane that has jobs; the lane is the one that a job was meant for."""
    for number, lane in enumerate(LANES):
        found = [run for run in runs if run.job.lane == number]
        if found:
            yield row(scenario, case, lane.value, found)


def row(scenario: str, case: str, group: str, runs: list[Run]) -> Row:
    """How long some jobs waited."""
    waits = waits_of(runs)
    return Row(scenario, case, group, waits.jobs, waits.p50, waits.p99)


def _moved(job: Job) -> Job:
    return Job(job.arrival, job.service, job.lane, job.owner, shard=0)
