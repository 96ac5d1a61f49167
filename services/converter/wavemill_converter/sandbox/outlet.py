"""Outlet: what a child prints, taken in a few calm reads.

ffmpeg writes a line at a time, and parts of lines: a short job woke us 130 times for them. The pipe
holds 64 KiB, so a look now and then is enough.
"""

import asyncio
import os
from contextlib import suppress
from typing import Final

PAUSE: Final = 0.02  # seconds between two looks at what comes in small pieces
_SMALL: Final = 4096  # bytes; more at once is read without a pause, for the child may wait for room


class Outlet:
    """The reading end of a pipe, `fd`. It reads when it is asked to, so it holds nothing itself."""

    def __init__(self, fd: int) -> None:
        os.set_blocking(fd, False)
        self._fd = fd
        self._ended = asyncio.Event()
        self._calm = False

    async def read(self, most: int) -> bytes:
        """Return up to `most` bytes as soon as there are any, but not too soon; b"" at the end."""
        if self._calm and not self._ended.is_set():
            with suppress(TimeoutError):
                async with asyncio.timeout(PAUSE):
                    await self._ended.wait()
        while True:
            try:
                data = os.read(self._fd, most)
            except BlockingIOError:
                await self._readable()
            else:
                self._calm = len(data) < _SMALL
                return data

    def hurry(self) -> None:
        """Hear that no more will be written: what there is can be read at once."""
        self._ended.set()

    def close(self) -> None:
        """Close the pipe. Nobody may be reading."""
        os.close(self._fd)

    async def _readable(self) -> None:
        loop = asyncio.get_running_loop()
        ready = asyncio.Event()
        loop.add_reader(self._fd, ready.set)
        try:
            await ready.wait()
        finally:
            loop.remove_reader(self._fd)
