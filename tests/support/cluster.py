"""A cluster: Redis and any number of each service as processes of the test's own, no supervisor.

Nothing is started again unless the test says so, and nothing survives the test: every process is
bound to its starter's life. Start it from a thread that lasts as long as the cluster shall.
"""

import asyncio
import os
import signal
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import psutil
import redis

from support.kept import Kept, kept_by
from support.ports import free_port
from support.redis import TestRedis
from support.server import wait_until
from wavemill_common.stores import REDIS_URL_FILE
from wavemill_common.tether import tether

TESTS = Path(__file__).parents[1]
START_TIMEOUT, STOP_TIMEOUT = 60.0, 30.0  # seconds


class Member:
    """One process of a cluster. It is started again under the same number, port and log."""

    def __init__(self, service: str, number: int, folder: Path, environ: Mapping[str, str]) -> None:
        self.service = service
        self.number = number
        self.name = f"{service}-{number}"
        self.log_path = folder / f"{self.name}.log"
        self.port = free_port() if service == "gateway" else 0
        self.url = f"http://127.0.0.1:{self.port}"
        self.starts = 0
        self.stopped = False  # by SIGSTOP
        self.environ = {**environ, "PORT": str(self.port)}
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def pid(self) -> int:
        """The process id of the newest process."""
        assert self._process is not None
        return self._process.pid

    @property
    def is_running(self) -> bool:
        """Whether its process has not ended; a stopped one has not."""
        return self._process is not None and self._process.poll() is None

    @property
    def log(self) -> str:
        """All that its processes have printed."""
        return self.log_path.read_text(errors="replace") if self.log_path.exists() else ""

    def start(self, **variables: str) -> None:
        """Start its process; `variables` come on top of the environment, now and later."""
        assert not self.is_running
        self.environ |= variables
        seed = f"{self.environ.get('CHAOS_SEED', '0')}-{self.name}-{self.starts}"
        self.starts += 1
        self.stopped = False
        with self.log_path.open("ab") as log:
            self._process = subprocess.Popen(
                [sys.executable, "-m", "chaos.launch", self.service],
                cwd=self.log_path.parent,  # its ffmpegs inherit it: that is how they are known
                env={**self.environ, "CHAOS_SEED": seed},
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
                preexec_fn=tether(signal.SIGKILL),
            )

    def kill(self) -> None:
        """Kill it as a crash would (-9); it may be stopped."""
        self._send(signal.SIGKILL)
        self.wait()

    def stop(self) -> None:
        """Stop it as a long pause would (SIGSTOP): it holds all it has and does nothing."""
        self._send(signal.SIGSTOP)
        self.stopped = True

    def resume(self) -> None:
        """Wake it (SIGCONT)."""
        self._send(signal.SIGCONT)
        self.stopped = False

    def terminate(self) -> None:
        """Ask it to end in good order (SIGTERM)."""
        self._send(signal.SIGTERM)

    def dump(self) -> None:
        """Have it print to its log where its threads and tasks wait."""
        self._send(signal.SIGUSR1)

    def wait(self) -> int:
        """Wait for its end; return its exit code, negative for a signal."""
        assert self._process is not None
        return self._process.wait(STOP_TIMEOUT)

    def restart(self) -> None:
        """Kill it if it runs, and start it again."""
        if self.is_running:
            self.kill()
        self.start()

    def ffmpegs(self) -> list[psutil.Process]:
        """The ffmpeg processes that it runs now."""
        with suppress(psutil.NoSuchProcess):
            children = psutil.Process(self.pid).children(recursive=True)
            return [one for one in children if is_ffmpeg(one)]
        return []

    def _send(self, number: signal.Signals) -> None:
        if self._process is not None and self._process.poll() is None:
            self._process.send_signal(number)


class Cluster:
    """Redis and services on one data directory below `folder`, on free loopback ports.

    All times of the protocol are scaled by `scale`. `patches` (see `chaos.patches`) are for every
    member; `kept` is where bytes and records go, if not where the whole run of tests keeps them;
    `variables` are settings, such as WAVEMILL_MAX_STRIKES="100".
    """

    def __init__(
        self,
        folder: Path,
        *,
        gateways: int = 1,
        converters: int = 1,
        janitors: int = 1,
        scale: float = 0.1,
        seed: int = 0,
        patches: str = "",
        kept: Kept | None = None,
        **variables: str,
    ) -> None:
        self.folder = folder
        self.scale = scale
        self.data_dir = folder / "data"
        self.data_dir.mkdir(parents=True)
        self.kept = kept or kept_by(self.data_dir)
        self.history_path = folder / "history"  # starts and commits, by the `record` patch
        self.redis = TestRedis(self.data_dir)
        (self.data_dir / REDIS_URL_FILE).write_text(self.redis.url)
        self.environ = {
            **os.environ,
            "PYTHONPATH": f"{TESTS}:{os.environ.get('PYTHONPATH', '')}",
            "DATA_DIR": str(self.data_dir),
            "REDIS_URL": self.redis.url,
            "WAVEMILL_TIME_SCALE": str(scale),
            "WAVEMILL_SECRET": "chaos",
            "WAVEMILL_LOG_LEVEL": "info",
            "CHAOS_PATCHES": f"record={self.history_path} {patches}",
            "CHAOS_SEED": str(seed),
            **self.kept.variables,
            **variables,
        }
        self.members: list[Member] = []
        for service, count in zip(
            ("gateway", "converter", "janitor"), (gateways, converters, janitors), strict=True
        ):
            for _ in range(count):
                self.add(service)

    def add(self, service: str, **variables: str) -> Member:
        """Have one more member, not started yet, with settings of its own."""
        number = len(self._of(service))
        member = Member(service, number, self.folder, {**self.environ, **variables})
        self.members.append(member)
        return member

    @property
    def gateways(self) -> list[Member]:
        """The gateways, running or not."""
        return self._of("gateway")

    @property
    def converters(self) -> list[Member]:
        """The converters, running or not."""
        return self._of("converter")

    @property
    def janitors(self) -> list[Member]:
        """The janitors, running or not."""
        return self._of("janitor")

    def start(self) -> None:
        """Start Redis, then everyone, and wait until all are at work."""
        self.redis.start()
        self._start_members()
        self.wait_until_ready()

    async def start_async(self) -> None:
        """Start everything where a loop runs already."""
        await self.redis.start_again()
        self._start_members()
        await asyncio.to_thread(self.wait_until_ready)

    def wait_until_ready(self) -> None:
        """Wait until every running member is at work."""
        for member in self.members:
            if member.is_running and not member.stopped:
                wait_until(lambda member=member: self._is_ready(member), START_TIMEOUT)  # type: ignore[misc]

    def close(self) -> None:
        """Leave no process behind."""
        for member in self.members:
            if member.is_running:
                member.kill()
        self.redis.close()

    def sweep(self) -> subprocess.CompletedProcess[str]:
        """Run `wavemill-janitor sweep` once, as an operator would."""
        return subprocess.run(
            [sys.executable, "-m", "wavemill_janitor", "sweep", "--json"],
            env=self.environ,
            check=True,
            capture_output=True,
            text=True,
        )

    def ffmpegs(self) -> list[psutil.Process]:
        """Every ffmpeg process that a member of this cluster has started, also a dead one."""
        found = []
        for process in psutil.process_iter(["name"]):
            with suppress(psutil.Error):
                if is_ffmpeg(process) and Path(process.cwd()).is_relative_to(self.folder):
                    found.append(process)
        return found

    def dump(self) -> None:
        """Have everyone print to its log where it waits."""
        for member in self.members:
            member.dump()

    def _start_members(self) -> None:
        for member in self.members:
            member.start()

    def _of(self, service: str) -> list[Member]:
        return [member for member in self.members if member.service == service]

    def _is_ready(self, member: Member) -> bool:
        if not member.is_running:
            raise AssertionError(f"{member.name} has ended:\n{member.log}")
        if member.service == "gateway":
            with suppress(psutil.Error):
                connections = psutil.Process(member.pid).net_connections()
                return any(one.status == psutil.CONN_LISTEN for one in connections)
            return False
        if member.service == "converter":
            return any(f"-{member.pid}-" in name for name in self.converter_names())
        return member.log.count("service_started") >= member.starts

    def converter_names(self) -> list[str]:
        """The names under which converters have announced themselves lately."""
        with redis.Redis.from_url(self.redis.url) as client, suppress(redis.RedisError):
            names: Any = client.zrange("{q0}:converters", 0, -1)
            return [name.decode() for name in names]
        return []


@contextmanager
def running_cluster(folder: Path, **options: object) -> Iterator[Cluster]:
    """Run a cluster for the time of a block."""
    cluster = Cluster(folder, **options)  # type: ignore[arg-type]
    try:
        cluster.start()
        yield cluster
    finally:
        cluster.close()


def is_ffmpeg(process: psutil.Process) -> bool:
    """Whether a process is an ffmpeg; one that ends meanwhile is none."""
    with suppress(psutil.Error):
        return "ffmpeg" in process.name()
    return False


def alive(pid: int) -> bool:
    """Whether a process runs; a zombie that nobody has reaped yet does not."""
    try:
        return psutil.Process(pid).status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False
