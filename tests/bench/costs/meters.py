"""Meters: what all stores and services have used so far, and what they used since."""

import os
import time
from collections.abc import Mapping
from typing import Any

import msgspec
import psutil
import redis
from msgspec import Struct

from bench.costs.tally import Tally, Use
from support.cluster import Cluster

BENCH = "bench"  # this process: the client, and the janitor where a sweep is measured
NOTHING = 1e-9  # what is left where all was taken away
OURS = frozenset({"info", "hlen", "client|setinfo", "client|setname", "hello"})  # the bench's own
THREAD = ("used_cpu_user_main_thread", "used_cpu_sys_main_thread")


class Reading(Struct, frozen=True):
    """What was used: of AWS, of Redis' one thread, of processors (seconds), in which time.

    `commands` are Redis' own figures: the calls, also by scripts, and their microseconds.
    """

    aws: list[tuple[str, str, str, dict[str, float]]]
    redis_seconds: float
    commands: dict[str, tuple[float, float]]
    processors: dict[str, float]
    seconds: float

    @property
    def tally(self) -> Tally:
        """What was used of AWS; what the bench itself asked is left out."""
        rows = [row for row in self.aws if row[0] != "test"]
        return Tally.from_json(msgspec.json.encode(rows))

    def since(self, earlier: "Reading") -> "Reading":
        """What was used since an earlier reading."""
        return _combined(self, earlier, -1)

    def plus(self, other: "Reading") -> "Reading":
        """Both together."""
        return _combined(self, other, 1)

    def without(self, background: "Reading") -> "Reading":
        """The same without what would have been used anyway; `background` is for one second."""
        less = _combined(self, background, -self.seconds)
        return msgspec.structs.replace(
            less,
            aws=[row for row in less.aws if row[3]["requests"] > 0],
            redis_seconds=max(0.0, less.redis_seconds),
            commands={name: use for name, use in less.commands.items() if use[0] > 0},
            processors={name: max(0.0, used) for name, used in less.processors.items()},
            seconds=self.seconds,
        )

    def each(self, count: float) -> "Reading":
        """A share of this: for one of so many jobs, or for one second."""
        return _combined(self, self, 1 / count - 1)


def _combined(one: Reading, other: Reading, factor: float) -> Reading:
    """The first with so many times the second added; what is nothing then, is left out."""
    uses = dict(one.tally)
    for name, use in other.tally:
        changed = uses.get(name, Use()) + use.scaled(factor)
        uses[name] = changed
    rows = [(*name, msgspec.to_builtins(use)) for name, use in sorted(uses.items())]
    return Reading(
        aws=[row for row in rows if abs(row[3]["requests"]) > NOTHING],
        redis_seconds=one.redis_seconds + factor * other.redis_seconds,
        commands=_added(one.commands, other.commands, factor),
        processors={
            name: used + factor * other.processors.get(name, 0.0)
            for name, used in one.processors.items()
        },
        seconds=one.seconds + factor * other.seconds,
    )


def _added(
    one: Mapping[str, tuple[float, float]], other: Mapping[str, tuple[float, float]], factor: float
) -> dict[str, tuple[float, float]]:
    added = {}
    for name in sorted({*one, *other}):
        (calls, micros), (more, longer) = one.get(name, (0, 0)), other.get(name, (0, 0))
        if abs(calls + factor * more) > NOTHING:
            added[name] = (calls + factor * more, micros + factor * longer)
    return added


def read(cluster: Cluster, counts: bytes) -> Reading:
    """Read all meters; `counts` is what the meter before moto says."""
    with redis.Redis.from_url(cluster.redis.url) as client:
        commands: Any = client.info("commandstats")
        processor: Any = client.info("cpu")
    named = {name.removeprefix("cmdstat_"): use for name, use in commands.items()}
    return Reading(
        aws=msgspec.json.decode(counts, type=list[tuple[str, str, str, dict[str, float]]]),
        redis_seconds=sum(float(processor[name]) for name in THREAD),
        commands={
            name: (float(use["calls"]), float(use["usec"]))
            for name, use in sorted(named.items())
            if name not in OURS
        },
        processors={
            BENCH: _processor_time(os.getpid()),
            **{member.service: _processor_time(member.pid) for member in cluster.members},
        },
        seconds=time.monotonic(),
    )


def _processor_time(pid: int) -> float:
    """Seconds of processor time of a service and of the ffmpegs that have ended."""
    used = psutil.Process(pid).cpu_times()
    return float(used.user + used.system + used.children_user + used.children_system)
