"""Peaks of a sound, told by ffmpeg within a decoding that happens anyway.

Raw samples through a pipe would be 158 MB an hour; a lower rate costs a resampler, and loses peaks.
Measured with ffmpeg 9 on 10 min of stereo AAC, CPU time of the whole process, medians of pairs:
within a chain that is there anyway it costs nothing beside an MP3 encoder (0.96 of that alone)
and 0.04 s of 1.3 s where a result is verified. An output of its own costs 20 % beside that one,
since each frame goes to one more thread: it is for sources of which all results are trimmed.
"""

import math
import re
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

from msgspec import Struct

from wavemill_common.peaks import FULL, Peaks, merged
from wavemill_converter.ffmpeg.memory import MemoryFile
from wavemill_converter.ffmpeg.places import Destination

MAX_TEXT: Final = 16 * 1024 * 1024  # bytes; what is told of a result takes 100 KB to 2 MB
_BLOCK: Final = 1024 * 1024  # bytes
_COUNT: Final = 900  # windows of a file whose duration is known
_MOST: Final = 1_000_000  # windows of a file that is longer than it says
_SPARSE: Final = 1000  # bit/s; hardly any sound takes less
_PCM_BITS: Final = 8  # of a sample, at least
_LONGEST: Final = 24 * 3600  # seconds
_LEAST: Final = 16  # samples
_UNKNOWN: Final = 0.5  # seconds of a window while the duration is not known
_WIDEST: Final = 4.0  # seconds of a window, which lies in memory as a whole
_KEY: Final = "lavfi.astats.Overall.Peak_level"
_LEVEL = re.compile(rb"^lavfi\.astats\.Overall\.Peak_level=(\S+)$", re.MULTILINE)


def longest_of(size: int, codec: str, rate: int) -> float:
    """How many seconds so many bytes may hold at most, whatever a file says of itself."""
    sparsest = rate * _PCM_BITS if codec.startswith("pcm") else _SPARSE
    return min(_LONGEST, size * 8 / sparsest)


def window_for(duration: float | None, rate: int, longest: float = 0.0) -> int:
    """Choose how many samples one value stands for.

    A duration may be a lie: `longest`, in seconds too, bounds how much is told even then.
    """
    if not duration:
        return round(_UNKNOWN * rate)
    window = max(_LEAST, math.ceil(duration * rate / _COUNT), math.ceil(longest * rate / _MOST))
    return min(window, math.ceil(_WIDEST * rate))


def peaks_filters(window: int, fd: int) -> tuple[str, ...]:
    """Have ffmpeg write the peak of each window into the open file `fd`; the sound passes.

    The windows end within the graph. As frames of an output of their own, where they are smaller
    than an encoder's, they bring ffmpeg 9 to a standstill: all of its threads wait for each other.
    """
    heard = (
        f"[heard]asetnsamples=n={window}:p=0",
        "astats=metadata=1:reset=1:measure_perchannel=none:measure_overall=Peak_level",
        f"ametadata=mode=print:key={_KEY}:file=pipe\\\\:{fd}",
        "anullsink",
    )
    return (f"asplit[heard][sound];{','.join(heard)};[sound]anull",)


def peaks_words(window: int, fd: int) -> tuple[str, ...]:
    """One more output for a command that decodes the first audio stream anyway: peaks alone."""
    return ("-map", "0:a:0", "-af", ",".join(peaks_filters(window, fd)), "-f", "null", "pipe:1")


def parse_peaks(text: bytes, window: int, rate: int) -> Peaks:
    """Read what the filters wrote; no more values are kept than a record may hold."""
    return merged(Peaks(seconds=window / rate, values=_values(text)))


def _values(text: bytes) -> bytes:
    return bytes(_byte(found[1]) for found in _LEVEL.finditer(text))


class Tap(Struct, frozen=True):
    """Hears a sound of `rate` Hz while ffmpeg decodes it, in windows of so many samples.

    It should last `duration` seconds, if that is known.
    """

    window: int
    rate: int
    file: MemoryFile
    duration: float | None = None

    @property
    def filters(self) -> tuple[str, ...]:
        """The filters to hear it by, in a chain of others."""
        return peaks_filters(self.window, self.file.fd)

    @property
    def output(self) -> tuple[str, ...]:
        """An output of its own to hear the source by."""
        return peaks_words(self.window, self.file.fd)

    @property
    def destination(self) -> Destination:
        """What ffmpeg inherits for it."""
        return Destination((), pass_fds=(self.file.fd,))

    def read(self) -> Peaks:
        """Tell what was heard."""
        values, rest, size = bytearray(), b"", self.file.size
        for start in range(0, size, _BLOCK):
            text = rest + self.file.read(start, min(size, start + _BLOCK))
            ended = text.rfind(b"\n") + 1
            values += _values(text[:ended])
            rest = text[ended:]
        return merged(Peaks(seconds=self.window / self.rate, values=bytes(values)))


@contextmanager
def tapped(name: str, duration: float | None, rate: int, longest: float = 0.0) -> Iterator[Tap]:
    """A tap for a sound that should last so long; `name` shows on its memory file."""
    with MemoryFile(name) as file:
        yield Tap(window_for(duration, rate, longest), rate, file, duration)


def _byte(level: bytes) -> int:
    """Eight bits of a level in dBFS; what is not silent is not shown as silent."""
    try:
        decibels = float(level)
    except ValueError:
        return 0
    if math.isnan(decibels):
        return 0
    return min(FULL, math.ceil(FULL * 10 ** (min(decibels, 0.0) / 20)))
