"""A line that breaks in mid-upload, and how much was sent twice because of it."""

from support.fault_proxy import FaultProxy, Mode
from support.server import eventually

PATIENCE = 120.0  # seconds
OVERHEAD = 256 * 1024  # bytes; the heads of requests, and what a page asks for besides


class Cut:
    """Breaks a line once so many bytes of a file have gone by."""

    def __init__(self, proxy: FaultProxy, size: int, share: float = 0.6) -> None:
        self.proxy = proxy
        self._size = size
        self._before = proxy.forwarded
        self._place = self._before + size * share

    async def happen(self) -> None:
        """Wait for the place; from then on nothing goes by."""
        await eventually(lambda: self.proxy.forwarded >= self._place, PATIENCE)
        self.proxy.become(Mode.REFUSE)
        self.proxy.reset()

    def heal(self) -> None:
        """Let everything go by again."""
        self.proxy.become(Mode.PASS)

    @property
    def sent_again(self) -> int:
        """How many bytes went by beyond the file's."""
        return self.proxy.forwarded - self._before - self._size
