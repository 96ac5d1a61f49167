"""Remux: where the source's own packets are the result's, judged by what ffmpeg found in it."""

from typing import Final

from wavemill_common.copies import is_exact, is_small_enough, leaves_samples
from wavemill_common.formats import Encoding, Format
from wavemill_common.options import ConvertOptions
from wavemill_converter.ffmpeg.codecs import Depth
from wavemill_converter.probe.source import Probed

_MOVIE: Final = "ipod"
_LATE: Final = 0.1  # seconds; more than an encoder's delay: the sound does not begin at once


def can_copy(target: Format, encoding: Encoding, options: ConvertOptions, probed: Probed) -> bool:
    """Whether the source can be copied: standard quality is asked, and no sample is touched."""
    rate, channels, bitrate = probed.sample_rate, probed.channels, probed.media.bitrate
    return (
        is_exact(target, encoding, probed.media.codec, probed.demuxer)
        and leaves_samples(target, options, rate=rate, channels=channels, bits=probed.bits)
        and _tells_its_length(probed)
        and (probed.lossless or is_small_enough(target, encoding, channels, bitrate))
    )


def copy_words(muxer: str, sample_rate: int) -> tuple[str, ...]:
    """Stand in the place of the encoder's words; there are no filters, rate or sample format then.

    ffmpeg 5 would round the end of what MP4 plays to milliseconds.
    """
    exact = ("-movie_timescale", str(sample_rate)) if muxer == _MOVIE else ()
    return ("-c:a", "copy", *exact)


def depth_of_copy(probed: Probed) -> Depth:
    """How samples are stored to be compared: whole, whatever the codec decodes to."""
    return Depth(32, "", floating=probed.floating)


def _tells_its_length(probed: Probed) -> bool:
    """MP3 is exact only if a Xing header tells its delay; then its duration is known exactly."""
    late = abs(probed.start or 0.0) > _LATE
    return not late and (probed.media.codec != "mp3" or probed.duration_exact)
