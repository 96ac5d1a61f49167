"""A child that the launcher started is as one that was forked here: ours, contained, tethered."""

import asyncio
import os
import signal
import subprocess
import sys
from collections.abc import AsyncIterator, Sequence
from pathlib import Path
from typing import Any

import psutil
import pytest

from support.server import wait_until
from wavemill_converter.launch.wall import Wall
from wavemill_converter.sandbox import launching as module
from wavemill_converter.sandbox.launching import Launcher, launching
from wavemill_converter.sandbox.process import output_of, started

SLEEP = ("sleep", "1000")
SECRET = "WAVEMILL_TEST_SECRET"  # noqa: S105 - a name


@pytest.fixture
async def replaceable(monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Launcher]:
    """A launcher; what it does not start is forked here."""
    monkeypatch.setenv(SECRET, "of the house")
    async with launching(["true"]) as one:
        assert one is not None, "this machine has one"
        yield one


@pytest.fixture
def launcher(replaceable: Launcher, monkeypatch: pytest.MonkeyPatch) -> Launcher:
    """A launcher in whose place nothing is forked."""

    async def refused(*_: Any, **__: Any) -> None:
        raise AssertionError("forked here")

    monkeypatch.setattr("asyncio.create_subprocess_exec", refused)
    return replaceable


def helper(launcher: Launcher) -> psutil.Process:
    """The launcher's process."""
    assert launcher._process is not None
    return psutil.Process(launcher._process.pid)


def children() -> set[int]:
    return {one.pid for one in psutil.Process().children()}


async def said(launcher: Launcher | None, *argv: str, pass_fds: Sequence[int] = ()) -> str:
    code, out, err = await output_of(argv, seconds=30, pass_fds=pass_fds, launcher=launcher)
    assert code == 0, err
    return out


async def test_it_is_our_own_child_and_leads_a_group(launcher: Launcher) -> None:
    async with started(SLEEP, launcher=launcher) as child:
        process = psutil.Process(child.process.pid)
        assert process.ppid() == os.getpid()
        assert os.getsid(process.pid) == os.getpgid(process.pid) == process.pid
        assert child.process.returncode is None
    assert child.process.returncode == -signal.SIGKILL
    assert not psutil.pid_exists(process.pid)


async def test_its_end_is_told(launcher: Launcher) -> None:
    code, out, err = await output_of(
        ["sh", "-c", "echo out; echo err >&2; exit 7"], seconds=30, launcher=launcher
    )
    assert (code, out, err) == (7, "out\n", "err\n")
    code, *_ = await output_of(["sh", "-c", "kill -ABRT $$"], seconds=30, launcher=launcher)
    assert code == -signal.SIGABRT


async def test_the_kernel_knows_no_difference(replaceable: Launcher) -> None:
    """Signals, limits, descriptors, priority, environment: all are those of a forked one."""
    look = (
        "grep -E '^(Sig(Blk|Ign|Cgt)|Umask|NoNewP|Seccomp|Uid|Gid|Groups|Cap)' /proc/self/status;"
        "cat /proc/self/limits; ls -1 /proc/self/fd; readlink /proc/self/fd/0 /proc/self/cwd;"
        "cut -d' ' -f18,19,41 /proc/self/stat; tr '\\0' '\\n' < /proc/self/environ"
    )
    launched = await said(replaceable, "sh", "-c", look)
    assert launched == await said(None, "sh", "-c", look)
    assert SECRET not in launched


async def test_descriptors_keep_their_numbers_whatever_comes_first(launcher: Launcher) -> None:
    files = [os.memfd_create(f"file {number}") for number in range(12)]
    try:
        for number, one in enumerate(files):
            os.write(one, f"{number} ".encode())
            os.lseek(one, 0, os.SEEK_SET)
        mixed = [*reversed(files)]
        script = ";".join(f"cat /proc/self/fd/{one}" for one in files)
        told = await said(launcher, "sh", "-c", script, pass_fds=mixed)
    finally:
        for one in files:
            os.close(one)
    assert told.split() == [str(number) for number in range(12)]


async def test_what_cannot_be_executed_is_named(launcher: Launcher) -> None:
    before = children()
    with pytest.raises(FileNotFoundError) as caught:
        await said(launcher, "/nowhere/ffmpeg")
    assert caught.value.filename == "/nowhere/ffmpeg"
    assert children() == before


async def test_what_cannot_be_contained_does_not_run(launcher: Launcher, tmp_path: Path) -> None:
    before, trace = children(), tmp_path / "it ran"
    with (tmp_path / "no ruleset").open("w") as file:
        wall = Wall(ruleset=file.fileno())
        with pytest.raises(subprocess.SubprocessError, match=r"entering.*landlock"):
            await output_of(["touch", str(trace)], seconds=30, enter=wall, launcher=launcher)
    assert not trace.exists()
    assert children() == before


async def test_a_cancelled_start_leaves_nothing(launcher: Launcher) -> None:
    before = children()

    async def run() -> None:
        async with started(SLEEP, launcher=launcher):
            await asyncio.sleep(1000)

    for moment in range(12):
        task = asyncio.create_task(run())
        await asyncio.sleep(moment / 2000)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        assert children() == before


async def test_a_launcher_that_is_killed_takes_nothing_with_it(replaceable: Launcher) -> None:
    async with started(SLEEP, launcher=replaceable) as child:
        first = helper(replaceable)
        first.kill()
        assert await said(replaceable, "echo", "forked here") == "forked here\n"
        assert await said(replaceable, "echo", "launched again") == "launched again\n"
        assert helper(replaceable).pid != first.pid
        assert child.process.returncode is None
        assert psutil.Process(child.process.pid).status() != psutil.STATUS_ZOMBIE


async def test_a_launcher_that_hangs_is_given_up(
    replaceable: Launcher, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "PATIENCE", 0.2)
    helper(replaceable).suspend()
    assert await said(replaceable, "echo", "forked here") == "forked here\n"


async def test_it_holds_no_secret(launcher: Launcher) -> None:
    assert helper(launcher).environ().keys() == {"PATH", "LC_ALL"}


async def test_it_stays_small(launcher: Launcher) -> None:
    """What it would import beside Python's own is copied with each fork."""
    await said(launcher, "true")
    assert helper(launcher).memory_info().rss < 20 << 20
    assert "site-packages/" not in "".join(one.path for one in helper(launcher).memory_maps())


async def test_all_of_it_dies_with_its_converter(tmp_path: Path) -> None:
    script = tmp_path / "converter.py"
    script.write_text(
        "import asyncio\n"
        "from wavemill_converter.sandbox.launching import Launcher\n"
        "from wavemill_converter.sandbox.process import started\n"
        "async def main():\n"
        "    launcher = Launcher()\n"
        f"    async with started({SLEEP}, launcher=launcher) as child:\n"
        "        print(launcher._process.pid, child.process.pid, flush=True)\n"
        "        await asyncio.sleep(1000)\n"
        "asyncio.run(main())\n"
    )
    with subprocess.Popen([sys.executable, str(script)], stdout=subprocess.PIPE) as converter:
        assert converter.stdout is not None
        pids = [int(word) for word in converter.stdout.readline().split()]
        assert len(pids) == 2
        assert all(psutil.pid_exists(pid) for pid in pids)
        converter.kill()
    wait_until(lambda: not any(_runs(pid) for pid in pids), 10)


def _runs(pid: int) -> bool:
    try:
        return psutil.Process(pid).status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False
