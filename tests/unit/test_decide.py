"""What a converter does with an entry, by what the record says of its job."""

from typing import Any

import pytest

from support.records import DAY, a_job
from wavemill_common.jobs import Job, JobError
from wavemill_converter.work.decide import CLOCK_TOLERANCE, Decision, decide

NOW = 1_800_000_000.0
LEASE = 120.0  # seconds
ERROR = JobError(code="ffmpeg_failed", message="it failed")


def running(**fields: Any) -> Job:
    return a_job(now=NOW, **fields).start("other", NOW, LEASE).job


def decided(job: Job | None, *, reclaimed: bool = False, now: float = NOW + 1) -> Decision:
    return decide(job, reclaimed=reclaimed, now=now, max_strikes=3)


@pytest.mark.parametrize("reclaimed", [True, False])
def test_an_entry_without_a_job_is_dropped(*, reclaimed: bool) -> None:
    assert decided(None, reclaimed=reclaimed) is Decision.DROP


@pytest.mark.parametrize("reclaimed", [True, False])
def test_an_entry_of_a_job_that_has_ended_is_dropped(*, reclaimed: bool) -> None:
    for ended in (a_job(now=NOW).cancel(NOW, DAY).job, running().fail(ERROR, NOW, DAY).job):
        assert decided(ended, reclaimed=reclaimed) is Decision.DROP


@pytest.mark.parametrize("reclaimed", [True, False])
def test_a_job_that_waits_is_started(*, reclaimed: bool) -> None:
    assert decided(a_job(now=NOW), reclaimed=reclaimed) is Decision.START


def test_a_second_entry_of_a_running_job_is_dropped() -> None:
    assert decided(running()) is Decision.DROP


def test_a_running_job_is_taken_over_by_the_entry_of_its_silent_converter() -> None:
    assert decided(running(), reclaimed=True) is Decision.START


def test_a_running_job_is_taken_over_once_its_lease_has_run_out() -> None:
    assert decided(running(), now=NOW + LEASE - 0.1) is Decision.DROP
    assert decided(running(), now=NOW + LEASE) is Decision.START


@pytest.mark.parametrize(("ahead", "decision"), [(0.5, Decision.START), (1.5, Decision.POSTPONE)])
def test_a_delayed_job_is_started_only_when_all_clocks_agree_that_it_is_time(
    ahead: float, decision: Decision
) -> None:
    assert 0.5 < CLOCK_TOLERANCE < 1.5
    delayed = running().delay(ERROR, NOW, NOW + 60, 10).job
    assert decided(delayed, now=NOW + 60 - ahead) is decision
    assert decided(delayed, reclaimed=True, now=NOW + 60 - ahead) is decision


def test_a_job_handed_back_is_started_at_once() -> None:
    assert decided(running().hand_back(NOW, 10).job) is Decision.START


def test_a_job_that_keeps_crashing_its_converters_is_given_up() -> None:
    job = running(quarantined=True, strikes=1)
    assert decided(job, reclaimed=True) is Decision.START
    job = running(quarantined=True, strikes=2)
    assert decided(job, reclaimed=True) is Decision.GIVE_UP
    assert decided(job) is Decision.DROP  # its converter lives, as far as anybody knows
    assert decided(job, now=NOW + LEASE) is Decision.GIVE_UP
