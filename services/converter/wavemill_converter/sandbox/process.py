"""Run a child that is not trusted: own process group, no secrets, killed and reaped for sure."""

import asyncio
import os
import signal
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager, suppress

from wavemill_common.tether import tether

CHUNK = 64 * 1024  # bytes per read
Enter = Callable[[], None]
ENVIRONMENT = {"PATH": os.defpath, "LC_ALL": "C"}  # nothing of ours: a child must hold no secret


class Child:
    """A running child: what it prints, and how it ends."""

    def __init__(
        self,
        process: asyncio.subprocess.Process,
        stdout: asyncio.StreamReader,
        stderr: asyncio.StreamReader,
    ) -> None:
        self.process = process
        self.stdout = stdout
        self.stderr = stderr

    async def wait(self) -> int:
        """Wait for the end; the code is negative when a signal ended it.

        What the child started dies with it: else a grandchild would hold the pipes open.
        """
        code = await self.process.wait()
        kill_group(self.process.pid)
        return code


@asynccontextmanager
async def started(
    argv: Sequence[str], pass_fds: Sequence[int] = (), enter: Enter | None = None
) -> AsyncIterator[Child]:
    """Run a command; when the block is left in any way its whole group is killed and reaped.

    It inherits nothing but its three pipes and `pass_fds`. `enter` is what the child does before
    it becomes the command: it enters its sandbox.

    The pipes are our own, not asyncio's: there, depending on Python's version, waiting for the
    child means waiting for everyone who inherited its pipes.
    """
    async with _pipe() as (stdout, out), _pipe() as (stderr, err):
        try:
            process = await asyncio.create_subprocess_exec(
                *argv,
                stdin=asyncio.subprocess.DEVNULL,
                stdout=out,
                stderr=err,
                env=ENVIRONMENT,
                start_new_session=True,
                pass_fds=tuple(pass_fds),
                preexec_fn=_entering(enter),
            )
        finally:
            os.close(out)
            os.close(err)
        try:
            yield Child(process, stdout, stderr)
        finally:
            kill_group(process.pid)
            await _reaped(process)


def _entering(enter: Enter | None) -> Enter:
    bind = tether(signal.SIGKILL)

    def begin() -> None:
        _be_patient()
        if enter is not None:
            enter()
        bind()  # last: the kernel forgets it when the user changes

    return begin


def _be_patient() -> None:
    """Let no thread of the child interrupt another when it wakes up, nor one of ours.

    The threads of ffmpeg hand packets on to each other: with a switch for each, a FLAC takes a
    fifth more computing time.
    """
    if hasattr(os, "SCHED_BATCH"):
        with suppress(OSError):  # not allowed, or not known here: then it stays as it is
            os.sched_setscheduler(0, os.SCHED_BATCH, os.sched_param(0))


def kill_group(pid: int) -> None:
    """Kill a child and everything that it started; SIGTERM could be ignored."""
    with suppress(ProcessLookupError, PermissionError):
        os.killpg(pid, signal.SIGKILL)


async def _reaped(process: asyncio.subprocess.Process) -> None:
    # SIGKILL cannot be refused, so this is short: a second cancellation may wait for it.
    reaping = asyncio.ensure_future(process.wait())
    try:
        await asyncio.shield(reaping)
    except asyncio.CancelledError:
        await reaping
        raise


@asynccontextmanager
async def _pipe() -> AsyncIterator[tuple[asyncio.StreamReader, int]]:
    """Open a pipe: its reading end for us, its writing end, to be closed by the caller."""
    reading, writing = os.pipe()
    reader = asyncio.StreamReader(limit=CHUNK)
    transport, _ = await asyncio.get_running_loop().connect_read_pipe(
        lambda: asyncio.StreamReaderProtocol(reader), os.fdopen(reading, "rb", buffering=0)
    )
    try:
        yield reader, writing
    finally:
        transport.close()


async def read_start(reader: asyncio.StreamReader, limit: int) -> bytes:
    """Read to the end but keep only the first `limit` bytes."""
    kept = bytearray()
    while data := await reader.read(CHUNK):
        kept += data[: max(0, limit - len(kept))]
    return bytes(kept)


async def output_of(
    argv: Sequence[str],
    *,
    seconds: float,
    limit: int = 1 << 20,
    pass_fds: Sequence[int] = (),
    enter: Enter | None = None,
) -> tuple[int, str, str]:
    """Run a short command; return its code and the start of what it printed on both pipes.

    Raises:
        TimeoutError: it was still running after `seconds`; it is dead now.
        OSError: there is no such program, or it cannot be run.
    """
    async with (
        started(argv, pass_fds, enter) as child,
        asyncio.timeout(seconds),
        asyncio.TaskGroup() as tasks,
    ):
        out = tasks.create_task(read_start(child.stdout, limit))
        err = tasks.create_task(read_start(child.stderr, limit))
        code = tasks.create_task(child.wait())
    return (
        code.result(),
        out.result().decode(errors="replace"),
        err.result().decode(errors="replace"),
    )
