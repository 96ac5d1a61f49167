"""Jobs: the transitions, and the fence that keeps a zombie from writing."""

from collections.abc import Callable

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec import structs

from wavemill_common.errors import FfmpegKilled, JobExpired, NotAudio, Poison
from wavemill_common.jobs import (
    COMPLETE,
    DUE_INTERVAL_CAP,
    REVISIONS_PER_ATTEMPT,
    STOPPED,
    TOMBSTONE_TTL,
    Change,
    Guard,
    Job,
    JobError,
    JobStatus,
    Output,
)

NOW = 1_800_000_000.0
LEASE = 120.0
TTL = 86_400.0
ERROR = JobError(code="ffmpeg_killed", message="killed")
OUTPUT = Output(
    key="conversions/job/1-1-me.mp3",
    format="mp3",
    file_name="a.mp3",
    mime="audio/mpeg",
    size=5,
    sha256="a" * 64,
)


def a_job(**fields: object) -> Job:
    job = Job(
        job_id="job",
        file_id="file",
        file_name="a.wav",
        input_key="uploads/file.wav",
        format="mp3",
        quality="high",
        created_at=NOW,
        updated_at=NOW,
        expires_at=NOW + TTL,
        due_at=NOW + 10,
    )
    return structs.replace(job, **fields)


def claimed(claim_id: str = "me") -> Job:
    return a_job().start(claim_id, NOW, LEASE).job


def holds(guard: Guard, stored: Job) -> bool:
    """What a store decides, in Python."""
    return stored.status in guard.statuses and all(
        wanted is None or wanted == found
        for wanted, found in (
            (guard.attempt, stored.attempt),
            (guard.claim_id, stored.claim_id),
            (guard.due_at, stored.due_at),
        )
    )


def applied(stored: Job, change: Change) -> Job | None:
    """The job after the change; None if the store would refuse it."""
    return change.job if any(holds(guard, stored) for guard in change.guards) else None


# Every transition that a worker, an owner or a janitor can ask for, by name.
WORKER: dict[str, Callable[[Job], Change]] = {
    "renew": lambda job: job.renew(NOW, LEASE),
    "complete": lambda job: job.complete((OUTPUT,), None, (), NOW, TTL),
    "fail": lambda job: job.fail(ERROR, NOW, TTL),
    "delay": lambda job: job.delay(ERROR, NOW, NOW + 5, 10),
    "hand_back": lambda job: job.hand_back(NOW, 10),
}
OTHERS: dict[str, Callable[[Job], Change]] = {
    "start": lambda job: job.start(f"claim-{job.attempt}", NOW, LEASE),
    "cancel": lambda job: job.cancel(NOW, TTL),
    "give_up": lambda job: job.give_up(JobExpired("too old"), NOW, TTL),
    "look_again": lambda job: job.look_again(NOW),
    "bury": lambda job: job.bury(NOW),
}
ALL = WORKER | OTHERS


def may_ask(name: str, view: Job) -> bool:
    """Whether somebody who sees the job like this would ask for the transition."""
    if name in WORKER:
        return view.status is JobStatus.PROCESSING
    return view.is_terminal if name == "bury" else not view.is_terminal


# --- the claim ---


def test_a_claim_raises_the_attempt_and_takes_a_lease() -> None:
    job = claimed()
    assert (job.status, job.attempt, job.claim_id) == (JobStatus.PROCESSING, 1, "me")
    assert (job.due_at, job.started_at, job.strikes) == (NOW + LEASE, NOW, 0)
    assert job.is_claimed_by("me", 1)
    assert not job.is_claimed_by("me", 2)
    assert not job.is_claimed_by("you", 1)


def test_a_job_whose_converter_died_is_quarantined_and_only_a_crash_there_is_a_strike() -> None:
    heir = claimed().start("heir", NOW + 500, LEASE).job
    assert (heir.attempt, heir.quarantined, heir.strikes, heir.started_at) == (2, True, 0, NOW)
    assert heir.start("next", NOW + 900, LEASE).job.strikes == 1


def test_a_claim_made_on_an_old_view_of_the_job_fails() -> None:
    seen = a_job()
    stored = seen.start("first", NOW, LEASE).job
    assert applied(stored, seen.start("second", NOW, LEASE)) is None


def test_a_claim_sent_again_after_a_lost_reply_holds() -> None:
    claim = a_job().start("me", NOW, LEASE)
    assert applied(claim.job, claim) == claim.job


def test_a_claim_sent_again_after_a_takeover_fails() -> None:
    claim = a_job().start("me", NOW, LEASE)
    heir = claim.job.start("heir", NOW, LEASE).job
    assert applied(heir, claim) is None


# --- the fence ---


@pytest.mark.parametrize("name", WORKER)
def test_a_zombie_can_write_nothing_after_a_takeover(name: str) -> None:
    zombie = claimed("zombie")
    heir = zombie.start("heir", NOW, LEASE).job
    assert applied(heir, WORKER[name](zombie)) is None


@pytest.mark.parametrize("name", WORKER)
def test_a_worker_can_write_nothing_after_a_cancellation(name: str) -> None:
    worker = claimed()
    assert applied(worker.cancel(NOW, TTL).job, WORKER[name](worker)) is None


@pytest.mark.parametrize("name", WORKER)
def test_a_worker_can_write_nothing_after_the_job_was_given_up(name: str) -> None:
    worker = claimed()
    ended = worker.give_up(Poison("crashes"), NOW, TTL).job
    assert applied(ended, WORKER[name](worker)) is None


@pytest.mark.parametrize("name", WORKER)
@pytest.mark.parametrize("back", ["delay", "hand_back"])
def test_a_worker_that_gave_the_job_back_owns_it_no_more(name: str, back: str) -> None:
    worker = claimed()
    assert applied(WORKER[back](worker).job, WORKER[name](worker)) is None


@pytest.mark.parametrize("name", [*sorted(set(WORKER) - {"complete"}), "start", "cancel"])
def test_a_completed_job_stays_completed(name: str) -> None:
    worker = claimed()
    done = worker.complete((OUTPUT,), None, (), NOW, TTL).job
    for view in (worker, done):
        assert applied(done, ALL[name](view)) is None


def test_a_completion_sent_again_after_a_lost_reply_holds() -> None:
    completion = claimed().complete((OUTPUT,), None, (), NOW, TTL)
    assert applied(completion.job, completion) == completion.job


@settings(max_examples=500)
@given(st.lists(st.tuples(st.sampled_from(sorted(ALL)), st.integers(0, 20)), max_size=20))
def test_whatever_happens_in_whatever_order_the_fence_holds(
    steps: list[tuple[str, int]],
) -> None:
    """Each step acts on some earlier view of the job, as slow and stopped processes do."""
    stored = a_job()
    views = [stored]
    completions = set()
    for name, age in steps:
        view = views[-1 - age % len(views)]
        after = applied(stored, ALL[name](view)) if may_ask(name, view) else None
        if after is None:
            continue
        assert after.attempt >= stored.attempt
        assert after.revision >= stored.revision
        assert stored.status not in {JobStatus.FAILED, JobStatus.CANCELLED} or name == "bury"
        assert (after.due_at is None) == after.is_terminal
        if name == "complete":
            completions.add((after.attempt, after.claim_id))
        stored = after
        views.append(stored)
    assert len(completions) <= 1


# --- how a job ends ---


def test_a_completed_job_has_its_result_and_is_never_due() -> None:
    done = claimed().complete((OUTPUT,), None, (), NOW + 9, TTL).job
    assert (done.status, done.progress) == (JobStatus.COMPLETED, COMPLETE)
    assert (done.outputs, done.output_key) == ((OUTPUT,), OUTPUT.key)
    assert (done.due_at, done.ended_at, done.expires_at) == (None, NOW + 9, NOW + 9 + TTL)


def test_a_failed_job_says_why_and_stops_the_bar() -> None:
    failed = claimed().fail(ERROR, NOW, TTL).job
    assert (failed.status, failed.progress, failed.error) == (JobStatus.FAILED, STOPPED, ERROR)
    assert failed.due_at is None


def test_a_cancelled_job_raises_the_attempt() -> None:
    cancelled = claimed().cancel(NOW, TTL).job
    assert (cancelled.status, cancelled.attempt) == (JobStatus.CANCELLED, 2)
    assert (cancelled.progress, cancelled.due_at) == (STOPPED, None)
    assert cancelled.revision == 2 * REVISIONS_PER_ATTEMPT


def test_a_job_that_waits_can_be_cancelled_and_given_up() -> None:
    assert applied(a_job(), a_job().cancel(NOW, TTL))
    given_up = applied(a_job(), a_job().give_up(JobExpired("too old"), NOW, TTL))
    assert given_up
    assert given_up.error
    assert (given_up.status, given_up.error.code) == (JobStatus.FAILED, "expired")


def test_only_a_job_that_has_ended_is_buried() -> None:
    assert applied(a_job(), a_job().bury(NOW)) is None
    assert applied(claimed(), claimed().bury(NOW)) is None
    done = claimed().complete((OUTPUT,), None, (), NOW, TTL).job
    tombstone = applied(done, done.bury(NOW + TTL))
    assert tombstone
    assert tombstone.tombstone
    assert (tombstone.outputs, tombstone.output_key) == ((), None)
    assert tombstone.expires_at == NOW + TTL + TOMBSTONE_TTL


# --- how a job goes on ---


def test_a_lease_is_renewed_with_the_progress_reached() -> None:
    job = claimed()
    renewed = applied(job, job.reached(40, job.revision + 3).renew(NOW + 30, LEASE))
    assert renewed
    assert (renewed.due_at, renewed.progress) == (NOW + 30 + LEASE, 40)
    assert renewed.revision == job.revision + 3


def test_progress_never_goes_back() -> None:
    job = claimed().reached(40, 5).reached(10, 2)
    assert job.progress == 40
    assert job.revision >= REVISIONS_PER_ATTEMPT


def test_a_delayed_job_waits_and_counts_a_failure_but_no_strike() -> None:
    delayed = claimed().delay(ERROR, NOW, NOW + 5, 10).job
    assert (delayed.status, delayed.failures, delayed.strikes) == (JobStatus.CREATED, 1, 0)
    assert (delayed.not_before, delayed.due_at) == (NOW + 5, NOW + 15)
    assert delayed.claim_id is None
    again = delayed.start("next", NOW + 6, LEASE).job
    assert (again.attempt, again.strikes, again.not_before) == (2, 0, None)


def test_a_job_handed_back_counts_neither_failure_nor_strike() -> None:
    back = claimed().hand_back(NOW, 10).job
    assert (back.status, back.failures, back.strikes) == (JobStatus.CREATED, 0, 0)
    assert (back.claim_id, back.due_at) == (None, NOW + 10)
    assert back.start("next", NOW, LEASE).job.strikes == 0


def test_a_waiting_job_is_looked_at_ever_more_rarely() -> None:
    job = a_job()
    intervals = []
    for _ in range(8):
        job = job.look_again(NOW).job
        assert job.due_at == NOW + job.due_interval
        intervals.append(job.due_interval)
    assert intervals[:3] == [20.0, 40.0, 80.0]
    assert intervals[-1] == DUE_INTERVAL_CAP


def test_of_two_janitors_that_look_at_once_one_counts() -> None:
    job = a_job()
    first = applied(job, job.look_again(NOW + 20))
    assert first
    assert applied(first, job.look_again(NOW + 21)) is None


def test_a_look_does_not_shorten_a_lease_taken_meanwhile() -> None:
    job = a_job()
    assert applied(job.start("me", NOW, LEASE).job, job.look_again(NOW)) is None


def test_a_new_attempt_outranks_every_revision_of_the_one_before() -> None:
    job = claimed()
    worked = job.reached(99, job.revision + REVISIONS_PER_ATTEMPT - 1)
    assert worked.start("next", NOW, LEASE).job.revision > worked.revision


# --- errors ---


def test_an_error_is_described_for_its_owner() -> None:
    described = JobError.of(NotAudio("this is a picture", detail="png"))
    assert described == JobError(
        code="invalid_format", message="this is a picture", http_status=400, detail="png"
    )


def test_a_transient_error_may_be_retried() -> None:
    assert JobError.of(FfmpegKilled("killed")).retryable
    assert not JobError.of(NotAudio("no")).retryable
