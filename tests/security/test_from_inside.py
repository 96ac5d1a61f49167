"""From inside the sandbox nothing is within reach but the files and the port of the run."""

import asyncio
import os
import socket
import statistics
import subprocess
import time
import warnings
from collections.abc import Iterator
from pathlib import Path

import pytest
from msgspec import structs

from support.contained import Inside
from wavemill_converter.sandbox import Access, Layer
from wavemill_converter.sandbox.launching import Launcher
from wavemill_converter.sandbox.limits import MEMORY
from wavemill_converter.sandbox.process import output_of

CONTENT = "the secret of the house"
SOME_USER = 12_345


@pytest.fixture
def secret(open_folder: Path) -> Path:
    """A file that anybody could read and write, but for the sandbox."""
    path = open_folder / "secret"
    path.write_text(CONTENT)
    path.chmod(0o666)
    return path


@pytest.fixture
def listening() -> Iterator[socket.socket]:
    """A port of 127.0.0.1 on which somebody listens."""
    with socket.create_server(("127.0.0.1", 0)) as one:
        yield one


@pytest.fixture
def neighbour() -> Iterator[int]:
    """A process of the sandbox's own user, which only the sandbox protects."""
    user = 65534 if os.geteuid() == 0 else None
    with subprocess.Popen(["sleep", "1000"], user=user, cwd="/") as process:
        yield process.pid
        process.kill()


async def test_the_attempts_themselves_work(inside: Inside) -> None:
    assert await inside.attempt("nothing") == "done nothing"


@pytest.mark.parametrize(
    "name",
    [
        "udp", "raw", "mptcp", "ipv6", "unix", "netlink", "bind", "listen",
        "fork", "io_uring", "memfd", "mount", "unshare",
    ],
)  # fmt: skip
async def test_the_kernel_refuses(inside: Inside, name: str) -> None:
    assert await inside.attempt(name) == f"refused {name} EPERM"


@pytest.mark.parametrize("name", ["read", "write", "truncate"])
async def test_no_file_can_be_touched(inside: Inside, secret: Path, name: str) -> None:
    assert await inside.attempt(name, secret) == f"refused {name} EACCES"
    assert secret.read_text() == CONTENT


@pytest.mark.parametrize("path", ["/etc/passwd", "/proc/1/environ", "/proc/self/environ"])
async def test_no_secret_of_the_system_can_be_read(inside: Inside, path: str) -> None:
    assert await inside.attempt("read", path) == "refused read EACCES"


async def test_nothing_can_be_made_or_listed(inside: Inside, open_folder: Path) -> None:
    open_folder.chmod(0o777)
    assert await inside.attempt("write", open_folder / "new") == "refused write EACCES"
    assert await inside.attempt("list", open_folder) == "refused list EACCES"
    assert await inside.attempt("list", "/") == "refused list EACCES"
    assert not (open_folder / "new").exists()


@pytest.mark.parametrize("program", ["/bin/sh", "/usr/bin/env"])
async def test_no_other_program_can_be_executed(inside: Inside, program: str) -> None:
    assert await inside.attempt("exec", program) == "refused exec EACCES"


@pytest.mark.parametrize("name", ["kill", "kill-thread", "ptrace"])
async def test_no_other_process_can_be_touched(inside: Inside, neighbour: int, name: str) -> None:
    assert await inside.attempt(name, neighbour) == f"refused {name} EPERM"
    os.kill(neighbour, 0)


async def test_only_the_port_of_the_run_can_be_reached(
    inside: Inside, listening: socket.socket
) -> None:
    port = listening.getsockname()[1]
    allowed = Access(seconds=30, port=port)
    assert await inside.attempt("connect", port, allowed) == "done connect"
    assert await inside.attempt("connect", port) == "refused connect EACCES"
    other = structs.replace(allowed, port=port - 1)
    assert await inside.attempt("connect", port, other) == "refused connect EACCES"


async def test_connecting_while_sending_is_no_way_around(
    inside: Inside, listening: socket.socket
) -> None:
    port = listening.getsockname()[1]
    assert await inside.attempt("fast-open", port) == "refused fast-open EPERM"


async def test_only_the_files_of_the_run_can_be_used(inside: Inside, secret: Path) -> None:
    reading = Access(seconds=30, reads=(str(secret),))
    assert await inside.attempt("read", secret, reading) == "done read"
    assert await inside.attempt("write", secret, reading) == "refused write EACCES"
    writing = Access(seconds=30, writes=(str(secret),))
    assert await inside.attempt("write", secret, writing) == "done write"


async def test_no_descriptor_is_inherited_but_those_of_the_run(inside: Inside) -> None:
    low, high = os.memfd_create("low"), 200
    os.dup2(low, high, inheritable=True)
    try:
        assert await inside.attempt("descriptor", high) == "refused descriptor EBADF"
        given = Access(seconds=30, descriptors=(high,))
        assert await inside.attempt("descriptor", high, given) == "done descriptor"
    finally:
        os.close(low)
        os.close(high)


async def test_memory_has_a_limit(inside: Inside) -> None:
    assert await inside.attempt("allocate", MEMORY) == "refused allocate memory"


async def test_it_may_end_itself_by_abort(inside: Inside) -> None:
    assert (await inside.attempt("own-abort")).startswith("code -6")


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can become somebody else")
async def test_a_child_of_root_is_nobody_and_stays_it(inside: Inside) -> None:
    assert await inside.attempt("become-root") == "refused become-root EPERM"


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can become somebody else")
async def test_an_unprivileged_converter_has_all_layers_too(inside: Inside, secret: Path) -> None:
    def attempts() -> None:
        os.setgroups([])
        os.setgid(SOME_USER)
        os.setuid(SOME_USER)
        assert inside.sandbox.user is None
        launcher = Launcher() if inside.launcher else None  # of this process, and of this user
        told = asyncio.run(_several(Inside(inside.sandbox, inside.script, launcher), secret))
        assert told == ["done nothing", "refused read EACCES", "refused fork EPERM"], told

    assert _in_a_fork(attempts) == 0


async def _several(inside: Inside, secret: Path) -> list[str]:
    tried = (("nothing", ""), ("read", secret), ("fork", ""))
    return [await inside.attempt(name, argument) for name, argument in tried]


def _in_a_fork(work: object) -> int:
    """Do something in a child that may change its user for good; return how it ended."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # no other thread is of interest here
        pid = os.fork()
    if pid == 0:
        code = 1
        try:
            asyncio.set_event_loop(None)
            asyncio._set_running_loop(None)
            assert callable(work)
            work()
            code = 0
        finally:
            os._exit(code)
    return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])


def with_layer(inside: Inside, layer: Layer) -> Inside:
    """The same with one layer alone."""
    sandbox = structs.replace(inside.sandbox, layers=frozenset({layer}))
    return Inside(sandbox, inside.script, inside.launcher)


async def test_each_layer_is_worth_having_alone(inside: Inside, secret: Path) -> None:
    alone = with_layer(inside, Layer.SECCOMP)
    assert await alone.attempt("fork") == "refused fork EPERM"
    assert await alone.attempt("read", secret) == "done read"
    files = with_layer(inside, Layer.FILES)
    assert await files.attempt("read", secret) == "refused read EACCES"
    assert await files.attempt("udp") == "done udp"


async def test_what_it_costs(inside: Inside, capsys: pytest.CaptureFixture[str]) -> None:
    async def run(*, contained: bool) -> float:
        began = time.perf_counter()
        with inside.sandbox.prepared(Access(seconds=30)) as enter:
            argv = [inside.sandbox.program.path, "-V"]
            entering = enter if contained else None
            await output_of(argv, seconds=30, enter=entering, launcher=inside.launcher)
        return (time.perf_counter() - began) * 1000

    pairs = [(await run(contained=True), await run(contained=False)) for _ in range(15)]
    contained, plain = (statistics.median(times) for times in zip(*pairs, strict=True))
    with capsys.disabled():
        print(f"\na start takes {contained:.1f} ms contained, {plain:.1f} plain")  # noqa: T201
    assert len(pairs) == 15, "each of them started"
