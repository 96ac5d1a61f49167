"""Faststart: bring the index of an MPEG-4 file to its front, as ffmpeg's own rewrite does. Pure.

ffmpeg writes `ftyp · free · mdat · moov`; what it makes of that with `-movflags +faststart` is
`ftyp · moov · free · mdat`, every chunk offset raised by the length of moov. Only the head and
the index are needed for it, never the audio in between. Format: ISO/IEC 14496-12.
"""

import struct
from collections.abc import Iterator

from msgspec import Struct

_CONTAINERS = frozenset({b"moov", b"trak", b"mdia", b"minf", b"stbl"})
_OFFSETS = {b"stco": ("I", 1 << 32), b"co64": ("Q", 1 << 64)}
_HEADER = 8  # bytes: 32-bit size, type
_LONG_HEADER = 16  # with a 64-bit size behind them
_TABLE = 16  # bytes of a table's header: box header, version and flags, count


class NotMovable(ValueError):
    """The index cannot be moved without writing the file anew."""


class Box(Struct, frozen=True):
    """One box: its type and where it lies, its header included."""

    kind: bytes
    start: int
    end: int
    header: int


def boxes(data: bytes | bytearray, start: int = 0, end: int | None = None) -> Iterator[Box]:
    """List the boxes from `start` to `end`; the last one may reach beyond the data."""
    stop = len(data) if end is None else end
    while start + _HEADER <= stop:
        size, kind = struct.unpack_from(">I4s", data, start)
        header = _HEADER
        if size == 1:
            (size,) = struct.unpack_from(">Q", data, start + _HEADER)
            header = _LONG_HEADER
        if size < header:
            raise NotMovable("a box has no length")
        yield Box(kind, start, start + size, header)
        start += size


def index_start(head: bytes) -> int:
    """Where moov begins: right behind mdat, whose box the head names."""
    for box in boxes(head):
        if box.kind == b"mdat":
            return box.end
    raise NotMovable("there is no mdat in the head")


def moved_head(head: bytes, moov: bytes) -> bytes:
    """The head of the file with its index in front: behind ftyp, before all else."""
    first = next(boxes(head))
    if first.kind != b"ftyp" or [box.kind for box in boxes(moov)] != [b"moov"]:
        raise NotMovable("the file is not laid out as expected")
    return head[: first.end] + shifted(moov, len(moov)) + head[first.end :]


def shifted(moov: bytes, distance: int) -> bytes:
    """Raise every chunk offset of an index.

    Raises:
        NotMovable: an offset no longer fits into its field.
    """
    data = bytearray(moov)
    _shift(data, 0, len(data), distance)
    return bytes(data)


def _shift(data: bytearray, start: int, end: int, distance: int) -> None:
    for box in boxes(data, start, end):
        if box.kind in _CONTAINERS:
            _shift(data, box.start + box.header, box.end, distance)
        elif box.kind in _OFFSETS:
            code, limit = _OFFSETS[box.kind]
            (count,) = struct.unpack_from(">I", data, box.start + _TABLE - 4)
            layout = f">{count}{code}"
            raised = [
                one + distance for one in struct.unpack_from(layout, data, box.start + _TABLE)
            ]
            if raised and max(raised) >= limit:
                raise NotMovable("a chunk offset does not fit into 32 bits any more")
            struct.pack_into(layout, data, box.start + _TABLE, *raised)
