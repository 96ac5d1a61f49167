"""Turns: one request at a time for each upload, and the newest first: it interrupts the others.

A client that begins anew knows that its older request is dead long before we do. Across gateways
the record's `writer` does the same, more slowly: see appending.py.
"""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

from wavemill_common.errors import AppError
from wavemill_gateway.tus.errors import Stopping, UploadInterrupted, UploadLocked

PATIENCE = 10.0  # seconds to wait for one that was interrupted: it may be storing its last piece

Interrupt = Callable[[AppError], None]


class _Turn:
    def __init__(self, interrupt: Interrupt) -> None:
        self.interrupt = interrupt
        self.ended = asyncio.Event()


class Turns:
    """The turns of this gateway's requests."""

    def __init__(self) -> None:
        self._taken: dict[str, list[_Turn]] = {}

    @asynccontextmanager
    async def take(self, file_id: str, interrupt: Interrupt) -> AsyncIterator[None]:
        """Interrupt whoever came earlier, wait for their end, and have an upload for a block.

        `interrupt` is called when somebody comes later, also while this one waits.

        Raises:
            UploadLocked: they do not end in `PATIENCE` seconds.
        """
        turns = self._taken.setdefault(file_id, [])
        earlier, mine = turns.copy(), _Turn(interrupt)
        turns.append(mine)
        try:
            newer = UploadInterrupted("a newer request for this upload has come; this one ends")
            for one in earlier:
                one.interrupt(newer)
            await _ends(earlier)
            yield
        finally:
            mine.ended.set()
            turns.remove(mine)
            if not turns:
                del self._taken[file_id]

    def interrupt_all(self) -> None:
        """Let everybody keep what has arrived, and end."""
        for turns in self._taken.values():
            for one in turns:
                one.interrupt(Stopping("this server is about to stop; resume in a moment"))


async def _ends(turns: list[_Turn]) -> None:
    try:
        async with asyncio.timeout(PATIENCE):
            for one in turns:
                await one.ended.wait()
    except TimeoutError:
        raise UploadLocked("another request for this upload is under way; try again") from None
