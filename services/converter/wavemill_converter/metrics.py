"""Metrics of a converter: attempts, what they took, how ffmpeg ended."""

import signal
from collections.abc import Callable

from prometheus_client import Counter, Gauge, Histogram

from wavemill_common.jobs import Job
from wavemill_common.metrics.jobs import LONG, format_of, job_ended

BACK = frozenset({"handed_back", "parked"})  # without a failure
ATTEMPTS = Counter(
    "wavemill_job_attempts_total",
    "Attempts that ended: completed, failed, delayed (to be tried again), handed_back (the"
    " converter stops), parked (its upload is still open), lost or fenced (the job was another's);"
    " and why",
    ["outcome", "code"],
)
QUEUED = Histogram(
    "wavemill_job_queued_seconds",
    "From a job's acceptance to the start of its first attempt",
    ["lane"],
    buckets=(0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 300, 1800, 7200),
)
CONVERTING = Histogram(
    "wavemill_job_converting_seconds",
    "From the start of a completed job's first attempt to its commit",
    ["format"],
    buckets=LONG,
)
STAGES = Histogram(
    "wavemill_job_stage_seconds",
    "How long an attempt was at one thing: queued (until it is probed), probing, ...",
    ["stage"],
    buckets=(0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 300, 1800, 7200),
)
FALLBACKS = Counter(
    "wavemill_streaming_fallbacks_total",
    "Conversions that could not be streamed and were done again by way of files",
    ["code"],
)
FFMPEG = Counter(
    "wavemill_ffmpeg_exits_total",
    "Runs of ffmpeg that ended, to convert or to look: ok, error, stopped (by us, in time or when"
    " its job was cancelled) or the signal that ended them; to convert, ours is sigkill",
    ["purpose", "result"],
)
RECLAIMED = Counter(
    "wavemill_queue_entries_reclaimed_total", "Entries taken over from converters that fell silent"
)
SLOTS = Gauge("wavemill_converter_slots", "Jobs that this converter can do at once")
USED = Gauge("wavemill_converter_slots_used", "Jobs that this converter looks after")


def attempt_started(job: Job) -> None:
    """Count how long a job has waited, at the start of its first attempt."""
    if job.attempt == 1 and job.started_at is not None:
        QUEUED.labels(job.lane.value).observe(max(0.0, job.started_at - job.created_at))


def attempt_ended(job: Job) -> None:
    """Count an attempt by what has been written of it."""
    code = job.error.code if job.error else ""
    if job.is_terminal:
        outcome = job.status.value
        job_ended(job)
    else:
        outcome = _interim(job)
    ATTEMPTS.labels(outcome, "" if outcome in BACK else code).inc()
    if job.outputs and job.ended_at and job.started_at:
        CONVERTING.labels(format_of(job)).observe(max(0.0, job.ended_at - job.started_at))


def _interim(job: Job) -> str:
    if job.awaits is not None:
        return "parked"
    return "handed_back" if job.not_before is None else "delayed"


def ffmpeg_ended(purpose: str, code: int | None) -> None:
    """Count a run of ffmpeg by its exit code, negative for a signal, None where we stopped it."""
    FFMPEG.labels(purpose, result_of(code)).inc()


def result_of(code: int | None) -> str:
    """What an exit code means to operators. Pure."""
    if code is None:
        return "stopped"
    if code >= 0:
        return "error" if code else "ok"
    try:
        return signal.Signals(-code).name.lower()
    except ValueError:
        return "unknown"


def show_slots(slots: int, used: Callable[[], int]) -> None:
    """Tell the slots there are, and have told how many are used."""
    SLOTS.set(slots)
    USED.set_function(used)
