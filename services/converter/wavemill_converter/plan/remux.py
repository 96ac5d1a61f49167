"""Remux: where the source's own packets can be the result's, so that nothing is lost at all.

Only pairs whose copies decode to the very samples of the source, by ffmpeg 5 and 9, are in the
table. Those that are not: AAC from MP4 to ADTS and Opus from WebM to Ogg play the encoder's delay;
Vorbis, AAC and MP3 from Matroska, and MP3 without a Xing header, lose or gain hundreds of samples;
ALAC in CAF loses its end under ffmpeg 9; TTA from Matroska fails. PCM gains nothing: to encode it
anew is as exact and as fast.
"""

from types import MappingProxyType
from typing import Final

from wavemill_common.formats import Encoding, Format
from wavemill_common.options import ConvertOptions
from wavemill_converter.probe.source import Probed

_MP4: Final = ("m4a", "m4b")
_FLAC: Final = ("flac", "mka")

EXACT: Final = MappingProxyType(
    {
        ("aac", "mov"): _MP4,
        ("aac", "aac"): (*_MP4, "aac"),
        ("mp3", "mp3"): ("mp3",),
        ("opus", "ogg"): ("opus", "webm"),
        ("opus", "matroska"): ("webm",),
        ("vorbis", "ogg"): ("ogg",),
        ("flac", "flac"): _FLAC,
        ("flac", "matroska"): _FLAC,
        ("flac", "ogg"): _FLAC,
        ("flac", "mov"): _FLAC,
        ("alac", "mov"): ("alac",),
        ("wavpack", "wv"): ("wv",),
        ("tta", "tta"): ("tta",),
        ("ac3", "ac3"): ("ac3",),
    }
)
"""Formats that a codec, as found in a demuxer's container, can be copied into exactly."""

_VBR_BITRATE: Final = {"mp3": 95_000, "ogg": 80_000}  # of standard, in bit/s and channel
_MOVIE: Final = "ipod"
_ROUNDING: Final = 1.1  # a container's bitrate counts its headers and tags
_LATE: Final = 0.1  # seconds; more than an encoder's delay: the sound does not begin at once


def can_copy(target: Format, encoding: Encoding, options: ConvertOptions, probed: Probed) -> bool:
    """Whether the source can be copied: standard quality is asked, and no sample is touched.

    A lossy source is copied only if its bitrate is not above what standard would give: it would
    sound worse encoded anew and be no smaller, while a larger one is to be made smaller. Other
    qualities are asked for on purpose, so they are always encoded.
    """
    return (
        encoding == target.presets.get("standard")
        and target.id in EXACT.get((probed.media.codec or "", probed.demuxer), ())
        and _leaves_samples(options, probed)
        and _can_have(target, probed)
        and _tells_its_length(probed)
        and (probed.lossless or _is_small_enough(target, encoding, probed))
    )


def copy_words(muxer: str, sample_rate: int) -> tuple[str, ...]:
    """Stand in the place of the encoder's words; there are no filters, rate or sample format then.

    ffmpeg 5 would round the end of what MP4 plays to milliseconds.
    """
    exact = ("-movie_timescale", str(sample_rate)) if muxer == _MOVIE else ()
    return ("-c:a", "copy", *exact)


def _leaves_samples(options: ConvertOptions, probed: Probed) -> bool:
    untouched = (
        options.trim_start,
        options.trim_end,
        options.fade_in,
        options.fade_out,
        options.loudness,
        options.split,
    )
    return (
        not any(untouched)
        and options.sample_rate in (None, probed.sample_rate)
        and options.channels in (None, probed.channels)
        and options.bit_depth in (None, probed.bits)
    )


def _can_have(target: Format, probed: Probed) -> bool:
    return target.takes_rate(probed.sample_rate) and probed.channels <= target.max_channels


def _tells_its_length(probed: Probed) -> bool:
    """MP3 is exact only if a Xing header tells its delay; then its duration is known exactly."""
    late = abs(probed.start or 0.0) > _LATE
    return not late and (probed.media.codec != "mp3" or probed.duration_exact)


def _is_small_enough(target: Format, encoding: Encoding, probed: Probed) -> bool:
    standard = encoding.bitrate or _VBR_BITRATE.get(target.id, 0) * probed.channels
    bitrate = probed.media.bitrate
    return bitrate is not None and bitrate <= standard * _ROUNDING
