"""Reaping: a child of ours that asyncio did not start."""

import asyncio
import os
from typing import Protocol


class Process(Protocol):
    """A running child, whoever started it."""

    @property
    def pid(self) -> int:
        """Its number; it names nobody else until the child was reaped."""

    @property
    def returncode(self) -> int | None:
        """How it ended: negative by a signal; None while it runs."""

    async def wait(self) -> int:
        """Wait for its end."""


class Reaped:
    """A child that is reaped as soon as it has ended, by the running loop."""

    def __init__(self, pid: int) -> None:
        self.pid = pid
        self.returncode: int | None = None
        self._loop = asyncio.get_running_loop()
        self._ended: asyncio.Future[int] = self._loop.create_future()
        self._handle = os.pidfd_open(pid)
        self._loop.add_reader(self._handle, self._end)

    async def wait(self) -> int:
        """Wait for its end; return its code, negative when a signal ended it."""
        return await asyncio.shield(self._ended)

    def _end(self) -> None:
        self._loop.remove_reader(self._handle)
        os.close(self._handle)
        self.returncode = reap(self.pid)
        self._ended.set_result(self.returncode)


def reap(pid: int) -> int:
    """Take a child's end, which must be near; return its code, negative for a signal."""
    return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
