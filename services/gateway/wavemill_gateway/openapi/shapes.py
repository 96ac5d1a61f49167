"""Shapes of the replies that handlers put together by hand, and of records without what is ours."""

from typing import Any, Literal

import msgspec
from msgspec import Struct, field, structs

from wavemill_common.jobs import Job, Output
from wavemill_common.options import Wanted
from wavemill_gateway.access.links import Links
from wavemill_gateway.estimates import Expected
from wavemill_gateway.jobs import PRIVATE
from wavemill_gateway.uploads import UploadView


class Reply(Struct, frozen=True, kw_only=True, rename="camel", forbid_unknown_fields=True):
    """A reply with these members and no others."""


class Problem(Struct, frozen=True, kw_only=True, rename="camel"):
    """Every error (RFC 9457): `code` is for programs, `error` for people."""

    type: str
    title: str
    status: int
    detail: str
    code: str
    error: str
    request_id: str
    retry_after: int | msgspec.UnsetType = msgspec.UNSET


class Range(Reply, frozen=True, kw_only=True):
    """From one value to another, both included."""

    low: float
    high: float


class Levels(Reply, frozen=True, kw_only=True):
    """The VBR levels: a letter and a number."""

    letter: str
    low: int
    high: int


class Preset(Reply, frozen=True, kw_only=True):
    """A quality with a name."""

    id: str


class LoudnessRange(Reply, frozen=True, kw_only=True):
    """What may be asked of the loudness."""

    target_lufs: Range
    true_peak_db: Range


class TagRoom(Reply, frozen=True, kw_only=True):
    """How many tags may be set, and how many bytes they may have together."""

    tags: int
    bytes: int


class OfferedOptions(Reply, frozen=True, kw_only=True):
    """What may be asked beyond the quality; null where the format has no such thing."""

    sample_rate: list[int] | Range
    channels: Range
    bit_depth: list[int] | None
    trim_start: Range
    trim_end: Range
    fade_in: Range
    fade_out: Range
    loudness: LoudnessRange
    metadata: TagRoom | None
    strip_metadata: bool
    cover: list[str]
    chapters: list[str]
    split: list[str]


class Keeps(Reply, frozen=True, kw_only=True):
    """What of a source the format can hold."""

    tags: bool
    cover: bool
    chapters: bool


class OfferedFormat(Reply, frozen=True, kw_only=True):
    """A format with all that may be asked of it."""

    id: str
    name: str
    extension: str
    mime: str
    lossless: bool
    presets: list[Preset]
    bitrates: Range | None
    vbr: Levels | None
    options: OfferedOptions
    keeps: Keeps


class Limits(Reply, frozen=True, kw_only=True):
    """What may be sent: sizes in bytes, times in seconds."""

    max_upload_bytes: int
    chunk_bytes: int
    min_chunk_bytes: int
    max_chunk_bytes: int
    upload_ttl: float
    job_ttl: float
    outputs: int
    cover_bytes: int


class Offer(Struct, frozen=True, kw_only=True):
    """What this installation converts to, and its limits."""

    formats: list[OfferedFormat]
    limits: Limits


class Estimate(Reply, frozen=True, kw_only=True):
    """What is expected, one for each output."""

    outputs: list[Expected]


class Alive(Reply, frozen=True, kw_only=True):
    """The loop turns."""

    status: Literal["ok"]


class SignedForm(Reply, frozen=True, kw_only=True):
    """A form for one file: POST it to `url` with these fields before the part `file`."""

    method: Literal["POST"]
    url: str
    fields: dict[str, str]
    expires: int
    file_id: str


class SignedPart(Reply, frozen=True, kw_only=True):
    """Where to PUT one part, within so many seconds."""

    url: str
    expires: int


class DirectUpload(Reply, frozen=True, kw_only=True):
    """An upload in parts, as Uppy's Companion names it."""

    key: str
    upload_id: str
    file_id: str


class StoredPart(Reply, frozen=True, kw_only=True):
    """A part that has arrived."""

    number: int = field(name="PartNumber")
    size: int = field(name="Size")
    etag: str = field(name="ETag")


class DirectComplete(Reply, frozen=True, kw_only=True):
    """A complete upload, as Uppy's Companion names it."""

    location: str
    key: str
    file_id: str
    upload: UploadView


class Nothing(Reply, frozen=True, kw_only=True):
    """An empty object."""


def _without(
    name: str, source: type[Struct], left_out: set[str], *more: tuple[str, Any]
) -> type[Struct]:
    """A record as it is shown: without some members, with others."""
    replaced = {one[0] for one in more}
    kept = [
        (one.name, one.type)
        for one in structs.fields(source)
        if one.encode_name not in left_out and one.name not in replaced
    ]
    return msgspec.defstruct(name, [*kept, *more], bases=(Reply,), kw_only=True, rename="camel")


Result = _without("Result", Output, {"key"})
JobRecord = _without(
    "JobRecord",
    Job,
    set(PRIVATE),
    ("outputs", list[Result]),  # type: ignore[valid-type]
    ("wanted", list[Wanted]),
    *((name, str) for name in Links.__struct_fields__),
)


class JobList(Reply, frozen=True, kw_only=True):
    """A page of jobs, newest first; `cursor` asks for the next one, null on the last."""

    jobs: list[JobRecord]  # type: ignore[valid-type]
    cursor: str | None
