"""Body: bytes on their way to S3, in the pieces that they came in: to join them is to copy them."""

import io
import zlib
from bisect import bisect_right
from collections.abc import Callable, Iterator
from itertools import accumulate
from typing import Final, Self

SMALL: Final = 16 * 1024  # bytes

Moved = Callable[[], None]


class Pieces:
    """Bytes that are gathered; tiny ones together, since each that is kept costs some more."""

    def __init__(self) -> None:
        self._pieces: list[bytes | memoryview | bytearray] = []
        self.size = 0  # bytes

    @classmethod
    def of(cls, data: bytes) -> Self:
        """All of them at once."""
        pieces = cls()
        pieces._pieces.append(data)
        pieces.size = len(data)
        return pieces

    def add(self, piece: memoryview) -> None:
        """Take one more piece; nobody may change it after that."""
        self.size += len(piece)
        if len(piece) >= SMALL:
            self._pieces.append(piece)
            return
        if not self._pieces or not isinstance(self._pieces[-1], bytearray):
            self._pieces.append(bytearray())
        self._pieces[-1] += piece  # type: ignore[operator]

    def __iter__(self) -> Iterator[memoryview]:
        """The pieces in their order."""
        return map(memoryview, self._pieces)

    def crc32(self) -> int:
        """The checksum of all of them."""
        total = 0
        for piece in self:
            total = zlib.crc32(piece, total)
        return total


class WatchedBody(io.BytesIO):
    """Pieces to be sent, as one file; each read is told to `moved`: what was read before has gone.

    It is what aiohttp takes for bytes in memory, though these lie elsewhere: others it would read
    in a thread.
    """

    def __init__(self, pieces: Pieces, moved: Moved) -> None:
        super().__init__()
        self._pieces = list(pieces)
        self._ends = list(accumulate(map(len, self._pieces)))
        self._size = pieces.size
        self._at = 0
        self._moved = moved

    def getbuffer(self) -> "_Length":  # type: ignore[override]
        """What aiohttp takes the length of."""
        return _Length(self._size)

    def tell(self) -> int:
        """The place of the next byte."""
        return self._at

    def seek(self, offset: int, whence: int = io.SEEK_SET, /) -> int:
        """Go somewhere else."""
        base = {io.SEEK_SET: 0, io.SEEK_CUR: self._at, io.SEEK_END: self._size}[whence]
        self._at = max(0, base + offset)
        return self._at

    def read(self, size: int | None = -1, /) -> bytes:
        """Give the next bytes, `size` at the most, and no more than are left of a piece.

        Without a size, all that are left.
        """
        self._moved()
        if size is None or size < 0:
            return b"".join(iter(lambda: self.read(self._size), b""))
        number = bisect_right(self._ends, self._at)
        if number == len(self._pieces):
            return b""
        offset = self._at - self._ends[number] + len(self._pieces[number])
        piece = self._pieces[number][offset : offset + size]
        self._at += len(piece)
        return piece  # type: ignore[return-value]  # a view: its bytes are not copied


class _Length:
    """A buffer of which only the length is known."""

    def __init__(self, size: int) -> None:
        self._size = size

    def __len__(self) -> int:
        return self._size

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        pass
