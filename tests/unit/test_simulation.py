"""The model of the queue: what it must do whatever its figures are."""

import statistics

import pytest

from bench.simulation.figures import percentile, waits_of
from bench.simulation.load import Arrivals, Kind, rate_for
from bench.simulation.model import BULK, Fleet, Job, Rules, Run, Simulation
from bench.simulation.redis_wall import lindley, mean_wait, thread, wall

ONE = Fleet(converters=1, slots=1)
KINDS = [Kind("short", 0, 1.0, 0.7), Kind("long", BULK, 20.0, 0.3)]


def at_once(count: int, **fields: float) -> list[Job]:
    return [Job(arrival=0.0, service=1.0, lane=0, **fields) for _ in range(count)]  # type: ignore[arg-type]


def waits(runs: list[Run]) -> list[float]:
    return sorted(run.wait for run in runs)


def test_a_percentile_is_a_value_that_is_there() -> None:
    values = [float(one) for one in range(1, 101)]
    assert [percentile(values, share) for share in (0.0, 0.5, 0.99, 1.0)] == [1, 50, 99, 100]
    assert percentile([7.0], 0.99) == 7.0


def test_nobody_waits_where_nobody_is() -> None:
    assert waits_of([]).jobs == 0


def test_one_slot_works_on_one_job_at_a_time() -> None:
    assert waits(Simulation(ONE, Rules()).run(at_once(4))) == [0, 1, 2, 3]


def test_all_slots_work_at_the_same_time() -> None:
    fleet = Fleet(converters=2, slots=2)
    assert waits(Simulation(fleet, Rules()).run(at_once(6))) == [0, 0, 0, 0, 1, 1]


def test_every_job_is_run_once_whatever_happens() -> None:
    fleet = Fleet(converters=6, shards=4, homes=2, loss_at=30.0, lost=2)
    jobs = Arrivals(KINDS, 1, owners=3, shards=4).steady(rate_for(fleet, KINDS, 0.8), 400)
    for rules in (Rules(), Rules(release=5), Rules(demote=5), Rules(by_reads=True)):
        runs = Simulation(fleet, rules).run(jobs)
        assert sorted(run.job.arrival for run in runs) == [job.arrival for job in jobs]
        assert all(run.wait >= 0 for run in runs)


def test_what_died_with_its_converter_is_run_again_after_its_lease() -> None:
    fleet = Fleet(converters=2, slots=1, loss_at=5.0, lost=1)
    jobs = [Job(0.0, 10.0, 0), Job(0.0, 10.0, 0)]
    first, again = sorted(Simulation(fleet, Rules()).run(jobs), key=lambda run: run.started)
    assert first.started == 0
    assert 5 + 15 <= again.started <= 5 + 20


def test_no_more_of_an_owner_are_released_than_may_be() -> None:
    fleet = Fleet(converters=10, slots=1)
    assert waits(Simulation(fleet, Rules(release=2)).run(at_once(6))) == [0, 0, 1, 1, 2, 2]


def test_lanes_share_time_and_not_reads() -> None:
    jobs = [Job(0.0, one.service, one.lane) for _ in range(200) for one in KINDS]
    by_time, by_reads = (
        Simulation(ONE, rules).run(jobs) for rules in (Rules(), Rules(by_reads=True))
    )
    short = [
        statistics.median(run.wait for run in runs if run.job.lane == 0)
        for runs in (by_time, by_reads)
    ]
    assert short[0] < short[1] / 2


def test_stealing_helps_a_hot_shard() -> None:
    jobs = [Job(0.0, 1.0, 0, shard=0) for _ in range(40)]
    for steals, longest in ((True, 14.0), (False, 19.0)):
        fleet = Fleet(converters=4, slots=1, shards=2, homes=1, steals=steals)
        assert waits(Simulation(fleet, Rules()).run(jobs))[-1] <= longest


def test_the_same_seed_makes_the_same_jobs() -> None:
    assert Arrivals(KINDS, 3).steady(1.0, 50) == Arrivals(KINDS, 3).steady(1.0, 50)


def test_the_wall_is_where_a_thread_is_always_busy() -> None:
    assert wall(0.0005, 1) == pytest.approx(2000)
    assert wall(0.0005, 4) == pytest.approx(8000)
    assert wall(0.0005, 64, hottest=0.5) == pytest.approx(4000)
    assert thread(1, 2000, 8, 0.0005).p99 is None
    assert thread(2, 2000, 8, 0.0005).busy == pytest.approx(0.5)


def test_the_simulated_thread_waits_as_the_formula_says() -> None:
    step, busy = 0.001, 0.7
    times = lindley(step, busy / step, seed=1, count=200_000)
    assert statistics.mean(times) - step == pytest.approx(mean_wait(step, busy), rel=0.05)
