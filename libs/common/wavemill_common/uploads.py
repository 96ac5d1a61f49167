"""Upload: a file on its way in. States and transitions; pure, frozen.

    open ──► completing ──► complete ──► (expires)
      └──────────┴───────────┴──► aborted

Every change makes a new value with the next `revision`; a store writes it only over the revision
before, so of two racing changes one wins and the other reads again.
"""

from collections.abc import Iterable
from enum import StrEnum

from msgspec import Struct, structs

from wavemill_common.media import MediaInfo

MAX_CHUNKS = 10_000  # as many parts as S3 puts together
COMPLETION_TAKEOVER = 30.0  # seconds after which a crashed completion may be taken over


class UploadState(StrEnum):
    """Where an upload stands."""

    OPEN = "open"
    COMPLETING = "completing"
    COMPLETE = "complete"
    ABORTED = "aborted"


class ByTus(Struct, frozen=True, rename="camel"):
    """What only an upload by tus has: its metadata as they were sent, and who may append to it.

    `writer` is the mark of the newest request that appends: an older one finds another's, and ends.
    """

    metadata: str = ""
    writer: str = ""


class Upload(Struct, frozen=True, kw_only=True, rename="camel"):
    """A file that is coming in or has come in.

    `size` and `chunk_size` in bytes, times in seconds since 1970. `storage_key` names the whole
    object once the upload is complete. A whole-file upload whose size is not known yet has
    `size` None, and so has a `direct` one: its bytes go straight to the object store, as the
    multipart upload `storage_upload_id` of `storage_key`, or without one whole, as chunk 0.
    One by `tus` comes in pieces of any length, in order; the stored ones tell how far.
    `job_ids` are the jobs that (may) still need the file, `needed_until` how long they may do so:
    nothing that a job asks for keeps an upload alive that is never completed.
    """

    file_id: str
    file_name: str
    size: int | None
    chunk_size: int
    storage_key: str
    created_at: float
    expires_at: float
    owner: str = ""
    direct: bool = False
    storage_upload_id: str | None = None
    tus: ByTus | None = None
    state: UploadState = UploadState.OPEN
    revision: int = 1
    completing_at: float | None = None
    sha256: str | None = None
    media: MediaInfo | None = None
    job_ids: tuple[str, ...] = ()
    needed_until: float = 0.0

    @property
    def total_chunks(self) -> int:
        """How many chunks make the file; 0 while its size is unknown."""
        return count_chunks(self.size, self.chunk_size) if self.size else 0

    @property
    def is_complete(self) -> bool:
        """Whether the whole file can be read."""
        return self.state is UploadState.COMPLETE

    def received(self, recorded: Iterable[int]) -> set[int]:
        """The chunks that have arrived, of which these are on record.

        Nobody begins to assemble a file before all are there; what was read may be older.
        """
        is_whole = self.state in {UploadState.COMPLETING, UploadState.COMPLETE}
        return set(range(self.total_chunks) if is_whole else recorded)

    def chunk_length(self, index: int) -> int:
        """How many bytes chunk `index` must have."""
        size = self.size or 0
        return min(self.chunk_size, size - index * self.chunk_size)

    def chunk_key(self, index: int) -> str:
        """Where chunk `index` lies in the object store."""
        return f"{self.chunks_prefix}part-{index}"

    @property
    def chunks_prefix(self) -> str:
        """What the keys of all chunks of this upload begin with."""
        return f"uploads/chunks/{self.file_id}/"

    def stored_by(self, storage_upload_id: str) -> "Upload":
        """Be stored by this multipart upload of the object store's."""
        return self._next(storage_upload_id=storage_upload_id)

    def written_by(self, writer: str) -> "Upload":
        """Be appended to by this request, and by no earlier one."""
        return self._next(tus=structs.replace(self.tus or ByTus(), writer=writer))

    def may_complete(self, now: float) -> bool:
        """Whether a completion may begin: it never did, or the one that did has crashed."""
        if self.state is UploadState.COMPLETING:
            return now - (self.completing_at or 0.0) >= COMPLETION_TAKEOVER
        return self.state is UploadState.OPEN

    def completing(self, now: float) -> "Upload":
        """Begin to assemble the file."""
        return self._next(state=UploadState.COMPLETING, completing_at=now)

    def reopened(self) -> "Upload":
        """Go back to open: the completion could not be carried out."""
        return self._next(state=UploadState.OPEN, completing_at=None)

    def completed(self, size: int, sha256: str | None, media: MediaInfo | None) -> "Upload":
        """Be whole: `size` bytes lie at `storage_key`."""
        return self._next(
            state=UploadState.COMPLETE,
            size=size,
            sha256=sha256,
            media=media,
            completing_at=None,
            expires_at=max(self.expires_at, self.needed_until),
        )

    def aborted(self) -> "Upload":
        """Be given up: whatever is stored of it may be deleted."""
        return self._next(state=UploadState.ABORTED)

    def used_by(self, job_id: str, ended: Iterable[str], until: float) -> "Upload":
        """Be needed by one more job, until it expires; `ended` jobs no longer need it.

        An upload that is not complete lives no longer for that, until it is.
        """
        gone = set(ended) | {job_id}
        jobs = (*(one for one in self.job_ids if one not in gone), job_id)
        needed = max(self.needed_until, until)
        expires = max(self.expires_at, needed) if self.is_complete else self.expires_at
        return self._next(job_ids=jobs, needed_until=needed, expires_at=expires)

    def _next(self, **changes: object) -> "Upload":
        return structs.replace(self, revision=self.revision + 1, **changes)


class Chunk(Struct, frozen=True):
    """A chunk of an upload, and the digest on record of it: None while there is none."""

    upload: Upload
    index: int
    recorded: str | None = None


class Arrived(Struct, frozen=True):
    """An upload, and its chunks that are on record: index → digest (hex)."""

    upload: Upload
    chunks: dict[int, str]


def count_chunks(size: int, chunk_size: int) -> int:
    """How many chunks of `chunk_size` bytes make `size` bytes: the last one may be shorter."""
    return -(-size // chunk_size)


def describe_ranges(indexes: Iterable[int]) -> str:
    """Write chunk indexes as ranges: {0, 1, 3} is "0-1,3"."""
    ranges: list[list[int]] = []
    for index in sorted(set(indexes)):
        if ranges and index == ranges[-1][1] + 1:
            ranges[-1][1] = index
        else:
            ranges.append([index, index])
    return ",".join(str(a) if a == b else f"{a}-{b}" for a, b in ranges)
