"""Tail: read the frames of a segment while ffmpeg writes them, and give them their numbers.

Where one frame ends and the next begins cannot be seen in a stream of FLAC, only guessed. So ffmpeg
tells the size of each, into a second file, just before it writes it.
"""

from mmap import PAGESIZE
from typing import Final

from wavemill_common.settings import MIB
from wavemill_converter.convert.segments.frames import renumbered
from wavemill_converter.convert.segments.head import head_length
from wavemill_converter.ffmpeg.memory import MemoryFile
from wavemill_converter.ffmpeg.places import Destination

AT_ONCE: Final = 1 * MIB  # bytes of frames
_LEAST: Final = 64 * 1024  # bytes of a file that are looked at for its head
_MOST_HEAD: Final = 24 * MIB  # a picture has at most 16


class TailError(ValueError):
    """What ffmpeg wrote is not what it told."""


class Tail:
    """The frames of one segment, as they come; the first is to get the number `first`."""

    def __init__(self, memory: MemoryFile, told: MemoryFile, first: int) -> None:
        self.memory = memory
        self._told = told
        self._first = first
        self._sizes: list[int] = []  # of the frames that are told of and not taken
        self._rest = b""  # of a line that is not complete
        self._read = 0  # bytes of what is told
        self._taken = 0  # frames
        self._at: int | None = None  # where the next frame begins
        self._freed = 0  # up to where memory was given back, behind the head
        self.head_length = 0
        self.smallest = 0
        self.largest = 0

    @property
    def destination(self) -> Destination:
        """Where ffmpeg writes, and tells what it writes."""
        sizes = ("-stats_mux_pre", f"pipe:{self._told.fd}", "-stats_mux_pre_fmt", "{size}")
        file = ("-fd", str(self.memory.fd), "fd:")
        return Destination((*sizes, *file), pass_fds=(self.memory.fd, self._told.fd))

    def take(self) -> list[bytes | memoryview]:
        """Take some frames that are complete, in pieces; nothing if there are none.

        Raises:
            TailError, FrameError, HeadError: this is not what ffmpeg should have written.
        """
        self._listen()
        size = self.memory.size
        if self._at is None:
            self._at = self._find_frames(size)
        if self._at is None:
            return []
        sizes, end = self._complete(self._at, size)
        if not sizes:
            return []
        data = memoryview(self.memory.read(self._at, end))
        pieces = list(renumbered(data, sizes, self._taken, self._first + self._taken))
        self._free(end)
        self._count(sizes, pieces)
        self._at = end
        return pieces

    def end(self) -> None:
        """See that nothing is left.

        Raises:
            TailError: there is something.
        """
        if self._sizes or self._rest or self._at != self.memory.size or not self._taken:
            raise TailError("ffmpeg wrote something else than the frames that it told of")

    def head(self) -> bytes:
        """What stands before the frames: final when ffmpeg has ended."""
        return self.memory.read(0, self.head_length)

    def _listen(self) -> None:
        end = self._told.size
        if end > self._read:
            *lines, self._rest = (self._rest + self._told.read(self._read, end)).split(b"\n")
            # The last packet is empty: it only brings the MD5 of the segment, which nobody needs.
            self._sizes += [size for line in lines if (size := int(line))]
            self._read = end

    def _find_frames(self, size: int) -> int | None:
        looked = min(size, _LEAST)
        while looked:
            found = head_length(self.memory.read(0, looked))
            if found is not None:
                self.head_length = found
                return found
            if looked == size or looked > _MOST_HEAD:
                return None
            looked = min(size, 4 * looked)
        return None

    def _free(self, end: int) -> None:
        """Give back what is taken, in whole pages: of one that is cut nothing would ever go."""
        start = max(self._freed, -(-self.head_length // PAGESIZE) * PAGESIZE)
        end = end // PAGESIZE * PAGESIZE
        if end > start:
            self.memory.free(start, end)
            self._freed = end

    def _complete(self, start: int, size: int) -> tuple[list[int], int]:
        count, end = 0, start
        for frame in self._sizes:
            if end + frame > min(size, start + AT_ONCE) and not (
                count == 0 and end + frame <= size
            ):
                break
            count, end = count + 1, end + frame
        sizes, self._sizes = self._sizes[:count], self._sizes[count:]
        return sizes, end

    def _count(self, sizes: list[int], pieces: list[bytes | memoryview]) -> None:
        if len(pieces) > len(sizes):  # in three each, as their numbers have changed
            sizes = [sum(map(len, pieces[at : at + 3])) for at in range(0, len(pieces), 3)]
        self.smallest = min(sizes) if not self._taken else min(self.smallest, *sizes)
        self.largest = max(self.largest, *sizes)
        self._taken += len(sizes)
