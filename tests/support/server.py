"""A running wavemill: real processes on free ports and a data directory of their own."""

import asyncio
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, suppress
from pathlib import Path
from typing import IO, TypeVar

import psutil

from support.kept import kept_by
from support.ports import free_port

T = TypeVar("T")

START_TIMEOUT = 60.0  # seconds
STOP_TIMEOUT = 15.0


class Wavemill:
    """`wavemill up` as a user runs it, under the test's control."""

    def __init__(self, data_dir: Path, **variables: str) -> None:
        self.data_dir = data_dir
        self.port = free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        self.kept = kept_by(data_dir)
        self._variables = variables
        self._output: IO[bytes] | None = None
        self.process: subprocess.Popen[bytes] | None = None

    @property
    def log_path(self) -> Path:
        """Where everything goes that the processes print."""
        return self.data_dir.parent / f"{self.data_dir.name}.log"

    @property
    def log(self) -> str:
        """All that the processes have printed."""
        return self.log_path.read_text(errors="replace")

    def start(self) -> None:
        """Start it and wait until it says that it is ready."""
        environ = {
            **os.environ,
            "PORT": str(self.port),
            "DATA_DIR": str(self.data_dir),
            "WAVEMILL_LOG_LEVEL": "info",
            **self.kept.variables,
            **self._variables,
        }
        printed = len(self.log) if self.log_path.exists() else 0
        self._close_output()
        self._output = self.log_path.open("ab")
        command = [sys.executable, "-m", "wavemill_standalone", "up"]
        self.process = subprocess.Popen(
            command, env=environ, stdout=self._output, stderr=self._output, start_new_session=True
        )
        wait_until(
            lambda: "wavemill is ready" in self.log[printed:] or self._has_ended(),
            START_TIMEOUT,
        )
        if self._has_ended():
            raise AssertionError(f"wavemill did not start:\n{self.log}")

    def stop(self, number: signal.Signals = signal.SIGINT) -> float:
        """Ask it to stop, as Ctrl-C does; return how many seconds that took."""
        assert self.process is not None
        began = time.monotonic()
        self.process.send_signal(number)
        self.process.wait(STOP_TIMEOUT)
        return time.monotonic() - began

    def kill_all(self) -> None:
        """Kill every process of it at once, as a power cut would."""
        for process in self.processes():
            with suppress_gone():
                process.kill()
        assert self.process is not None
        self.process.wait(STOP_TIMEOUT)

    def close(self) -> None:
        """Leave nothing behind."""
        if self.process is not None and not self._has_ended():
            self.kill_all()
        self._close_output()

    def processes(self) -> list[psutil.Process]:
        """The supervisor and everything below it."""
        assert self.process is not None
        top = psutil.Process(self.process.pid)
        return [top, *top.children(recursive=True)]

    def service(self, name: str) -> psutil.Process:
        """The process of one service: `gateway`, `converter`, `janitor` or `redis`."""
        words = {"redis": "valkey"}.get(name, f"wavemill_{name}")

        def find() -> psutil.Process | None:
            for process in self.processes():
                with suppress_gone():
                    if any(words in word for word in process.cmdline()[:3]):
                        return process
            return None

        return wait_for(find, START_TIMEOUT)

    def ffmpegs(self) -> list[psutil.Process]:
        """The ffmpeg processes that run now."""
        return [one for one in self.processes() if "ffmpeg" in _name(one)]

    def _close_output(self) -> None:
        if self._output is not None:
            self._output.close()

    def _has_ended(self) -> bool:
        return self.process is not None and self.process.poll() is not None


@contextmanager
def running(data_dir: Path, **variables: str) -> Iterator[Wavemill]:
    """Run wavemill for the time of a block."""
    server = Wavemill(data_dir, **variables)
    try:
        server.start()
        yield server
    finally:
        server.close()


def suppress_gone() -> AbstractContextManager[None]:
    """A process may end while it is looked at."""
    return suppress(psutil.NoSuchProcess, psutil.AccessDenied, ProcessLookupError)


def wait_until(condition: Callable[[], bool], timeout: float, every: float = 0.02) -> None:
    """Wait for a condition; fail when it does not come true in time."""
    wait_for(lambda: condition() or None, timeout, every)


def wait_for(find: Callable[[], T | None], timeout: float, every: float = 0.02) -> T:
    """Wait until something is there, and return it."""
    ends = time.monotonic() + timeout
    while time.monotonic() < ends:
        found = find()
        if found is not None:
            return found
        time.sleep(every)
    raise AssertionError(f"this did not come true in {timeout} s: {find}")


async def eventually(condition: Callable[[], object], timeout: float = 10.0) -> None:
    """Wait for a condition without blocking the loop."""
    async with asyncio.timeout(timeout):
        while not condition():
            await asyncio.sleep(0.01)


def _name(process: psutil.Process) -> str:
    with suppress_gone():
        return str(process.name())
    return ""
