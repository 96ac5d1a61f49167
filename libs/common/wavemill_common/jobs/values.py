"""The values that a job is made of: where it stands, what it gave, why it failed, whom it tells."""

from enum import StrEnum

from msgspec import Struct

from wavemill_common.errors import AppError, is_transient
from wavemill_common.media import MediaInfo
from wavemill_common.report import Report
from wavemill_common.report_loudness import LoudnessReport


class JobStatus(StrEnum):
    """Where a job stands, as everyone outside sees it."""

    CREATED = "created"
    PROCESSING = "processing"
    COMPLETED = "completed"
    FAILED = "failed"
    CANCELLED = "cancelled"

    @property
    def is_terminal(self) -> bool:
        """Whether nothing but expiry can follow."""
        return self in TERMINAL


TERMINAL = frozenset({JobStatus.COMPLETED, JobStatus.FAILED, JobStatus.CANCELLED})
LIVE = frozenset({JobStatus.CREATED, JobStatus.PROCESSING})


class Lane(StrEnum):
    """Which of the queue's streams a job waits in."""

    INTERACTIVE = "interactive"
    STANDARD = "standard"
    BULK = "bulk"


SHORT_BYTES = 16 * 1024 * 1024
LONG_BYTES = 256 * 1024 * 1024


def lane_for(size: int) -> Lane:
    """The lane of a job by its input's bytes: a short one need not wait behind audiobooks."""
    if size <= SHORT_BYTES:
        return Lane.INTERACTIVE
    return Lane.STANDARD if size <= LONG_BYTES else Lane.BULK


class JobError(Struct, frozen=True, kw_only=True, rename="camel"):
    """Why a job failed, in words for its owner."""

    code: str
    message: str
    http_status: int = 500
    retryable: bool = False
    detail: str | None = None

    @classmethod
    def of(cls, error: AppError) -> "JobError":
        """Describe an expected failure."""
        return cls(
            code=error.code,
            message=error.message,
            http_status=error.status,
            retryable=is_transient(error),
            detail=error.members.get("detail"),
        )


class Remark(Struct, frozen=True, rename="camel"):
    """Something that the owner should know about a result that is otherwise right."""

    code: str
    message: str


class Output(Struct, frozen=True, kw_only=True, rename="camel"):
    """One result file: where it lies, what it is, what became of tags, cover and chapters.

    `size` in bytes; `copied` tells that the sound was taken over as it was, and not encoded again.
    """

    key: str
    format: str
    file_name: str
    mime: str
    size: int
    sha256: str
    media: MediaInfo | None = None
    report: Report | None = None
    warnings: tuple[Remark, ...] = ()
    loudness: LoudnessReport | None = None
    copied: bool = False


class Webhook(Struct, frozen=True, kw_only=True, rename="camel"):
    """Whom to tell of a job's end, and how that went so far."""

    url: str
    attempts: int = 0
    delivered_at: float | None = None
    last_error: str | None = None
