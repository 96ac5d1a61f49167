"""Ask ffmpeg what a source is, and refuse what is no audio or too much of it."""

import asyncio
import os
from pathlib import Path

from wavemill_common.errors import FfmpegTimeout
from wavemill_converter.ffmpeg.commands import probe_command
from wavemill_converter.ffmpeg.contained import local_input, output_on
from wavemill_converter.ffmpeg.failures import PHRASES, failure_of
from wavemill_converter.ffmpeg.installation import Ffmpeg
from wavemill_converter.ffmpeg.lines import Log
from wavemill_converter.ffmpeg.places import Input
from wavemill_converter.probe.ffmetadata import parse_global_tags, parse_stream_tags
from wavemill_converter.probe.limits import Limits, check_source
from wavemill_converter.probe.source import Probed, describe
from wavemill_converter.probe.text import InputText, parse_input
from wavemill_converter.probe.wave import HEAD, look_options

__all__ = ["PROBE_TIME", "Limits", "probe", "probe_input"]

PROBE_TIME = 60.0  # seconds; it takes 0.05, on a scratch file


async def probe(
    ffmpeg: Ffmpeg, source: Path, limits: Limits | None = None, *, seconds: float = PROBE_TIME
) -> Probed:
    """Tell what a local file is.

    Raises:
        NotAudio: nothing in it can be converted; the message says what could be.
        LimitExceeded: it is over one of the limits.
        FfmpegTimeout, FfmpegKilled, FfmpegCrashed, FfmpegFailed: it could not be told.
    """
    size = (await asyncio.to_thread(source.stat)).st_size
    with local_input(ffmpeg, source) as opened:
        probed = await probe_input(ffmpeg, opened, size, seconds)
    check_source(probed.media, limits or Limits())
    return probed


async def probe_input(ffmpeg: Ffmpeg, source: Input, size: int, seconds: float) -> Probed:
    """Tell what a source of `size` bytes is, wherever it is read from."""
    try:
        described, code, tags, text = await _look(ffmpeg, source, seconds)
    except TimeoutError:
        raise FfmpegTimeout(f"the file could not be read within {seconds:.0f} seconds") from None
    if described is None or code < 0:
        log = Log(PHRASES)
        for line in text.splitlines():
            log.add(line)
        raise failure_of(code, log)
    return describe(described, parse_global_tags(tags), size, parse_stream_tags(tags))


async def _look(
    ffmpeg: Ffmpeg, source: Input, seconds: float
) -> tuple[InputText | None, int, str, str]:
    """Look at a source, shortly where that is enough: what is said of it, code, tags, text."""
    options = look_options(await asyncio.to_thread(_head, source))
    for more in (options, ()) if options else ((),):
        command = probe_command(ffmpeg.path, source.with_options(*more))
        code, tags, text = await output_on(ffmpeg, command, source, seconds)
        described = parse_input(text)
        if described is not None and code >= 0:
            break  # else it may be no WAV, of which alone those options can be
    return described, code, tags, text


def _head(source: Input) -> bytes:
    """The first bytes of a source that is an open file; b"" of any other."""
    return os.pread(source.pass_fds[0], HEAD, 0) if source.pass_fds else b""
