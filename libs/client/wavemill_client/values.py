"""What the server tells, as frozen values. Members that we do not know are passed over.

Sizes in bytes, durations in seconds, rates in Hz, bitrates in bit/s, unless a name says otherwise.
"""

from typing import Any, Literal

from msgspec import Struct, field

Status = Literal["created", "processing", "completed", "failed", "cancelled"]
TERMINAL = frozenset({"completed", "failed", "cancelled"})


class _Told(Struct, frozen=True, kw_only=True, rename="camel"):
    """A value of the interface: camelCase on the wire, snake_case here."""


class Chapter(_Told, frozen=True):
    """A named part of a file; `start` and `end` in seconds."""

    start: float
    end: float
    title: str = ""


class Cover(_Told, frozen=True):
    """A picture in a file."""

    mime: str
    size: int | None = None
    width: int | None = None
    height: int | None = None


class Media(_Told, frozen=True):
    """What is known of an audio file; what is not known is None."""

    container: str | None = None
    codec: str | None = None
    duration: float | None = None
    sample_rate: int | None = None
    channels: int | None = None
    bit_depth: int | None = None
    bitrate: int | None = None
    tags: dict[str, str] | None = None
    chapters: tuple[Chapter, ...] | None = None
    cover: Cover | None = None


class Warn(_Told, frozen=True):
    """Something to know about a result that is otherwise right."""

    code: str
    message: str


class JobError(_Told, frozen=True):
    """Why a job ended without a result."""

    code: str
    message: str
    http_status: int = 500
    retryable: bool = False
    detail: str | None = None


class Upload(_Told, frozen=True):
    """A file that is coming in or has come in.

    `received` are the indexes of the chunks that have arrived, as ranges: "0-1,3".
    """

    file_id: str
    file_name: str
    size: int | None
    chunk_size: int
    total_chunks: int
    received: str
    complete: bool
    expires_at: str
    media: Media | None = None

    @property
    def missing(self) -> list[int]:
        """The indexes of the chunks that have not arrived."""
        there = _indexes(self.received)
        return [index for index in range(self.total_chunks) if index not in there]


class Accepted(_Told, frozen=True):
    """A job that the server has taken: it is durable."""

    job_id: str
    status: Status


class Summary(_Told, frozen=True):
    """One finished result, as `Progress` tells it."""

    format: str
    file_name: str
    size: int
    sha256: str


class Progress(_Told, frozen=True):
    """The newest state of a job.

    `progress` in percent, -1 once failed or cancelled; `estimated_time_remaining` in seconds;
    `speed` in multiples of real time; `start_time` in milliseconds since 1970; `awaits` says in
    words what a queued job waits for, beside its turn.
    """

    job_id: str
    status: Status
    stage: str
    progress: int
    revision: int
    attempt: int = 0
    start_time: int | None = None
    current_time: str | None = None
    total_duration: str | None = None
    estimated_time_remaining: float | None = None
    speed: float | None = None
    queue_position: int | None = None
    awaits: str | None = None
    error: JobError | None = None
    outputs: tuple[Summary, ...] = ()

    @property
    def is_terminal(self) -> bool:
        """Whether this is the last that will be told of the job."""
        return self.status in TERMINAL


class Output(_Told, frozen=True):
    """One result: what it is, what it lost. `report` and `loudness` as in docs/api.md."""

    format: str
    file_name: str
    mime: str
    size: int
    sha256: str
    media: Media | None = None
    warnings: tuple[Warn, ...] = ()
    report: dict[str, Any] | None = None
    loudness: dict[str, Any] | None = None


class Job(_Told, frozen=True):
    """The whole record of a job. `media` is what the source was found to be.

    `wanted` is what was asked for, as in docs/api.md; times in seconds since 1970.
    """

    job_id: str
    file_id: str
    file_name: str
    status: Status
    progress: int
    revision: int
    created_at: float
    expires_at: float
    started_at: float | None = None
    ended_at: float | None = None
    media: Media | None = None
    wanted: tuple[dict[str, Any], ...] = ()
    outputs: tuple[Output, ...] = ()
    warnings: tuple[Warn, ...] = ()
    error: JobError | None = None


class Expected(_Told, frozen=True):
    """What is expected of one result; `size` and `duration` None where they cannot be told."""

    format: str
    quality: str
    size: int | None = None
    duration: float | None = None
    warnings: tuple[Warn, ...] = ()


class Estimate(_Told, frozen=True):
    """What is expected of a conversion, one for each result that is asked for."""

    outputs: tuple[Expected, ...]


class Preset(_Told, frozen=True):
    """A quality by name."""

    id: str


class Span(_Told, frozen=True):
    """From `low` to `high`, both included."""

    low: int
    high: int


class Level(_Told, frozen=True):
    """The VBR levels of a format: a letter and a number, such as V2."""

    letter: str
    low: int
    high: int


class Keeps(_Told, frozen=True):
    """What of a source the format can hold."""

    tags: bool = False
    cover: bool = False
    chapters: bool = False


class Format(_Told, frozen=True):
    """A format that results can have. `options` as in docs/api.md."""

    id: str
    name: str
    extension: str
    mime: str
    lossless: bool
    presets: tuple[Preset, ...] = ()
    bitrates: Span | None = None
    vbr: Level | None = None
    keeps: Keeps = Keeps()
    options: dict[str, Any] = field(default_factory=dict)


class Limits(_Told, frozen=True):
    """What the server takes, and for how many seconds it keeps things."""

    max_upload_bytes: int
    chunk_bytes: int
    min_chunk_bytes: int
    max_chunk_bytes: int
    upload_ttl: float
    job_ttl: float


class Offer(_Told, frozen=True):
    """What the server converts to, and its limits."""

    formats: tuple[Format, ...]
    limits: Limits


def _indexes(ranges: str) -> set[int]:
    """Read "0-1,3" as {0, 1, 3}."""
    found: set[int] = set()
    for one in filter(None, ranges.split(",")):
        first, _, last = one.partition("-")
        found.update(range(int(first), int(last or first) + 1))
    return found
