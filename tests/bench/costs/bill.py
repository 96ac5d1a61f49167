"""The bill: what was counted for one job, at so many jobs a second, in dollars. Pure.

What is assumed of users stands in `Habits`; what is priced, in prices.json.
"""

import math
from collections.abc import Sequence
from pathlib import Path

import msgspec
from msgspec import Struct, field

from bench.costs.measure import Costs
from bench.costs.meters import BENCH, Reading
from bench.costs.phases import TIMINGS, Measured
from bench.costs.tally import Use
from bench.costs.units import READ_BLOCK
from wavemill_common.records.dynamo_index import SMALL
from wavemill_common.records.dynamo_tables import SHARDS

PRICES = Path(__file__).parent / "prices.json"
SECONDS_A_MONTH = 730 * 3600.0
MIX = {"clip": 0.6, "song": 0.3, "hour": 0.1}
GIGA = 1e9
PHASES = ("upload", "submit", "convert", "download", "expire")
ENTRY = 100  # bytes of an entry of an index by time


class Prices(Struct, frozen=True, rename="camel"):
    """Dollars; `egress_gigabyte` is by tiers: up to so many gigabytes a month, each so much."""

    region: str
    as_of: str
    hours_a_month: float
    write_units_million: float
    read_units_million: float
    s3_put_thousand: float
    s3_get_thousand: float
    s3_storage_gigabyte_month: float
    vcpu_hour: float
    redis_node_hour: float
    egress_gigabyte: list[tuple[float | None, float]]


class Habits(Struct, frozen=True):
    """What users do: the share of each kind of job; how many watch, and how many poll how often.

    `busy` is how much of a converter, a gateway or Redis is used on average, `kept` for how many
    hours files stay.
    """

    mix: dict[str, float] = field(default_factory=lambda: dict(MIX))
    watching: float = 0.5
    polling: float = 0.5
    poll_every: float = 2.0
    busy: float = 0.7
    kept: float = 24.0


class Quantities(Struct, frozen=True):
    """What one job uses; processors in seconds, Redis' thread in microseconds."""

    write_units: float = 0
    read_units: float = 0
    s3_put: float = 0
    s3_get: float = 0
    converter: float = 0
    gateway: float = 0
    janitor: float = 0
    redis: float = 0
    stored_gigabyte_hours: float = 0
    sent_gigabytes: float = 0

    def plus(self, other: "Quantities", factor: float = 1) -> "Quantities":
        """This and so many times the other."""
        mine, its = msgspec.structs.astuple(self), msgspec.structs.astuple(other)
        return Quantities(*(one + factor * two for one, two in zip(mine, its, strict=True)))


class Bill(Struct, frozen=True):
    """Dollars a month, at so many jobs a second."""

    rate: float
    records: float
    requests: float
    storage: float
    converters: float
    gateways: float
    redis: float
    janitors: float
    egress: float

    @property
    def total(self) -> float:
        """All but what leaves for the Internet, which depends on where the users are."""
        parts = (self.records, self.requests, self.storage, self.converters, self.gateways)
        return sum(parts) + self.redis + self.janitors

    @property
    def per_thousand(self) -> float:
        """The same for 1,000 jobs."""
        return self.total / (self.rate * SECONDS_A_MONTH) * 1000


def quantities(costs: Costs, job: Measured, habits: Habits) -> Quantities:
    """What one job of a kind uses in its whole life, its watchers and pollers included."""
    polls = habits.polling * (job.phases["convert"].processors["converter"] / habits.poll_every)
    parts: list[tuple[Reading, float]] = [(job.phases[name], 1) for name in PHASES]
    parts.append((job.phases["watch"], habits.watching))
    parts.append((costs.polls["running"], polls))
    parts.append((costs.polls["ended"], habits.polling))
    # A janitor does the same for every kind; of the kind with the most jobs it is known best.
    total = Quantities(
        janitor=min(one.phases["expire"].processors[BENCH] for one in costs.jobs),
        redis=redis_time(costs, job, polls, habits.watching),
        stored_gigabyte_hours=(job.input_bytes + job.output_bytes) / GIGA * habits.kept,
        sent_gigabytes=job.output_bytes / GIGA,
    )
    for reading, factor in parts:
        total = total.plus(_of(reading), factor)
    return total


def _of(reading: Reading) -> Quantities:
    tally = reading.tally
    dynamo: Use = tally.total("dynamodb")
    return Quantities(
        write_units=dynamo.all_write_units,
        read_units=dynamo.read_units,
        s3_put=tally.total("s3.put").requests,
        s3_get=tally.total("s3.get").requests,
        converter=reading.processors.get("converter", 0.0),
        gateway=reading.processors.get("gateway", 0.0),
    )


def redis_time(costs: Costs, job: Measured, polls: float, watching: float) -> float:
    """Microseconds of Redis' thread for one job: its steps, each as it costs at work."""
    each = costs.redis

    def calls(phase: str, command: str) -> float:
        return job.phases[phase].commands.get(command, (0.0, 0.0))[0]

    writes = calls("submit", "publish") + calls("convert", "publish")
    reads = polls + watching * calls("watch", "pttl")
    renewals = calls("convert", "xclaim")
    return (
        each["enqueue"]
        + each["claim"]
        + each["finish"]
        + writes * each["write progress"]
        + reads * each["read progress"]
        + renewals * each["renew"]
    )


def mixed(costs: Costs, habits: Habits) -> Quantities:
    """The mean job of the mix, of those kinds that were measured."""
    shares = {job.name: habits.mix.get(job.name, 0.0) for job in costs.jobs}
    total = Quantities()
    for job in costs.jobs:
        share = shares[job.name] / sum(shares.values())
        total = total.plus(quantities(costs, job, habits), share)
    return total


def look_units(entries: float) -> float:
    """Read units of one look of a janitor at an index by time that holds so many entries."""
    if entries <= SMALL:
        return 0.5
    whole = SMALL * ENTRY / READ_BLOCK / 2
    return whole + SHARDS / 2


def janitor_units(rate: float, mean: Quantities, habits: Habits) -> float:
    """Read units a second of a janitor's looks: at what is due, and at what expires."""
    due = look_units(rate * mean.converter)
    expiring = look_units(rate * habits.kept * 3600)
    looks = 1 / TIMINGS.promote_every + 1 / TIMINGS.janitor_every  # for webhooks, for the queue
    return looks * due + 2 / TIMINGS.janitor_every * expiring


def egress(gigabytes: float, tiers: Sequence[tuple[float | None, float]]) -> float:
    """What so many gigabytes a month cost on their way to the Internet."""
    paid, before = 0.0, 0.0
    for end, price in tiers:
        upper = gigabytes if end is None else min(end, gigabytes)
        paid += max(0.0, upper - before) * price
        before = upper
    return paid


def bill(costs: Costs, rate: float, prices: Prices, habits: Habits) -> Bill:
    """Dollars a month at so many jobs a second of the mix."""
    one, jobs = mixed(costs, habits), rate * SECONDS_A_MONTH
    core = prices.vcpu_hour / 3600 / habits.busy  # dollars for a second of work
    read = prices.read_units_million / 1e6
    return Bill(
        rate=rate,
        records=jobs * (one.write_units * prices.write_units_million / 1e6 + one.read_units * read),
        requests=jobs
        * (one.s3_put * prices.s3_put_thousand + one.s3_get * prices.s3_get_thousand)
        / 1000,
        storage=rate * 3600 * one.stored_gigabyte_hours * prices.s3_storage_gigabyte_month,
        converters=max(jobs * one.converter * core, _one_core(prices)),
        gateways=max(jobs * one.gateway * core, _one_core(prices)),
        redis=redis_nodes(rate, one, habits) * prices.redis_node_hour * prices.hours_a_month,
        janitors=max(jobs * one.janitor * core, _one_core(prices))
        + janitor_units(rate, one, habits) * SECONDS_A_MONTH * read,
        egress=egress(jobs * one.sent_gigabytes, prices.egress_gigabyte),
    )


def redis_nodes(rate: float, one: Quantities, habits: Habits) -> int:
    """Shards that take so many jobs a second, each as busy as planned; each has a replica."""
    threads = rate * one.redis / 1e6 / habits.busy
    return 2 * max(1, math.ceil(round(threads, 6)))


def _one_core(prices: Prices) -> float:
    return prices.vcpu_hour * prices.hours_a_month


def read_prices(path: Path = PRICES) -> Prices:
    """The prices of a file."""
    return msgspec.json.decode(path.read_bytes(), type=Prices)
