"""How long a converter lets a job wait for its next try, whatever the clocks say."""

import pytest

from wavemill_common.jobs import Job
from wavemill_converter.work.decide import LONGEST_WAIT, Decision, decide

NOW = 1_800_000_000.0


def a_job(not_before: float | None) -> Job:
    return Job(
        job_id="j",
        file_id="f",
        file_name="a.wav",
        input_key="uploads/f.wav",
        format="mp3",
        quality="high",
        created_at=NOW,
        updated_at=NOW,
        expires_at=NOW + 9e9,
        due_at=NOW,
        not_before=not_before,
    )


@pytest.mark.parametrize(
    ("not_before", "decision"),
    [
        (None, Decision.START),
        (NOW - 5, Decision.START),
        (NOW + 0.5, Decision.START),
        (NOW + 5, Decision.POSTPONE),
        (NOW + LONGEST_WAIT, Decision.POSTPONE),
    ],
)
def test_a_job_waits_for_its_next_try(not_before: float | None, decision: Decision) -> None:
    assert decide(a_job(not_before), reclaimed=False, now=NOW, max_strikes=3) is decision


def test_a_try_that_a_converter_with_a_wrong_clock_put_off_for_an_hour_starts_now() -> None:
    job = a_job(NOW + 3600)
    assert decide(job, reclaimed=False, now=NOW, max_strikes=3) is Decision.START
