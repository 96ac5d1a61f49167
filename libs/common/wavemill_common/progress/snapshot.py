"""Progress: what everyone who asks sees of a job, from Redis or from its record alike."""

from enum import StrEnum

from msgspec import Struct, field

from wavemill_common.jobs import REVISIONS_PER_ATTEMPT, Job, JobError, JobStatus, Output


class Stage(StrEnum):
    """What is being done to a job right now; once it ended, its status."""

    QUEUED = "queued"
    PROBING = "probing"
    CONVERTING = "converting"
    VERIFYING = "verifying"
    UPLOADING = "uploading"
    COMPLETED = "completed"
    FAILED = "failed"
    CANCELLED = "cancelled"


class OutputSummary(Struct, frozen=True, kw_only=True, rename="camel"):
    """One finished result, as a progress object tells it."""

    format: str
    file_name: str
    size: int
    sha256: str

    @classmethod
    def of(cls, output: Output) -> "OutputSummary":
        """Leave out where it is stored."""
        return cls(
            format=output.format,
            file_name=output.file_name,
            size=output.size,
            sha256=output.sha256,
        )


class Progress(Struct, frozen=True, kw_only=True, rename="camel"):
    """The newest state of a job: the body of GET /api/progress and of every event.

    `progress` in percent, `speed` in multiples of real time, `estimated_time_remaining` in
    seconds, `start_time` in milliseconds since 1970, `current_time` and `total_duration` as
    HH:MM:SS.cc of audio. `awaits` says in words what a queued job waits for beside a converter.
    """

    job_id: str
    status: JobStatus
    stage: Stage
    progress: int
    revision: int
    attempt: int
    start_time: int
    current_time: str | None = None
    total_duration: str | None = None
    estimated_time_remaining: int | None = None
    speed: float | None = None
    queue_position: int | None = None
    awaits: str | None = None
    error: JobError | None = None
    outputs: tuple[OutputSummary, ...] = field(default=())

    @property
    def is_terminal(self) -> bool:
        """Whether this is the last that will be told of the job."""
        return self.status.is_terminal

    @property
    def sequence(self) -> int:
        """The position among the changes of one attempt."""
        return self.revision % REVISIONS_PER_ATTEMPT


def progress_of(job: Job) -> Progress:
    """Tell what the record knows: all that counts, but not the finest steps."""
    stages = {JobStatus.CREATED: Stage.QUEUED, JobStatus.PROCESSING: Stage.PROBING}
    duration = job.media.duration if job.media else None
    total = None if duration is None else format_time(duration)
    return Progress(
        job_id=job.job_id,
        status=job.status,
        stage=stages.get(job.status) or Stage(job.status.value),
        progress=job.progress,
        revision=job.revision,
        attempt=job.attempt,
        start_time=round((job.started_at or job.created_at) * 1000),
        current_time=total if job.status is JobStatus.COMPLETED else None,
        total_duration=total,
        estimated_time_remaining=0 if job.status is JobStatus.COMPLETED else None,
        awaits=job.awaits,
        error=job.error if job.is_terminal else None,
        outputs=tuple(OutputSummary.of(output) for output in job.outputs),
    )


def format_time(seconds: float) -> str:
    """Write seconds of audio as HH:MM:SS.cc; an encoder's delay before the start is no time."""
    centis = max(0, round(seconds * 100))
    minutes, centis = divmod(centis, 6000)
    hours, minutes = divmod(minutes, 60)
    return f"{hours:02}:{minutes:02}:{centis // 100:02}.{centis % 100:02}"
