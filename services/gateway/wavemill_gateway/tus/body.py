"""Body: a request's bytes, cut into pieces; what came before it broke off counts."""

from collections.abc import AsyncIterator

from wavemill_common.errors import AppError


class Body:
    """Bytes as they arrive. With `keep`, a body that breaks off ends, and says why later on.

    Without it the failure is raised at once, and so what would have been stored is not.
    """

    def __init__(self, blocks: AsyncIterator[bytes], *, keep: bool) -> None:
        self._blocks = blocks
        self._keep = keep
        self._left = b""
        self._failure: Exception | None = None

    async def has_more(self) -> bool:
        """Wait for the next byte; tell whether there is one."""
        while not self._left:
            try:
                self._left = await anext(self._blocks)
            except StopAsyncIteration:
                return False
            except (AppError, OSError) as error:
                if not self._keep:
                    raise
                self._failure = self._failure or error
                return False
        return True

    async def take(self, size: int) -> AsyncIterator[bytes]:
        """The next `size` bytes, or as many as there are."""
        while size > 0 and await self.has_more():
            block, self._left = self._left[:size], self._left[size:]
            size -= len(block)
            yield block

    def check(self) -> None:
        """Raise what broke the body off, if anything did."""
        if self._failure is not None:
            raise self._failure
