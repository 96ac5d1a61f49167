"""The tables of docs/scaling.md that tell what was counted, and what it comes to. Pure."""

from collections.abc import Iterator

from bench.costs.bill import (
    PHASES,
    Bill,
    Habits,
    Prices,
    Quantities,
    bill,
    mixed,
    quantities,
)
from bench.costs.measure import Costs
from bench.costs.meters import Reading
from bench.costs.phases import Measured
from bench.costs.walls import walls
from bench.page import number, table

RATES = (1, 100, 10_000)
SHOWN = "song"  # the kind whose phases are shown one by one
_PHASE_HEADS = (
    *("phase", "DynamoDB requests", "write units: table", "indexes", "read units", "S3 PUT…"),
    *("S3 GET…", "Redis scripts", "gateway ms", "converter ms"),
)
_KIND_HEADS = (
    *("kind", "in MB", "out MB", "write units", "read units", "S3 PUT…", "S3 GET…", "Redis µs"),
    *("converter s", "gateway ms", "janitor ms"),
)


def tables(costs: Costs, prices: Prices, habits: Habits) -> dict[str, str]:
    """All of them by name."""
    shown = next((job for job in costs.jobs if job.name == SHOWN), costs.jobs[0])
    return {
        "phases": _phases(costs, shown),
        "redis": _redis(costs),
        "kinds": _kinds(costs, habits),
        "bills": _bills([bill(costs, rate, prices, habits) for rate in RATES]),
        "walls": table(
            ("part", "jobs/s", "what moves it"),
            [(one.part, number(one.rate), one.moved_by) for one in walls(costs, habits)],
        ),
    }


def _phases(costs: Costs, job: Measured) -> str:
    rows = [(name, job.phases[name]) for name in (*PHASES, "watch")]
    rows += [(f"poll, {name}", reading) for name, reading in costs.polls.items()]
    rows += [("nothing, a second", costs.idle), ("a janitor, a second", costs.janitor)]
    return table(_PHASE_HEADS, [_phase(name, reading) for name, reading in rows])


def _phase(name: str, reading: Reading) -> list[str]:
    tally = reading.tally
    dynamo = tally.total("dynamodb")
    return [
        name,
        number(dynamo.requests),
        number(dynamo.write_units),
        number(dynamo.index_units),
        number(dynamo.read_units),
        number(tally.total("s3.put").requests),
        number(tally.total("s3.get").requests),
        number(reading.commands.get("eval", (0.0, 0.0))[0]),
        number(1000 * reading.processors.get("gateway", 0.0)),
        number(1000 * reading.processors.get("converter", 0.0)),
    ]


def _redis(costs: Costs) -> str:
    return table(
        ("step", "µs of Redis' thread"),
        [(name, number(micros)) for name, micros in costs.redis.items()],
    )


def _kinds(costs: Costs, habits: Habits) -> str:
    return table(_KIND_HEADS, list(_kind_rows(costs, habits)))


def _kind_rows(costs: Costs, habits: Habits) -> Iterator[list[str]]:
    for job in costs.jobs:
        sizes = [number(job.input_bytes / 1e6), number(job.output_bytes / 1e6)]
        yield [f"{job.name} to {job.format}", *sizes, *_used(quantities(costs, job, habits))]
    yield ["mix", "", "", *_used(mixed(costs, habits))]


def _used(one: Quantities) -> list[str]:
    values = (one.write_units, one.read_units, one.s3_put, one.s3_get, one.redis, one.converter)
    return [number(value) for value in (*values, 1000 * one.gateway, 1000 * one.janitor)]


def _bills(bills: list[Bill]) -> str:
    parts = (
        ("DynamoDB", [one.records for one in bills]),
        ("S3, requests", [one.requests for one in bills]),
        ("S3, storage for a day", [one.storage for one in bills]),
        ("converters", [one.converters for one in bills]),
        ("gateways", [one.gateways for one in bills]),
        ("Redis, each shard with a replica", [one.redis for one in bills]),
        ("janitors", [one.janitors for one in bills]),
        ("**all of it, a month**", [one.total for one in bills]),
        ("**for 1,000 jobs**", [one.per_thousand for one in bills]),
        ("besides: results sent to the Internet", [one.egress for one in bills]),
    )
    heads = ("dollars", *(f"{number(one.rate)} jobs/s" for one in bills))
    return table(heads, [[name, *map(number, values)] for name, values in parts])
