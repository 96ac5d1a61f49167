"""In turn: streams of known lengths, one after the other; each is begun before it is wanted."""

import asyncio
from collections.abc import AsyncGenerator, Iterator
from typing import Final

from wavemill_common.errors import StorageUnavailable

AHEAD: Final = 2 * 1024 * 1024  # bytes before the end of a stream, the next one is begun


class Stream:
    """A stream of `size` bytes. Its first block may be asked for before anybody takes it."""

    def __init__(self, blocks: AsyncGenerator[bytes, None], size: int) -> None:
        self._blocks = blocks
        self._first: asyncio.Task[bytes] | None = None
        self.missing = size

    def begin(self) -> None:
        """Ask for the first block."""
        self._first = asyncio.ensure_future(anext(self._blocks, b""))

    async def next(self) -> bytes:
        """Return the next block.

        Raises:
            StorageUnavailable: there is none, though there should be.
        """
        first, self._first = self._first, None
        block = await (anext(self._blocks, b"") if first is None else first)
        if not block:
            raise StorageUnavailable("a stored object ended early")
        self.missing -= len(block)
        return block

    async def close(self) -> None:
        """End it, wherever it is."""
        if self._first is not None:
            self._first.cancel()
            await asyncio.gather(self._first, return_exceptions=True)
        await self._blocks.aclose()


async def in_turn(streams: Iterator[Stream]) -> AsyncGenerator[bytes, None]:
    """Yield what is in all of them; what one of them raises ends it."""
    current, following = next(streams, None), None
    try:
        while current is not None:
            while current.missing > 0:
                if following is None and current.missing <= AHEAD:
                    following = next(streams, None)
                    if following is not None:
                        following.begin()
                yield await current.next()
            await current.close()
            current, following = following, None
    finally:
        for stream in (current, following):
            if stream is not None:
                await stream.close()
