"""Digest: the MD5 of a source's samples, by an ffmpeg beside those that encode its segments.

An MD5 cannot be put together of the parts'. Where the source holds its samples as the result counts
them, they are only copied into the digest; that takes half of what decoding them does.
"""

import re
from typing import Final

from msgspec import Struct

from wavemill_common.errors import FfmpegTimeout
from wavemill_converter.ffmpeg.commands import ALONE, decode_command, open_source
from wavemill_converter.ffmpeg.contained import output_on
from wavemill_converter.ffmpeg.failures import PHRASES, failure_of
from wavemill_converter.ffmpeg.installation import Ffmpeg
from wavemill_converter.ffmpeg.lines import Log
from wavemill_converter.ffmpeg.places import Input
from wavemill_converter.plan.plan import ConversionPlan
from wavemill_converter.probe.source import Probed
from wavemill_converter.transcode.peaks import MAX_TEXT, Tap

_MD5: Final = re.compile(r"MD5=([0-9a-f]{32})")
_BYTES: Final = re.compile(r"Output stream #0:0 \(audio\): .*packets muxed \((\d{1,18}) bytes\)")


class Digest(Struct, frozen=True):
    """An MD5 (hex), and of how many bytes."""

    md5: str
    size: int


async def digest_source(
    ffmpeg: Ffmpeg,
    source: Input,
    plan: ConversionPlan,
    probed: Probed,
    seconds: float,
    tap: Tap | None = None,
) -> Digest | None:
    """Digest all samples of a source; `tap` hears them. None if ffmpeg did not tell.

    Raises:
        ConversionError: the source could not be read or decoded.
    """
    command = digest_command(ffmpeg.path, source, plan, probed, tap.filters if tap else ())
    heard = (tap.destination,) if tap else ()
    try:
        code, out, err = await output_on(
            ffmpeg, command, source, seconds, destinations=heard, file_bytes=MAX_TEXT if tap else 0
        )
    except TimeoutError:
        raise FfmpegTimeout(f"the file could not be read in {seconds:.0f} seconds") from None
    if code:
        log = Log(PHRASES)
        for line in err.splitlines():
            log.add(line)
        raise failure_of(code, log)
    return parse_digest(out, err)


def digest_command(
    ffmpeg: str, source: Input, plan: ConversionPlan, probed: Probed, listening: tuple[str, ...]
) -> list[str]:
    """Print the MD5 of a source's samples, and on stderr how many bytes they were."""
    if listening or probed.media.codec != plan.pcm:
        command = decode_command(ffmpeg, source, plan.pcm, plan.demuxer, listening)
        command[command.index("-loglevel") + 1] = "verbose"
        return command
    copied = ("-map", "0:a:0", "-c:a", "copy", "-f", "md5", "pipe:1")
    return [ffmpeg, *ALONE, "-loglevel", "verbose", *open_source(source, plan.demuxer), *copied]


def parse_digest(out: str, err: str) -> Digest | None:
    """Read what ffmpeg printed."""
    md5, size = _MD5.search(out), _BYTES.search(err)
    return Digest(md5[1], int(size[1])) if md5 and size else None
