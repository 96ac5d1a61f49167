"""Run a child that is not trusted: own process group, no secrets, killed and reaped for sure."""

import asyncio
import os
import signal
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from contextlib import asynccontextmanager, contextmanager, suppress

import structlog

from wavemill_common.tether import tether
from wavemill_converter.launch.launcher import be_patient
from wavemill_converter.launch.order import Order
from wavemill_converter.launch.wall import Wall
from wavemill_converter.sandbox.launching import ENVIRONMENT, Launcher, NotLaunched
from wavemill_converter.sandbox.outlet import Outlet
from wavemill_converter.sandbox.reaping import Process

log = structlog.get_logger(__name__)

CHUNK = 64 * 1024  # bytes per read
Enter = Callable[[], None] | Wall


class Child:
    """A running child: what it prints, and how it ends."""

    def __init__(
        self,
        process: Process,
        stdout: Outlet,
        stderr: Outlet,
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
        self.stdout.hurry()
        self.stderr.hurry()
        return code


@asynccontextmanager
async def started(
    argv: Sequence[str],
    pass_fds: Sequence[int] = (),
    enter: Enter | None = None,
    launcher: Launcher | None = None,
) -> AsyncIterator[Child]:
    """Run a command; when the block is left in any way its whole group is killed and reaped.

    It inherits nothing but its three pipes and `pass_fds`. `enter` is what the child does before
    it becomes the command: it enters its sandbox. A `launcher` starts it sooner.

    The pipes are our own, not asyncio's: there, depending on Python's version, waiting for the
    child means waiting for everyone who inherited its pipes.
    """
    with _pipe() as (stdout, out), _pipe() as (stderr, err):
        try:
            process = await start_child(argv, out, err, pass_fds, enter, launcher)
        finally:
            os.close(out)
            os.close(err)
        try:
            yield Child(process, stdout, stderr)
        finally:
            kill_group(process.pid)
            await _reaped(process)


async def start_child(
    argv: Sequence[str],
    out: int,
    err: int,
    pass_fds: Sequence[int],
    enter: Enter | None,
    launcher: Launcher | None,
) -> Process:
    """Start a command with these outputs, by the launcher where it can; return once it runs.

    Raises:
        OSError: there is no such program, or it cannot be run.
        SubprocessError: it could not enter its sandbox.
    """
    if launcher is not None and (enter is None or isinstance(enter, Wall)):
        ruled = () if enter is None or enter.ruleset is None else (enter.ruleset,)
        order = Order(tuple(argv), ENVIRONMENT, tuple(pass_fds), enter)
        try:
            return await launcher.start(argv, out, err, order, (*ruled, *pass_fds))
        except NotLaunched as error:
            log.warning("launcher_not_used", reason=str(error))
    return await asyncio.create_subprocess_exec(
        *argv,
        stdin=asyncio.subprocess.DEVNULL,
        stdout=out,
        stderr=err,
        env=ENVIRONMENT,
        start_new_session=True,
        pass_fds=tuple(pass_fds),
        preexec_fn=_entering(enter),
    )


def _entering(enter: Enter | None) -> Callable[[], None]:
    bind = tether(signal.SIGKILL)
    contain = enter.close if isinstance(enter, Wall) else enter

    def begin() -> None:
        be_patient()
        if contain is not None:
            contain()
        bind()  # last: the kernel forgets it when the user changes

    return begin


def kill_group(pid: int) -> None:
    """Kill a child and everything that it started; SIGTERM could be ignored."""
    with suppress(ProcessLookupError, PermissionError):
        os.killpg(pid, signal.SIGKILL)


async def _reaped(process: Process) -> None:
    # SIGKILL cannot be refused, so this is short: a second cancellation may wait for it.
    reaping = asyncio.ensure_future(process.wait())
    try:
        await asyncio.shield(reaping)
    except asyncio.CancelledError:
        await reaping
        raise


@contextmanager
def _pipe() -> Iterator[tuple[Outlet, int]]:
    """Open a pipe: its reading end for us, its writing end, to be closed by the caller."""
    reading, writing = os.pipe()
    outlet = Outlet(reading)
    try:
        yield outlet, writing
    finally:
        outlet.close()


async def read_start(reader: Outlet, limit: int) -> bytes:
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
    launcher: Launcher | None = None,
) -> tuple[int, str, str]:
    """Run a short command; return its code and the start of what it printed on both pipes.

    Raises:
        TimeoutError: it was still running after `seconds`; it is dead now.
        OSError: there is no such program, or it cannot be run.
    """
    async with (
        started(argv, pass_fds, enter, launcher) as child,
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
