"""How long a job that failed by accident waits for its next try."""

from wavemill_common.settings import Timings
from wavemill_converter.work.attempt import MAX_FAILURES, backoff

TIMINGS = Timings.of(15.0, 1.0)


def waits(failures: int) -> list[float]:
    return [backoff(failures, TIMINGS) for _ in range(500)]


def test_waits_lie_anywhere_below_a_doubling_ceiling() -> None:
    for failures, ceiling in enumerate([5, 10, 20, 40, 80, 160, 300, 300]):
        drawn = waits(failures)
        assert 0 <= min(drawn) < 0.1 * ceiling
        assert 0.9 * ceiling < max(drawn) <= ceiling


def test_all_tries_together_end_well_within_a_day() -> None:
    longest = sum(min(TIMINGS.retry_cap, TIMINGS.retry_base * 2**n) for n in range(MAX_FAILURES))
    assert longest < 600
