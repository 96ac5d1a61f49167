"""Following: what a job may do, by its upload; and how long a converter waits for one."""

import pytest
from msgspec import structs

from support.records import a_job
from wavemill_common.following import DIRECT, Standing, awaited_from_the_start, standing_of
from wavemill_common.jobs import JobStatus
from wavemill_common.progress.snapshot import progress_of
from wavemill_common.uploads import Upload
from wavemill_converter.store.waiting import Waiting

NOW = 1000.0
OPEN = Upload(
    file_id="file",
    file_name="a.wav",
    size=10,
    chunk_size=5,
    storage_key="uploads/file.wav",
    created_at=NOW,
    expires_at=NOW + 60,
)
WHOLE = OPEN.completing(NOW).completed(10, None, None)
JOB = a_job(now=NOW, follows=True)
PARKED = structs.replace(JOB, awaits="the end of the upload")


@pytest.mark.parametrize(
    ("upload", "job", "standing"),
    [
        (OPEN, JOB, Standing.FOLLOW),
        (OPEN.completing(NOW), JOB, Standing.FOLLOW),
        (OPEN, PARKED, Standing.WAIT),
        (structs.replace(OPEN, size=None, direct=True), JOB, Standing.WAIT),
        (WHOLE, JOB, Standing.READY),
        (WHOLE, PARKED, Standing.READY),
        (OPEN.aborted(), PARKED, Standing.GONE),
        (structs.replace(OPEN, expires_at=NOW), JOB, Standing.GONE),
        (structs.replace(WHOLE, expires_at=NOW), JOB, Standing.READY),
        (None, JOB, Standing.GONE),
    ],
)
def test_the_upload_says_what_a_job_may_do(
    upload: Upload | None, job: object, standing: Standing
) -> None:
    assert standing_of(job, upload, NOW) is standing  # type: ignore[arg-type]


def test_a_file_that_goes_straight_to_the_store_is_waited_for_from_the_start() -> None:
    direct = structs.replace(OPEN, size=None, direct=True)
    assert [awaited_from_the_start(one) for one in (direct, OPEN, WHOLE)] == [DIRECT, None, None]


def test_a_parked_job_is_no_failure_and_says_what_it_waits_for() -> None:
    started = JOB.start("claim", NOW, 60.0).job
    parked = started.reached(7, started.revision + 3).park("the end", NOW, 10.0).job
    assert (parked.status, parked.claim_id) == (JobStatus.CREATED, None)
    assert (parked.failures, parked.strikes, parked.due_at) == (0, 0, NOW + 10)
    shown = progress_of(parked)
    assert (shown.stage, shown.awaits, shown.progress) == ("queued", "the end", 7)
    assert shown.revision > started.revision + 3


def test_what_a_job_waited_for_is_over_once_it_starts_or_ends() -> None:
    assert PARKED.start("claim", NOW, 60.0).job.awaits is None
    assert PARKED.cancel(NOW, 60.0).job.awaits is None


def test_a_job_that_waits_for_its_upload_is_looked_at_at_least_twice_a_minute() -> None:
    job = PARKED
    for _ in range(10):
        job = job.look_again(NOW).job
    assert job.due_interval == 30.0


def test_an_open_upload_lives_no_longer_for_its_jobs_until_it_is_complete() -> None:
    used = OPEN.used_by("job", (), NOW + 500)
    assert used.expires_at == OPEN.expires_at
    assert used.completing(NOW).completed(10, None, None).expires_at == NOW + 500


# --- how long a converter waits ---


class Clock:
    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


def test_who_waits_in_one_go_for_longer_than_the_patience_waits_too_long() -> None:
    clock = Clock()
    waiting = Waiting(clock)
    with waiting.begun(far=False):
        clock.now = 30.0
        assert not waiting.is_too_long(30.0)
        clock.now = 30.1
        assert waiting.is_too_long(30.0)
    assert not waiting.is_too_long(30.0)


def test_who_waits_for_the_end_is_waited_for_a_sixth_of_that() -> None:
    clock = Clock()
    waiting = Waiting(clock)
    with waiting.begun(far=True) as wait:
        clock.now = 5.1
        assert waiting.is_too_long(30.0)
        wait.far = False  # what it waits for is the next chunk by now
        assert not waiting.is_too_long(30.0)


def test_an_abandoned_wait_does_not_count_against_who_reads_elsewhere() -> None:
    clock = Clock()
    waiting = Waiting(clock)
    with waiting.begun(far=False):
        clock.now = 29.0
        with waiting.begun(far=False):
            clock.now = 31.0
            assert not waiting.is_too_long(30.0)


def test_who_waits_more_than_it_works_is_idle() -> None:
    clock = Clock()
    waiting = Waiting(clock)
    clock.now = 10.0  # at work
    with waiting.begun(far=False):
        clock.now = 21.9
        assert not waiting.is_idle(30.0)
        clock.now = 22.1
        assert waiting.is_idle(30.0)
        assert waiting.in_all == pytest.approx(12.1)
    assert not waiting.is_idle(30.0)  # it works just now
