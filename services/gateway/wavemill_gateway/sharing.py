"""Sharing: who asks for what is being done already waits for it, and gets the same answer."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Generic, TypeVar

T = TypeVar("T")


class Shared(Generic[T]):
    """Runs one call per key at a time; whoever comes meanwhile gets its result or its error."""

    def __init__(self) -> None:
        self._running: dict[str, asyncio.Future[T]] = {}

    async def run(self, key: str, call: Callable[[], Awaitable[T]]) -> tuple[T, bool]:
        """Return what `call` returns, and whether it was this caller's own run.

        If the caller whose run it was is cancelled, one of those who waited runs it anew.
        """
        while (running := self._running.get(key)) is not None:
            await asyncio.wait([running])
            if not running.cancelled():
                return running.result(), False
        mine = self._running[key] = asyncio.get_running_loop().create_future()
        try:
            result = await call()
            mine.set_result(result)
        except Exception as error:
            mine.set_exception(error)
            mine.exception()  # looked at: perhaps nobody else waits for it
            raise
        finally:
            mine.cancel()  # does nothing once there is a result
            del self._running[key]
        return result, True
