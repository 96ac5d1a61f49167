"""Measure how loud a source or a result is, by a pass of its own through ffmpeg's meter."""

import asyncio
from collections.abc import Callable, Sequence

from wavemill_common.errors import FfmpegTimeout
from wavemill_converter.ffmpeg.commands import measure_command
from wavemill_converter.ffmpeg.contained import started_on
from wavemill_converter.ffmpeg.failures import PHRASES, failure_of
from wavemill_converter.ffmpeg.installation import Ffmpeg
from wavemill_converter.ffmpeg.lines import LineSplitter, Log
from wavemill_converter.ffmpeg.places import Input
from wavemill_converter.ffmpeg.progress import BlockReader
from wavemill_converter.loudness.ebur128 import METER, Measured, parse_summary
from wavemill_converter.sandbox.outlet import Outlet
from wavemill_converter.sandbox.process import CHUNK

OnTime = Callable[[float], None]
"""Takes the seconds of sound that were measured so far."""


async def measure(
    ffmpeg: Ffmpeg,
    source: Input,
    demuxer: str,
    filters: Sequence[str] = (),
    *,
    seconds: float,
    on_time: OnTime | None = None,
) -> Measured:
    """Decode the first audio stream through `filters` and measure what comes out.

    Raises:
        FfmpegTimeout: it took longer than `seconds`.
        NotAudio, FfmpegKilled, FfmpegFailed: how ffmpeg ended.
    """
    argv = measure_command(ffmpeg.path, source, demuxer, (*filters, METER))
    log, progress = Log(PHRASES), _Progress(on_time)
    try:
        async with (
            started_on(ffmpeg, argv, source, (), seconds=seconds, file_bytes=0) as child,
            asyncio.timeout(seconds),
            asyncio.TaskGroup() as tasks,
        ):
            tasks.create_task(_each_line(child.stderr, log.add))
            tasks.create_task(_each_line(child.stdout, progress.add))
            ending = tasks.create_task(child.wait())
    except TimeoutError:
        raise FfmpegTimeout(
            f"the loudness could not be measured within {seconds:.0f} seconds"
        ) from None
    if code := ending.result():
        raise failure_of(code, log)
    return parse_summary("\n".join(log.tail), progress.seconds)


class _Progress:
    def __init__(self, on_time: OnTime | None) -> None:
        self._blocks = BlockReader()
        self._on_time = on_time
        self.seconds: float | None = None

    def add(self, line: str) -> None:
        report = self._blocks.feed(line)
        if report and report.out_time is not None:
            self.seconds = report.out_time
            if self._on_time:
                self._on_time(report.out_time)


async def _each_line(stream: Outlet, take: Callable[[str], None]) -> None:
    lines = LineSplitter()
    while data := await stream.read(CHUNK):
        for line in lines.feed(data):
            take(line)
    for line in lines.end():
        take(line)
