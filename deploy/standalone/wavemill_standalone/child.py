"""Child: one process under the supervisor: started, watched, started again, stopped."""

import asyncio
import os
import signal
import subprocess
from collections.abc import Awaitable, Callable, Mapping, Sequence
from contextlib import suppress

import structlog

from wavemill_common.tether import tether

log = structlog.get_logger(__name__)

FIRST_PAUSE, LONGEST_PAUSE = 0.2, 5.0  # seconds before a dead child is started again
STEADY_AFTER = 10.0  # seconds after which a child counts as having started well

OnDeath = Callable[[int], Awaitable[None]]


class Child:
    """A process that is to run until it is stopped.

    It has a process group of its own, since Ctrl-C reaches the whole foreground group and only
    the supervisor may react to it; and it ends with the supervisor, however that ends.
    """

    def __init__(
        self,
        name: str,
        command: Sequence[str],
        environ: Mapping[str, str],
        on_death: OnDeath | None = None,
    ) -> None:
        self.name = name
        self._command = command
        self._environ = environ
        self._on_death = on_death
        self._process: asyncio.subprocess.Process | None = None
        self._stopping = False

    async def start(self) -> None:
        """Start the process."""
        self._process = await asyncio.create_subprocess_exec(
            *self._command,
            env=dict(self._environ),
            stdin=asyncio.subprocess.DEVNULL,
            start_new_session=True,
            preexec_fn=tether(signal.SIGTERM),
        )

    async def watch(self) -> None:
        """Start the process again whenever it ends, with growing pauses, until stopped."""
        loop = asyncio.get_running_loop()
        pause = FIRST_PAUSE
        while self._process is not None:
            started, process = loop.time(), self._process
            code = await process.wait()
            if self._stopping:
                return
            log.warning("child_died", name=self.name, code=code, pid=process.pid)
            if self._on_death is not None:
                await self._on_death(process.pid)
            pause = FIRST_PAUSE if loop.time() - started > STEADY_AFTER else pause
            await asyncio.sleep(pause)
            pause = min(LONGEST_PAUSE, pause * 2)
            await self._start_again()

    async def _start_again(self) -> None:
        while not self._stopping:
            try:
                await self.start()
            except (OSError, subprocess.SubprocessError) as error:  # no memory, no room for one
                log.warning("child_not_started", name=self.name, reason=repr(error))
                await asyncio.sleep(LONGEST_PAUSE)
            else:
                return

    async def stop(self, grace: float) -> None:
        """Ask the process to end; kill its whole group when it has not after `grace` seconds."""
        self._stopping = True
        process = self._process
        if process is None or process.returncode is not None:
            return
        process.terminate()
        with suppress(TimeoutError):
            async with asyncio.timeout(grace):
                await process.wait()
                return
        log.warning("child_killed", name=self.name, pid=process.pid)
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        await process.wait()
