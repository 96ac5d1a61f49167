"""Services: what the benches start: one gateway alone, a bare server, each on a core of its own."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import NamedTuple

import psutil

from bench.usage import pin
from support.ports import free_port
from support.redis import TestRedis
from support.server import wait_until
from wavemill_common.stores import REDIS_URL_FILE
from wavemill_common.tether import tether

TESTS = Path(__file__).parents[1]
START_TIMEOUT = 60.0  # seconds
SERVER_CORE, LOAD_CORE = 0, 1


class Service(NamedTuple):
    """A running server, and what it is made of."""

    url: str
    processes: Sequence[psutil.Process]

    @property
    def port(self) -> int:
        """Where it listens."""
        return int(self.url.rpartition(":")[2])


@contextmanager
def started(
    argv: Sequence[str], folder: Path, name: str, *, core: int | None = None, **variables: str
) -> Iterator[psutil.Process]:
    """Run a program for the time of a block; what it prints goes to a file in `folder`."""
    environ = {
        **os.environ,
        "PYTHONPATH": f"{TESTS}:{os.environ.get('PYTHONPATH', '')}",
        **variables,
    }
    with (folder / f"{name}.log").open("ab") as log:
        process = subprocess.Popen(
            argv,
            env=environ,
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            preexec_fn=tether(signal.SIGKILL),
        )
    if core is not None:
        pin(process.pid, core)
    try:
        yield psutil.Process(process.pid)
    finally:
        process.send_signal(signal.SIGINT)
        try:
            process.wait(10)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


@contextmanager
def redis_in(folder: Path) -> Iterator[str]:
    """A Redis, as `wavemill up` sets it up; yields its URL."""
    folder.mkdir(parents=True, exist_ok=True)
    server = TestRedis(folder)
    server.start()
    (folder / REDIS_URL_FILE).write_text(server.url)
    try:
        yield server.url
    finally:
        server.close()


@contextmanager
def gateway(
    data_dir: Path, *, core: int | None = SERVER_CORE, **variables: str
) -> Iterator[Service]:
    """A gateway alone, on the Redis and the stores of `data_dir`."""
    port = free_port()
    own = {"PORT": str(port), "DATA_DIR": str(data_dir), "WAVEMILL_LOG_LEVEL": "warning"}
    argv = [sys.executable, "-m", "wavemill_gateway"]
    with started(argv, data_dir, "gateway", core=core, **own, **variables) as process:
        wait_for_port(port, process, data_dir / "gateway.log")
        yield Service(f"http://127.0.0.1:{port}", [process])


@contextmanager
def bare(
    name: str, folder: Path, *arguments: str, core: int | None = SERVER_CORE
) -> Iterator[Service]:
    """The bare server `bench.bare.<name>`; it gets a port and these arguments."""
    port = free_port()
    argv = [sys.executable, "-m", f"bench.bare.{name}", str(port), *arguments]
    with started(argv, folder, name, core=core) as process:
        wait_for_port(port, process, folder / f"{name}.log")
        yield Service(f"http://127.0.0.1:{port}", [process])


def wait_for_port(port: int, process: psutil.Process, log: Path) -> None:
    """Wait until a server listens; fail if it ends before."""

    def listens() -> bool:
        assert process.status() != psutil.STATUS_ZOMBIE, log.read_text()
        return any(one.laddr.port == port for one in process.net_connections("tcp"))

    wait_until(listens, START_TIMEOUT)


class Stack(ExitStack):
    """What a scenario has opened, closed in the end."""


def settle(seconds: float = 0.2) -> None:
    """Leave a server a moment to finish what it does behind its answers."""
    time.sleep(seconds)
