"""`wavemill up`: the bundled Redis and the three services, as one, until Ctrl-C."""

import asyncio
import fcntl
import os
import signal
import socket
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import AsyncExitStack, contextmanager, suppress
from pathlib import Path

import aiohttp
import structlog

from wavemill_common.connections import REDIS_ERRORS, connect
from wavemill_common.queue.consumer import consumer_name
from wavemill_common.queue.jobs import JobQueue
from wavemill_common.settings import Settings
from wavemill_common.stores import REDIS_URL_FILE, read_secret
from wavemill_standalone.child import Child, OnDeath
from wavemill_standalone.redis_server import prepare_redis, wait_for_redis

log = structlog.get_logger(__name__)

SERVICES = ("converter", "janitor", "gateway")
HEALTH_PORT = "WAVEMILL_HEALTH_PORT"
GRACE, REDIS_GRACE = 3.0, 1.5  # seconds to end in, before a kill
READY_TIMEOUT, LOOK_EVERY = 60.0, 0.05  # seconds


class CannotStart(Exception):
    """Something is in the way; the message says what to do."""


async def up(settings: Settings, environ: Mapping[str, str]) -> None:
    """Run everything until SIGINT or SIGTERM, then stop everything.

    Raises:
        CannotStart, NoRedisServer: something is in the way.
    """
    stopping = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, stopping.set)
    with locked(settings.data_dir):
        check_port(settings.host, settings.port)
        read_secret(settings)  # made here once, before there are several who would
        async with AsyncExitStack() as stack:
            url = settings.redis_server or await _start_redis(stack, settings, environ)
            write_private(settings.data_dir / REDIS_URL_FILE, url)
            await _supervise(stack, _services(environ, url), GRACE)
            ready = asyncio.create_task(_announce(settings))
            await stopping.wait()
            ready.cancel()


@contextmanager
def locked(data_dir: Path) -> Iterator[None]:
    """Hold the data directory: two supervisors on one would fight over its Redis.

    Raises:
        CannotStart: another one holds it, or it cannot be made.
    """
    try:
        data_dir.mkdir(mode=0o700, parents=True, exist_ok=True)
        lock = (data_dir / "lock").open("ab")
    except OSError as error:
        raise CannotStart(f"cannot write to DATA_DIR {data_dir}: {error.strerror}") from None
    with lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            raise CannotStart(
                f"another wavemill uses {data_dir}: stop it, or choose another DATA_DIR"
            ) from None
        yield


def check_port(host: str, port: int) -> None:
    """Say now, and not in a child's log, that the port is taken.

    Raises:
        CannotStart: somebody listens there.
    """
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OSError as error:
            raise CannotStart(
                f"cannot listen on {host}:{port}: {error.strerror}; choose another PORT"
            ) from None


def write_private(path: Path, text: str) -> None:
    """Write a file that only its owner may read."""
    with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w") as file:
        file.write(text)


async def _start_redis(
    stack: AsyncExitStack, settings: Settings, environ: Mapping[str, str]
) -> str:
    server = prepare_redis(settings.data_dir)
    await _supervise(stack, [Child("redis", server.command, environ)], REDIS_GRACE)
    try:
        await wait_for_redis(server.url)
    except TimeoutError:
        log_file = settings.data_dir / "redis" / "log"
        raise CannotStart(f"the bundled Redis does not answer; {log_file} says why") from None
    await release_consumers(server.url)  # whoever held anything here before is dead
    return server.url


def _services(environ: Mapping[str, str], url: str) -> list[Child]:
    quiet = {"WAVEMILL_LOG_LEVEL": "warning", **environ, "REDIS_URL": url}
    children = []
    for name in SERVICES:
        arguments = ("run",) if name == "janitor" else ()
        command = (sys.executable, "-m", f"wavemill_{name}", *arguments)
        on_death = _release_entries(url) if name == "converter" else None
        own = quiet | {HEALTH_PORT: health_port_of(name, environ.get(HEALTH_PORT, ""))}
        children.append(Child(name, command, own, on_death))
    return children


def health_port_of(service: str, asked: str) -> str:
    """One port for each: the converter has the one that is asked for, the janitor the next.

    The gateway tells on its own what they tell there. Pure.
    """
    if not asked.isdigit() or int(asked) == 0 or service == "gateway":
        return ""
    return str(int(asked) + SERVICES.index(service))


async def _supervise(stack: AsyncExitStack, children: Sequence[Child], grace: float) -> None:
    """Start children and keep them alive; on the way out all are asked to stop at once."""

    async def stop_all() -> None:
        for task in watching:
            task.cancel()
        await asyncio.gather(*(child.stop(grace) for child in children))

    watching: list[asyncio.Task[None]] = []
    stack.push_async_callback(stop_all)
    for child in children:
        await child.start()
        watching.append(asyncio.create_task(child.watch()))


def _release_entries(url: str) -> OnDeath:
    """What a dead converter held, another may claim at once: nobody has to wait for its lease."""

    async def release(pid: int) -> None:
        try:
            await release_consumers(url, consumer_name(socket.gethostname(), pid, ""))
        except REDIS_ERRORS as error:
            log.warning("entries_not_released", reason=repr(error))  # their lease will run out

    return release


async def release_consumers(url: str, prefix: str = "") -> None:
    """Let anyone claim what the consumers whose names begin with `prefix` hold."""
    async with connect(url) as client:
        queue = JobQueue(client)
        for name in await queue.consumers():
            if name.startswith(prefix):
                await queue.release_consumer(name)


async def _announce(settings: Settings) -> None:
    """Say once that everything is up, and where."""
    url = f"http://{settings.host}:{settings.port}"
    where = settings.data_dir.resolve()
    if await _is_ready(f"{url}/readyz"):
        print(f"wavemill is ready on {url} (data in {where}; Ctrl-C stops it)", flush=True)
    else:
        print(f"wavemill is not ready yet; {url}/readyz says why", file=sys.stderr, flush=True)


async def _is_ready(url: str) -> bool:
    async with aiohttp.ClientSession() as session:
        try:
            async with asyncio.timeout(READY_TIMEOUT):
                while True:
                    with suppress(aiohttp.ClientError):
                        async with session.get(url) as response:
                            if (await response.json())["status"] == "ready":
                                return True
                    await asyncio.sleep(LOOK_EVERY)
        except TimeoutError:
            return False
