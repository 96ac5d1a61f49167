"""Manifest: which objects a whole is made of, as it is written under the whole's key. Pure."""

from collections.abc import Iterator, Mapping, Sequence
from itertools import accumulate
from typing import Any, Final

import msgspec
from msgspec import Struct

from wavemill_common.errors import StorageUnavailable
from wavemill_common.objects import ObjectInfo
from wavemill_common.objects.s3_multiparts import MIN_PART

MIME: Final = "application/vnd.wavemill.manifest+json"
SIZE: Final = "whole-size"  # a manifest's mark among the object's metadata: the bytes of the whole


class Source(Struct, frozen=True, array_like=True):
    """An object that is a piece of a whole, `size` bytes long; its etag has to be this one."""

    key: str
    size: int
    etag: str


class Span(Struct, frozen=True):
    """Bytes `start` to `end` (not included) of one source."""

    source: Source
    start: int
    end: int


class Manifest(Struct, frozen=True):
    """The sources of a whole, in their order."""

    sources: tuple[Source, ...]

    @property
    def size(self) -> int:
        """The length of the whole in bytes."""
        return sum(source.size for source in self.sources)

    def spans(self, start: int, end: int | None) -> Iterator[Span]:
        """Where the bytes `start` to `end` (None: to the end of the whole) lie."""
        ends = list(accumulate(source.size for source in self.sources))
        for source, behind in zip(self.sources, ends, strict=True):
            begin = behind - source.size
            stop = behind if end is None else min(end, behind)
            if max(start, begin) < stop:
                yield Span(source, max(start - begin, 0), stop - begin)


def is_worthwhile(sources: Sequence[ObjectInfo]) -> bool:
    """Whether these are better listed than copied: one is not, nor are many small ones."""
    return len(sources) > 1 and all(source.size >= MIN_PART for source in sources[:-1])


def manifest_of(sources: Sequence[ObjectInfo]) -> Manifest:
    """List objects as they are now."""
    return Manifest(tuple(Source(one.key, one.size, one.etag) for one in sources))


def whole_size(head: Mapping[str, Any]) -> int | None:
    """The size of the whole, if S3's answer about an object says that this is a manifest."""
    size = head.get("Metadata", {}).get(SIZE)
    return None if size is None else int(size)


def encode(manifest: Manifest) -> bytes:
    """A manifest as it is stored."""
    return msgspec.json.encode(manifest)


def decode(key: str, stored: bytes) -> Manifest:
    """Read a stored manifest.

    Raises:
        StorageUnavailable: it is none.
    """
    try:
        return msgspec.json.decode(stored, type=Manifest)
    except msgspec.MsgspecError as error:
        raise StorageUnavailable(f"the manifest of {key} is damaged: {error}") from error
