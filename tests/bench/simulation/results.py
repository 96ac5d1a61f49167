"""Results: everything that the simulation tells, to be kept, tabled and drawn."""

from itertools import groupby

from msgspec import Struct

from bench.costs.bill import Habits, mixed
from bench.costs.measure import Costs
from bench.page import number, table
from bench.simulation.load import Kind
from bench.simulation.redis_wall import Thread, thread, wall
from bench.simulation.scenarios import SHARDS, Row, all_rows
from bench.simulation.validation import Compared, validate
from wavemill_common.jobs import lane_for
from wavemill_common.queue.lanes import LANES

STEPS = 8  # of one job on Redis' thread, of equal length
RATES = (1_000, 2_000, 5_000, 10_000, 20_000, 50_000, 100_000)
AUDIOBOOK = Kind("audiobook", len(LANES) - 1, 0.0, 0.02)  # an hour from WAV: by its size in bulk
_COMPARED = ("p50 real, s", "p50 model, s", "p99 real, s", "p99 model, s")
HOT = 0.3  # the share of one hot shard


class Results(Struct, frozen=True):
    """The kinds of jobs with what they take, the waits, Redis' thread, and the model's errors."""

    kinds: list[Kind]
    rows: list[Row]
    job_micros: float  # of Redis' thread, for one job
    threads: list[Thread]
    validation: list[Compared]


def simulate(costs: Costs) -> Results:
    """Simulate with service times as they were measured."""
    kinds, micros = kinds_of(costs), mixed(costs, Habits()).redis
    return Results(
        kinds=kinds,
        rows=all_rows(kinds),
        job_micros=micros,
        threads=[thread(shards, rate, STEPS, micros / 1e6) for shards in SHARDS for rate in RATES],
        validation=validate(),
    )


def kinds_of(costs: Costs) -> list[Kind]:
    """The kinds that were measured, in the lanes that the product gives them."""
    mix = Habits().mix
    found = []
    for job in costs.jobs:
        lane = LANES.index(lane_for(job.input_bytes))
        service = job.phases["convert"].processors["converter"]
        found.append(Kind(job.name, lane, round(service, 2), mix[job.name]))
    longest = found[-1].service
    return [*found, Kind(AUDIOBOOK.name, AUDIOBOOK.lane, longest, AUDIOBOOK.share)]


def tables(results: Results) -> dict[str, str]:
    """The tables of docs/scaling.md, by name."""
    told = {
        "kinds-simulated": table(
            ("kind", "lane", "slot, s", "share of jobs"),
            [
                (one.name, LANES[one.lane].value, number(one.service), number(one.share))
                for one in results.kinds
            ],
        ),
        "threads": _threads(results),
        "validation": table(
            ("lane", "jobs", *_COMPARED, "p50 off by"),
            [_compared(one) for one in results.validation],
        ),
    }
    for scenario, rows in groupby(results.rows, key=lambda row: row.scenario):
        told[scenario.replace(" ", "-")] = table(
            ("case", "whose jobs", "jobs", "p50, s", "p99, s"),
            [(r.case, r.group, number(r.jobs), number(r.p50), number(r.p99)) for r in rows],
        )
    return told


def _compared(one: Compared) -> tuple[str, ...]:
    figures = (one.real.p50, one.model.p50, one.real.p99, one.model.p99)
    return one.lane, number(one.real.jobs), *map(number, figures), f"{one.error:+.0%}"


def _threads(results: Results) -> str:
    rows = []
    for shards in SHARDS:
        seconds = results.job_micros / 1e6
        of = [one for one in results.threads if one.shards == shards]
        rows.append(
            [
                str(shards),
                number(wall(seconds, shards)),
                number(wall(seconds, shards, HOT)),
                *("∞" if one.p99 is None else number(1000 * one.p99) for one in of),
            ]
        )
    heads = ("shards", "wall, jobs/s", "with one hot shard")
    return table((*heads, *(f"p99 at {number(rate)}/s, ms" for rate in RATES)), rows)
