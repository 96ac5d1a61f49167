"""The marks of what was downloaded belong to a job that is deleted after its download."""

from typing import Any

import pytest

from wavemill_common.jobs import Job, fetched_key


def job(**changes: Any) -> Job:
    times = {"created_at": 0.0, "updated_at": 0.0, "expires_at": 1.0, "due_at": None}
    named = {"file_id": "f", "file_name": "a.mp3", "input_key": "uploads/f.mp3"}
    asked = {"format": "wav", "quality": "standard"}
    return Job(job_id="job", **{**times, **named, **asked, **changes})


@pytest.mark.parametrize("number", [0, 7, 499])
def test_a_janitor_leaves_them_to_their_job(number: int) -> None:
    assert job(delete_after_download=True).has(fetched_key("job", number))


@pytest.mark.parametrize("key", ["conversions/job/1/result", fetched_key("other", 0)])
def test_nothing_else_is_kept_by_that(key: str) -> None:
    assert not job(delete_after_download=True).has(key)


def test_a_job_that_stays_has_no_such_marks() -> None:
    assert not job().has(fetched_key("job", 0))
