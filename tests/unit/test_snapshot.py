"""What everybody sees of a job, made from its record."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from support.records import DAY, a_job
from wavemill_common.jobs import STOPPED, Job, JobError, JobStatus, Output
from wavemill_common.media import MediaInfo
from wavemill_common.progress.snapshot import Stage, format_time, progress_of

NOW = 1_800_000_000.25
MEDIA = MediaInfo(container="wav", duration=3723.5)
ERROR = JobError(code="ffmpeg_failed", message="it failed")
OUTPUT = Output(
    key="conversions/job/1-0-me.mp3",
    format="mp3",
    file_name="clip.mp3",
    mime="audio/mpeg",
    size=5,
    sha256="a" * 64,
)


def running() -> Job:
    return a_job(now=NOW, media=MEDIA).start("me", NOW + 2, 120.0).job


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (0, "00:00:00.00"),
        (0.004, "00:00:00.00"),
        (0.999, "00:00:01.00"),
        (59.999, "00:01:00.00"),
        (3599.996, "01:00:00.00"),
        (3723.5, "01:02:03.50"),
        (100 * 3600, "100:00:00.00"),
        (-0.02, "00:00:00.00"),  # what some encoders begin with
    ],
)
def test_times_are_written_as_ffmpeg_writes_them(seconds: float, text: str) -> None:
    assert format_time(seconds) == text


@given(st.floats(0, 1e6))
def test_a_written_time_is_right_to_half_a_hundredth(seconds: float) -> None:
    hours, minutes, rest = format_time(seconds).split(":")
    assert int(minutes) < 60
    assert float(rest) < 60
    written = int(hours) * 3600 + int(minutes) * 60 + float(rest)
    assert written == pytest.approx(seconds, abs=0.0051)


def test_a_waiting_job_has_no_progress_yet() -> None:
    progress = progress_of(a_job(now=NOW))
    assert (progress.status, progress.stage) == (JobStatus.CREATED, Stage.QUEUED)
    assert (progress.progress, progress.attempt, progress.is_terminal) == (0, 0, False)
    assert progress.start_time == 1_800_000_000_250
    assert progress.total_duration is None


def test_a_running_job_knows_when_it_was_started_and_how_long_its_audio_is() -> None:
    progress = progress_of(running().reached(40, 1_000_007))
    assert (progress.status, progress.stage) == (JobStatus.PROCESSING, Stage.PROBING)
    assert (progress.progress, progress.revision, progress.sequence) == (40, 1_000_007, 7)
    assert progress.start_time == 1_800_000_002_250
    assert (progress.current_time, progress.total_duration) == (None, "01:02:03.50")


def test_a_completed_job_tells_its_results_but_not_where_they_lie() -> None:
    progress = progress_of(running().complete((OUTPUT,), MEDIA, (), NOW, DAY).job)
    assert (progress.stage, progress.progress) == (Stage.COMPLETED, 100)
    assert (progress.current_time, progress.estimated_time_remaining) == ("01:02:03.50", 0)
    [output] = progress.outputs
    assert (output.format, output.file_name, output.size) == ("mp3", "clip.mp3", 5)
    assert not hasattr(output, "key")


def test_a_failed_job_tells_why() -> None:
    progress = progress_of(running().fail(ERROR, NOW, DAY).job)
    assert (progress.stage, progress.progress, progress.error) == (Stage.FAILED, STOPPED, ERROR)
    assert progress.outputs == ()


def test_a_job_that_will_be_tried_again_does_not_show_its_last_failure() -> None:
    progress = progress_of(running().reached(40, 1_000_007).delay(ERROR, NOW, NOW + 5, 10).job)
    assert (progress.stage, progress.progress, progress.error) == (Stage.QUEUED, 40, None)


def test_a_cancelled_job_shows_that() -> None:
    progress = progress_of(running().cancel(NOW, DAY).job)
    assert (progress.stage, progress.progress) == (Stage.CANCELLED, STOPPED)


def test_every_later_state_of_a_job_outranks_the_earlier() -> None:
    created, first = a_job(now=NOW), running()
    back = first.reached(40, 1_000_007).hand_back(NOW, 10).job
    second = back.start("you", NOW, 120.0).job
    states = [created, first, back, second, second.cancel(NOW, DAY).job]
    revisions = [progress_of(job).revision for job in states]
    assert revisions == sorted(set(revisions))
