"""ObjectStore: where bytes live. One protocol, two adapters (disk.py, s3.py), one test suite."""

from collections.abc import AsyncIterator, Sequence
from typing import Protocol, runtime_checkable

from msgspec import Struct


class ObjectInfo(Struct, frozen=True):
    """One stored object: `size` in bytes, `modified` in seconds since 1970, an opaque `etag`.

    The etag changes when other content is stored under the key. `modified` is when the bytes
    were stored: a composed object may show its source's time. Where one is made of `sources`,
    `scan` tells the size of what lies under its own key, `stat` that of the whole.
    """

    key: str
    size: int
    modified: float
    etag: str


class Part(Struct, frozen=True):
    """One acknowledged part of a multipart upload; `number` counts from 1."""

    number: int
    size: int
    etag: str


class Slice(Struct, frozen=True):
    """Where an object will lie once it is composed with others: a range of bytes of `whole`."""

    whole: str
    start: int
    size: int


class Multipart(Struct, frozen=True):
    """A multipart upload that was started and neither completed nor aborted."""

    key: str
    upload_id: str
    started: float


class PostForm(Struct, frozen=True):
    """A form that a browser may send by POST to `url`: `fields` first, then the part `file`."""

    url: str
    fields: dict[str, str]


class ObjectStore(Protocol):
    """Bytes under keys such as `uploads/k7.wav`. Nothing is reported before it is durable.

    An object appears whole or not at all, and a reader never sees half of a new one. Every
    method may raise StorageUnavailable (try again), StorageForbidden (a permission is missing)
    or InsufficientStorage (no room). Keys are made by us: letters, digits, `._-/`,
    no segment empty or beginning with a dot; a malformed one raises ValueError.
    """

    async def put(
        self,
        key: str,
        data: AsyncIterator[bytes],
        *,
        if_absent: bool = False,
        place: Slice | None = None,
    ) -> ObjectInfo:
        """Store all of `data` under `key`, replacing what was there.

        If `data` raises, nothing is stored and the exception passes through.

        `place` (only with `if_absent`) tells a store that it may lay the bytes where `compose` will
        want them. Of one whole, the places of different keys must not overlap, and a key that was
        deleted must not come again before the whole is composed, in their order, or deleted.

        Raises:
            ObjectExists: `if_absent` and there is one already; it is left as it is.
        """
        ...

    async def stat(self, key: str) -> ObjectInfo:
        """Tell size, time and etag.

        Raises:
            ObjectNotFound: there is no such object.
        """
        ...

    def read(self, key: str, start: int = 0, end: int | None = None) -> AsyncIterator[bytes]:
        """Read bytes from `start` up to, not including, `end` (None: to the end of the object).

        What lies past the end of the object is empty. Other content stored meanwhile is not mixed
        into what was begun.

        Raises, at the first step:
            ObjectNotFound: there is no such object.
        """
        ...

    async def delete(self, keys: Sequence[str]) -> None:
        """Delete objects; those that are not there count as deleted."""
        ...

    def scan(self, prefix: str) -> AsyncIterator[ObjectInfo]:
        """List the objects whose keys begin with `prefix`, in no promised order."""
        ...

    async def compose(self, key: str, sources: Sequence[str]) -> ObjectInfo:
        """Make `key` of the sources' bytes in their order, on the store's side. Sources stay.

        Those that `sources` tells of afterwards must stay as they are, as long as `key` does: the
        store may have put down only which they are. No source may itself be made of others.

        Raises:
            ObjectNotFound: a source is not there; nothing is made.
        """
        ...

    async def sources(self, key: str) -> Sequence[str]:
        """The keys of the objects without which this one cannot be read; mostly none.

        Raises:
            ObjectNotFound: there is no such object.
        """
        ...

    async def start_multipart(self, key: str) -> str:
        """Begin a multipart upload of `key`; return its upload id."""
        ...

    async def put_part(self, key: str, upload_id: str, number: int, data: bytes) -> Part:
        """Store part `number` (from 1); the same number again replaces it; any order.

        It is tried once: who has the bytes decides how often it is worth another try.

        Raises:
            ObjectNotFound: the multipart upload was completed or aborted.
        """
        ...

    async def list_parts(self, key: str, upload_id: str) -> list[Part]:
        """List the acknowledged parts by number.

        Raises:
            ObjectNotFound: the multipart upload was completed or aborted.
        """
        ...

    async def complete_multipart(
        self, key: str, upload_id: str, parts: Sequence[Part], *, if_absent: bool = False
    ) -> ObjectInfo:
        """Publish the object made of `parts` in number order, and end the multipart upload.

        Raises:
            ObjectExists: `if_absent` and there is one already; the multipart upload stays.
            ObjectNotFound: the multipart upload was completed or aborted, or lacks a part. A store
                may also remember a completed one, and return the same object again.
        """
        ...

    async def abort_multipart(self, key: str, upload_id: str) -> None:
        """Drop a multipart upload and its parts; one that is not there counts as dropped."""
        ...

    def scan_multiparts(self, prefix: str) -> AsyncIterator[Multipart]:
        """List unfinished multipart uploads of keys that begin with `prefix`."""
        ...

    async def clean(self, before: float) -> int:
        """Remove what was begun before that time (seconds since 1970) and left unfinished.

        Drafts of writers that died, multipart uploads never completed: so `before` must lie
        further back than an upload may take. Returns how many things were removed.
        """
        ...

    async def check(self) -> None:
        """Return if the store can be used; raise what is wrong otherwise."""
        ...


@runtime_checkable
class Presigner(Protocol):
    """What a store may be able to do besides: let clients talk to it directly for a while.

    A URL or form is good for `seconds`, at most 5 minutes, and for the one thing it is signed
    for. It is a secret: no log, no Referer, no cache may keep it.
    """

    async def presigned_get(self, key: str, *, seconds: float, disposition: str, mime: str) -> str:
        """A URL to read the object, answered with this Content-Disposition and Content-Type."""
        ...

    async def presigned_part(
        self, key: str, upload_id: str, number: int, *, seconds: float, size: int | None
    ) -> str:
        """A URL to PUT a part to; only one of `size` bytes if that is given."""
        ...

    async def presigned_post(self, key: str, *, seconds: float, max_size: int) -> PostForm:
        """A form to send a whole object of 1 to `max_size` bytes with."""
        ...


@runtime_checkable
class Opener(Protocol):
    """What a store may be able to do besides: hand an object over as an open file."""

    def open_file(self, key: str) -> int:
        """Open an object to be read; the descriptor is the caller's to close. Returns at once.

        Raises:
            ObjectNotFound: there is no such object.
        """
        ...
