"""Large files of noise: a block of them is made when it is asked for, and no two are alike."""

import hashlib
import random
import struct
from collections.abc import AsyncIterator
from pathlib import Path

from support.chunks import RATE
from wavemill_common.settings import MIB


class Noise:
    """A WAV of `mib` MiB that is nowhere."""

    def __init__(self, mib: int) -> None:
        self.size = mib * MIB
        self._noise = random.Random(mib).randbytes(MIB)

    def block(self, number: int) -> bytes:
        """One MiB of it."""
        head = self._header() if number == 0 else struct.pack("<Q", number)
        return head + self._noise[len(head) :]

    async def sent(self, start: int, end: int) -> AsyncIterator[bytes]:
        """Bytes of it, as a request's body."""
        for number in range(start // MIB, -(-end // MIB)):
            first = number * MIB
            yield self.block(number)[max(0, start - first) : end - first]

    def written(self, path: Path) -> Path:
        """All of it, as a file."""
        with path.open("wb") as file:
            for number in range(self.size // MIB):
                file.write(self.block(number))
        return path

    def sha256(self) -> str:
        """What must be stored."""
        digest = hashlib.sha256()
        for number in range(self.size // MIB):
            digest.update(self.block(number))
        return digest.hexdigest()

    def _header(self) -> bytes:
        riff = struct.pack("<4sI4s", b"RIFF", self.size - 8, b"WAVE")
        form = struct.pack("<4sIHHIIHH", b"fmt ", 16, 1, 1, RATE, 2 * RATE, 2, 16)
        return riff + form + struct.pack("<4sI", b"data", self.size - 44)
