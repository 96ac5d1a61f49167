"""Launching: have ffmpeg started by a small process, which forks in a third of our own time."""

import asyncio
import os
import signal
import socket
import subprocess
import sys
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import Final

import structlog

import wavemill_converter
from wavemill_converter.launch.launcher import NOT_EXECUTED
from wavemill_converter.launch.order import MOST_DESCRIPTORS, MOST_TEXT, Order
from wavemill_converter.sandbox.reaping import Reaped, reap
from wavemill_converter.sandbox.syscalls import number_of, own_machine

log = structlog.get_logger(__name__)

ENVIRONMENT: Final = {"PATH": os.defpath, "LC_ALL": "C"}  # nothing of ours: a child holds no secret
PATIENCE: Final = 10.0  # seconds for a start, which takes 0.003; then the launcher is given up
_ROOT: Final = str(Path(wavemill_converter.__file__).parents[1])
_PROGRAM: Final = (
    "import sys; sys.path.append({root!r}); from wavemill_converter.launch.launcher import main;"
    " main({orders}, {parent}, {clone})"
)


class NotLaunched(Exception):
    """The launcher did not start it, and will not: nothing runs."""


class Launcher:
    """The launcher, seen from the converter. It is started when it is first needed, and again."""

    def __init__(self) -> None:
        self._orders: socket.socket | None = None
        self._process: subprocess.Popen[bytes] | None = None

    async def start(
        self, argv: Sequence[str], out: int, err: int, order: Order, passed: Sequence[int]
    ) -> Reaped:
        """Have a command started with these outputs; return it once it runs.

        Raises:
            NotLaunched: there is no launcher, or it does not do this.
            OSError, SubprocessError: as asyncio's own start does.
        """
        hearing, telling = os.pipe()
        try:
            self._send(order.text(), (telling, out, err, *passed))
        except OSError as error:
            os.close(hearing)
            self.close()
            raise NotLaunched(str(error)) from error
        finally:
            os.close(telling)
        pid, failure = await _whole(asyncio.ensure_future(self._told(hearing)))
        if not pid:
            self.close()
            raise NotLaunched(failure or "the launcher has ended")
        if failure:
            reap(pid)
            raise _failure(failure, argv[0])
        try:
            return Reaped(pid)
        except OSError:
            _put_down(pid)
            raise

    def close(self) -> None:
        """End the launcher. What it has started goes on: that is not its own."""
        if self._orders is not None:
            self._orders.close()
            self._orders = None
        if self._process is not None:
            self._process.kill()
            self._process.wait()
            self._process = None

    def _send(self, text: bytes, descriptors: Sequence[int]) -> None:
        if len(text) > MOST_TEXT or len(descriptors) > MOST_DESCRIPTORS:
            raise OSError("this is too much for one order")
        orders = self._orders or self._begun()
        socket.send_fds(orders, [text], descriptors, socket.MSG_DONTWAIT | socket.MSG_NOSIGNAL)

    def _begun(self) -> socket.socket:
        ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        machine = own_machine()
        if machine is None:
            raise OSError("its system calls are not known")
        program = _PROGRAM.format(
            root=_ROOT,
            orders=theirs.fileno(),
            parent=os.getpid(),
            clone=number_of("clone", machine),
        )
        with theirs:
            self._process = subprocess.Popen(  # noqa: S603 - no shell, nobody's words
                [sys.executable, "-I", "-S", "-c", program],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                env=ENVIRONMENT,
                pass_fds=(theirs.fileno(),),
                start_new_session=True,
            )
        self._orders = ours
        return ours

    async def _told(self, hearing: int) -> tuple[int, str]:
        """Hear of a start: the child's number, 0 if there is none, and what went wrong."""
        reader = asyncio.StreamReader()
        transport, _ = await asyncio.get_running_loop().connect_read_pipe(
            lambda: asyncio.StreamReaderProtocol(reader), os.fdopen(hearing, "rb", buffering=0)
        )
        try:
            async with asyncio.timeout(PATIENCE) as patience:
                said = await reader.readline()
                patience.reschedule(None)  # it is ours: whatever it does now, it can be waited for
                failure = await reader.read()
        except TimeoutError:
            self.close()  # its orders end with it; what it has begun nevertheless is told yet
            said, failure = await reader.readline(), await reader.read()
        finally:
            transport.close()
        return int(said or b"0"), failure.decode(errors="replace")


async def _whole(telling: "asyncio.Future[tuple[int, str]]") -> tuple[int, str]:
    """Wait for what is told; when cancelled, no child is left of it."""
    try:
        return await asyncio.shield(telling)
    except asyncio.CancelledError:
        pid, _ = await telling  # some milliseconds; a second cancellation may wait for it
        if pid:
            _put_down(pid)
        raise


def _put_down(pid: int) -> None:
    for kill in (os.killpg, os.kill):  # what could not be executed led no group perhaps
        with suppress(ProcessLookupError, PermissionError):
            kill(pid, signal.SIGKILL)
    reap(pid)


def _failure(told: str, program: str) -> Exception:
    doing, code, what = told.split(" ", 2)
    if doing == NOT_EXECUTED and int(code):
        return OSError(int(code), os.strerror(int(code)), program)
    return subprocess.SubprocessError(f"{program} could not be started, {doing}: {what}")


@asynccontextmanager
async def launching(trial: Sequence[str]) -> AsyncIterator[Launcher | None]:
    """Keep a launcher for the time of a block; None where it cannot start the command `trial`."""
    launcher = Launcher()
    try:
        yield launcher if await _works(launcher, trial) else None
    finally:
        launcher.close()


async def _works(launcher: Launcher, trial: Sequence[str]) -> bool:
    nothing = os.open(os.devnull, os.O_RDWR)
    try:
        order = Order(tuple(trial), ENVIRONMENT)
        process = await launcher.start(trial, nothing, nothing, order, ())
        code = await process.wait()
    except (NotLaunched, OSError, subprocess.SubprocessError) as error:
        log.warning("launcher_not_used", reason=repr(error))
        return False
    finally:
        os.close(nothing)
    return code == 0
