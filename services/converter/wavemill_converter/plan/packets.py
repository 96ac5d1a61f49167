"""Packets: how much of a source ffmpeg reads at a time, and how many it reads to tell a codec.

Of WAV it reads 4 KiB at a time, and wakes its threads as often: larger packets save a thirtieth of
the time of a fast encoder. But they also become the frames of whatever has none of its own: PCM
encoders, and filters, whose noise and rounding may begin anew with each. (FLAC's encoder has none
either, unless they are asked for by size, as they always are.)

What WAV calls 16-bit PCM may be DTS. To tell, ffmpeg lets all of its demuxers look at 32 packets,
which takes 30 ms of computing. Once it has been told (`Probed`), one packet gives the same answer.
"""

from collections.abc import Iterable
from typing import Final

from wavemill_converter.plan.plan import ConversionPlan
from wavemill_converter.probe.source import Probed

_LARGE: Final = ("-max_size", str(64 * 1024))
_TOLD: Final = ("-max_probe_packets", "1")


def packet_options(probed: Probed, plans: Iterable[ConversionPlan]) -> tuple[str, ...]:
    """The options of the demuxer with which a source is read for all of these results."""
    codec = probed.media.codec or ""
    if probed.demuxer != "wav" or not codec.startswith("pcm_"):
        return ()
    large = _LARGE if all(map(_has_frames, plans)) else ()
    return (*large, *_TOLD) if codec == "pcm_s16le" else large


def _has_frames(plan: ConversionPlan) -> bool:
    """Whether the encoder cuts the very samples of the source into frames of its own size."""
    filtered = plan.trim or plan.processing or plan.resample or plan.mix or plan.dither
    return not (plan.copied or filtered or plan.encoder.startswith("pcm_"))
