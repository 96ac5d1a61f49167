"""Metrics of jobs, whoever brings about what they count: gateway, converter or janitor."""

from prometheus_client import Counter, Histogram

from wavemill_common.catalogue import FORMATS
from wavemill_common.jobs import Job

OTHER = "other"
# From what nobody notices to what nobody waits for: one and a half seconds to half a day.
LONG = (0.5, 1, 2, 5, 10, 30, 60, 120, 300, 600, 1800, 3600, 7200, 21600, 43200)

ACCEPTED = Counter(
    "wavemill_jobs_accepted_total", "Jobs accepted, durable by then", ["format", "lane"]
)
ENDED = Counter(
    "wavemill_jobs_ended_total",
    "Jobs that ended: completed, failed or cancelled; why, where they failed",
    ["outcome", "format", "code"],
)
DURATION = Histogram(
    "wavemill_job_duration_seconds",
    "From a job's acceptance to its end, waiting included",
    ["outcome"],
    buckets=LONG,
)
AUDIO = Counter("wavemill_converted_audio_seconds_total", "Length of the sources of completed jobs")


def job_accepted(job: Job) -> None:
    """Count a new job."""
    ACCEPTED.labels(format_of(job), job.lane.value).inc()


def job_ended(job: Job) -> None:
    """Count an end. Called by whoever wrote it, once it is written: each end is written once."""
    outcome = job.status.value
    ENDED.labels(outcome, format_of(job), job.error.code if job.error else "").inc()
    DURATION.labels(outcome).observe(max(0.0, (job.ended_at or job.updated_at) - job.created_at))
    if job.outputs and job.media and job.media.duration:
        AUDIO.inc(job.media.duration)


def format_of(job: Job) -> str:
    """The format of a job's first result; one that only another version knows is `other`."""
    return job.format if job.format in FORMATS else OTHER
