"""Decoded: what ffmpeg says of a sound that it decoded from its first to its last sample."""

import re

from msgspec import Struct

from wavemill_converter.ffmpeg.progress import parse_ffmpeg_progress
from wavemill_converter.probe.layouts import channels_of
from wavemill_converter.probe.text import parse_input

_MD5 = re.compile(r"MD5=([0-9a-f]{32})")


class Decoded(Struct, frozen=True, kw_only=True):
    """What a sound decodes to: seconds, Hz, channels, the MD5 of its samples."""

    duration: float | None
    sample_rate: int | None
    channels: int | None
    md5: str | None


def parse_decoded(out: str, err: str) -> Decoded:
    """Read what ffmpeg printed while it decoded."""
    described = parse_input(err)
    stream = described.audio[0] if described and described.audio else None
    steps = [parse_ffmpeg_progress(line) for line in re.split(r"[\r\n]", err)]
    times = [step.out_time for step in steps if step and step.out_time is not None]
    digest = _MD5.search(out)
    return Decoded(
        duration=times[-1] if times else None,
        sample_rate=stream.sample_rate if stream else None,
        channels=channels_of(stream.layout) if stream and stream.layout else None,
        md5=digest[1] if digest else None,
    )
