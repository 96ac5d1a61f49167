"""Redis' one thread as a queue of its own: how long a step waits, and where it can take no more.

Steps of many jobs arrive at a shard independently (Poisson) and each takes a fixed time: an M/D/1
queue, simulated by Lindley's recursion, and told by Pollaczek and Khinchine for the mean.
"""

import random

from msgspec import Struct

from bench.simulation.figures import percentile

STEPS = 20_000


class Thread(Struct, frozen=True):
    """One shard at one rate: the share of its time that it works, and seconds a step takes.

    At its wall and beyond, steps take ever longer: None.
    """

    shards: int
    jobs: float  # a second, over all shards
    busy: float
    p50: float | None
    p99: float | None


def wall(job_seconds: float, shards: int, hottest: float | None = None) -> float:
    """The jobs a second that `shards` threads can just not take.

    `hottest` is the share of all jobs that go to one shard, where it is more than its own.
    """
    return 1 / (job_seconds * max(hottest or 0.0, 1 / shards))


def mean_wait(step_seconds: float, busy: float) -> float:
    """The mean wait of a step before its turn (Pollaczek and Khinchine, fixed service time)."""
    return busy * step_seconds / (2 * (1 - busy))


def thread(shards: int, jobs: float, steps: float, job_seconds: float, seed: int = 1) -> Thread:
    """Simulate one of several shards."""
    busy = jobs / wall(job_seconds, shards)
    if busy >= 1:
        return Thread(shards, jobs, busy, None, None)
    each = job_seconds / steps
    times = lindley(each, jobs * steps / shards, seed)
    return Thread(shards, jobs, busy, percentile(times, 0.5), percentile(times, 0.99))


def lindley(service: float, rate: float, seed: int, count: int = STEPS) -> list[float]:
    """Seconds from the arrival of each step to its end; `service` and `1/rate` in seconds."""
    chance, wait = random.Random(seed), 0.0
    times = []
    for _ in range(count):
        times.append(wait + service)
        wait = max(0.0, wait + service - chance.expovariate(rate))
    return times
