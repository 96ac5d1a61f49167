"""Whatever a stand-in for ffmpeg does: a named error, in time and bounded memory; all is dead."""

import asyncio
import tracemalloc
from collections.abc import Callable
from pathlib import Path

import pytest

from wavemill_common.catalogue import FORMATS
from wavemill_common.errors import (
    ConversionError,
    FfmpegCrashed,
    FfmpegFailed,
    FfmpegKilled,
    FfmpegTimeout,
    LimitExceeded,
    NotAudio,
    ScratchFull,
)
from wavemill_common.media import MediaInfo
from wavemill_common.options import ConvertOptions
from wavemill_converter.ffmpeg.installation import Ffmpeg
from wavemill_converter.ffmpeg.progress import TranscodeProgress
from wavemill_converter.plan.plan import ConversionPlan, plan_conversion
from wavemill_converter.probe.source import Probed
from wavemill_converter.transcode.outcome import Timeouts, Transcoded
from wavemill_converter.transcode.transcode import transcode

QUICK = Timeouts(stall=0.3, total=20.0)
REPORT = r"printf 'out_time_us=%s000000\ntotal_size=%s\nspeed=2x\nprogress=continue\n'"
END = r"printf 'out_time_us=10000000\ntotal_size=99\nspeed=2x\nprogress=end\n'"

OnProgress = Callable[[TranscodeProgress], None]


class Stand:
    """A shell script in the place of ffmpeg; it may write its processes' ids to `pids`."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.pids = folder / "pids"

    async def run(
        self,
        body: str,
        timeouts: Timeouts = QUICK,
        on_progress: OnProgress = lambda _: None,
    ) -> Transcoded:
        path = self.folder / "ffmpeg"
        path.write_text(f"#!/bin/sh\ncd {self.folder}\necho $$ >> pids\n{body}\n")
        path.chmod(0o755)
        ffmpeg = Ffmpeg(str(path), "0", ("mp3",))
        source, target = self.folder / "source", self.folder / "result"
        return await transcode(ffmpeg, source, target, plan(), timeouts, on_progress)

    async def started(self, processes: int) -> None:
        await until(lambda: self.pids.exists() and len(self.pids.read_text().split()) >= processes)

    async def is_dead(self) -> None:
        """Wait until all that it started is gone; the first, our own child, must be reaped."""
        first, *others = map(int, self.pids.read_text().split())
        assert not Path(f"/proc/{first}").exists()
        await until(lambda: not any(map(is_running, others)))


@pytest.fixture
def stand(tmp_path: Path) -> Stand:
    return Stand(tmp_path)


def plan() -> ConversionPlan:
    probed = Probed(
        media=MediaInfo(duration=10.0),
        demuxer="wav",
        layout="stereo",
        channels=2,
        sample_rate=44_100,
        bits=16,
        floating=False,
        lossless=True,
        size=1_764_044,
        duration_exact=True,
    )
    target = FORMATS["mp3"]
    return plan_conversion(target, target.encoding("standard"), ConvertOptions(), probed)


def is_running(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] not in "ZX"
    except (FileNotFoundError, ProcessLookupError):
        return False


async def until(condition: Callable[[], bool]) -> None:
    async with asyncio.timeout(10):
        while not condition():
            await asyncio.sleep(0.01)


async def test_one_that_hangs_is_stopped_in_time(stand: Stand) -> None:
    with pytest.raises(FfmpegTimeout, match="no progress"):
        await stand.run("exec sleep 1000")
    await stand.is_dead()


async def test_one_that_reports_the_same_progress_forever_hangs_too(stand: Stand) -> None:
    with pytest.raises(FfmpegTimeout, match="no progress"):
        await stand.run(f"while :; do {REPORT} 5 5; sleep 0.05; done")
    await stand.is_dead()


async def test_one_that_moves_but_never_ends_meets_the_total_timeout(stand: Stand) -> None:
    body = f"i=0; while :; do i=$((i+1)); {REPORT} $i $i; sleep 0.05; done"
    with pytest.raises(FfmpegTimeout, match="took longer than 1 seconds"):
        await stand.run(body, Timeouts(stall=10.0, total=1.0))
    await stand.is_dead()


async def test_ignoring_signals_and_starting_children_does_not_help(stand: Stand) -> None:
    body = "trap '' TERM INT HUP\nsleep 1000 &\necho $! >> pids\n(sleep 1000) & echo $! >> pids\n"
    with pytest.raises(FfmpegTimeout):
        await stand.run(f"{body}while :; do sleep 100; done")
    await stand.is_dead()


async def test_a_child_left_behind_with_the_pipes_delays_nothing(stand: Stand) -> None:
    done = await stand.run(f"sleep 1000 &\necho $! >> pids\n{END}\n", Timeouts(stall=30.0))
    assert done.out_time == 10.0
    await stand.is_dead()


async def test_one_that_floods_its_log_is_kept_in_bounded_memory(stand: Stand) -> None:
    tracemalloc.start()
    try:
        with pytest.raises(FfmpegTimeout) as caught:
            await stand.run("yes 'some words to fill the log' >&2 & exec cat /dev/zero >&2")
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak < 4_000_000
    assert len(caught.value.members["detail"]) < 30_000
    await stand.is_dead()


async def test_garbage_among_the_progress_is_ignored(stand: Stand) -> None:
    told: list[TranscodeProgress] = []
    body = f"head -c 300000 /dev/urandom; echo; {REPORT} 5 50; echo progress; echo =; {END}"
    done = await stand.run(body, on_progress=told.append)
    assert (done.out_time, done.total_size) == (10.0, 99)
    assert [one.percent for one in told][-2:] == [50, 99]


@pytest.mark.parametrize(
    ("body", "error", "says"),
    [
        ("kill -9 $$", FfmpegKilled, "SIGKILL"),
        ("kill -SEGV $$", FfmpegCrashed, "SIGSEGV"),
        ("kill -ABRT $$", FfmpegCrashed, "SIGABRT"),
        ("echo 'Exiting normally, received signal 15.' >&2; exit 255", FfmpegKilled, "stopped"),
        ("echo 'x: No space left on device' >&2; exit 228", ScratchFull, "no disk space"),
        ("echo 'file:x: Invalid data found when processing input' >&2; exit 1", NotAudio, "mp3"),
        ("echo Input \\#0, x; exit 69", NotAudio, "no audio could be decoded"),
        ("exit 1", FfmpegFailed, "code 1"),
        ("kill -XFSZ $$", LimitExceeded, "grew beyond"),
        ("kill -XCPU $$", FfmpegTimeout, "computing time"),
        ("kill -SYS $$", FfmpegFailed, "must not"),
        ("echo 'Exiting normally, received signal 24.' >&2; exit 255", FfmpegTimeout, "computing"),
        ("echo 'Received > 3 system signals, hard exiting' >&2; exit 123", FfmpegTimeout, "comput"),
        ("echo 'Error: Cannot allocate memory' >&2; exit 244", LimitExceeded, "memory"),
        (
            "echo 'Input #0, x' >&2; echo 'Invalid data found when processing input' >&2; exit 183",
            FfmpegFailed,
            "code 183",
        ),
    ],
)
async def test_each_way_to_fail_has_its_name(
    stand: Stand, body: str, error: type[ConversionError], says: str
) -> None:
    with pytest.raises(ConversionError) as caught:
        await stand.run(body)
    assert type(caught.value) is error
    assert says in caught.value.message


async def test_the_detail_holds_the_last_words_without_our_paths(stand: Stand) -> None:
    body = f"for i in 1 2 3; do echo line $i of file:{stand.folder}/source >&2; done; exit 3"
    with pytest.raises(FfmpegFailed) as caught:
        await stand.run(body)
    assert caught.value.members["detail"].splitlines() == [f"line {i} of source" for i in (1, 2, 3)]


async def test_an_old_alarm_is_not_forgotten_under_newer_lines(stand: Stand) -> None:
    noise = "i=0; while [ $i -lt 500 ]; do echo noise >&2; i=$((i+1)); done"
    done = await stand.run(f"echo '[in#0] Error during demuxing: x' >&2; {noise}; {END}")
    assert done.alarms == ("Error during demuxing",)
    assert len(done.log) == 200


async def test_a_cancelled_conversion_leaves_nothing_running(stand: Stand) -> None:
    body = "sleep 1000 & echo $! >> pids; trap '' TERM; while :; do sleep 100; done"
    running = asyncio.create_task(stand.run(body, Timeouts()))
    await stand.started(2)
    running.cancel()
    with pytest.raises(asyncio.CancelledError):
        await running
    await stand.is_dead()


async def test_an_error_of_the_listener_ends_the_conversion(stand: Stand) -> None:
    def lost(_: TranscodeProgress) -> None:
        raise RuntimeError("the lease is lost")

    with pytest.raises(RuntimeError, match="the lease is lost"):
        await stand.run(f"{REPORT} 1 1; exec sleep 1000", Timeouts(), lost)
    await stand.is_dead()


async def test_a_child_gets_none_of_our_environment_and_no_input(
    stand: Stand, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("WAVEMILL_SECRET", "hush")
    with pytest.raises(FfmpegFailed) as caught:
        await stand.run("env >&2; cat >&2; exit 1")
    names = {line.partition("=")[0] for line in caught.value.members["detail"].splitlines()}
    assert names <= {"PATH", "LC_ALL", "PWD", "OLDPWD", "_", "SHLVL"}


async def test_many_conversions_leave_no_descriptor_open(stand: Stand) -> None:
    before = len(list(Path("/proc/self/fd").iterdir()))
    for _ in range(10):
        await stand.run(END)
    assert len(list(Path("/proc/self/fd").iterdir())) <= before + 1
