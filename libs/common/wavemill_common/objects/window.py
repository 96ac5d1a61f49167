"""Window: run many calls, only so many at once, and leave none behind."""

import asyncio
from collections.abc import Coroutine
from types import TracebackType
from typing import Any, Generic, Self, TypeVar

T = TypeVar("T")


class Window(Generic[T]):
    """An async context manager: `add` waits for room, leaving it early cancels what still runs.

    The first failure is raised by the next `add` or `all`, as it is: what calls hold in memory
    is bounded by the window's size.
    """

    def __init__(self, size: int) -> None:
        self._size = size
        self._running: set[asyncio.Task[T]] = set()
        self._results: list[T] = []

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        for task in self._running:
            task.cancel()
        await asyncio.gather(*self._running, return_exceptions=True)

    async def add(self, call: Coroutine[Any, Any, T]) -> None:
        """Begin a call as soon as there is room for it."""
        try:
            while len(self._running) >= self._size:
                await self._next()
        except BaseException:
            call.close()
            raise
        self._running.add(asyncio.ensure_future(call))

    async def all(self) -> list[T]:
        """Wait for every call; return the results in the order of their coming."""
        while self._running:
            await self._next()
        return self._results

    async def _next(self) -> None:
        done, self._running = await asyncio.wait(self._running, return_when=asyncio.FIRST_COMPLETED)
        failures = [error for task in done if (error := task.exception()) is not None]
        if failures:
            raise failures[0]
        self._results += [task.result() for task in done]
