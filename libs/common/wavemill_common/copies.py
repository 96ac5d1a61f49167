"""Copies: where a source's own packets can be the result's, so that nothing is lost at all. Pure.

The converter decides by what ffmpeg finds, the gateway foresees it by what a quick look tells.

Only pairs whose copies decode to the very samples of the source, by ffmpeg 5 and 9, are in the
table. Those that are not: AAC from MP4 to ADTS and Opus from WebM to Ogg play the encoder's delay;
Vorbis, AAC and MP3 from Matroska, and MP3 without a Xing header, lose or gain hundreds of samples;
ALAC in CAF loses its end under ffmpeg 9; TTA from Matroska fails. FLAC in its own container takes
the count and the MD5 of its samples over from the source, where they may be missing (Ogg) or wrong
(a file that was cut off). It gains as little by a copy as PCM: to encode them anew is as exact.
"""

from types import MappingProxyType
from typing import Final

from wavemill_common.formats import Encoding, Format
from wavemill_common.options import ConvertOptions

_MP4: Final = ("m4a", "m4b")
_FLAC: Final = ("mka",)

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
_ROUNDING: Final = 1.1  # a container's bitrate counts its headers and tags


def is_exact(target: Format, encoding: Encoding, codec: str | None, demuxer: str) -> bool:
    """Whether standard quality is asked for of what can be copied into this format.

    Other qualities are asked for on purpose, so they are always encoded.
    """
    is_standard = encoding == target.presets.get("standard")
    return is_standard and target.id in EXACT.get((codec or "", demuxer), ())


def leaves_samples(
    target: Format, options: ConvertOptions, *, rate: int, channels: int, bits: int | None
) -> bool:
    """Whether no sample of such a source is touched: not asked for, nor needed by the format."""
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
        and options.sample_rate in (None, rate)
        and options.channels in (None, channels)
        and options.bit_depth in (None, bits)
        and target.takes_rate(rate)
        and channels <= target.max_channels
    )


def is_small_enough(target: Format, encoding: Encoding, channels: int, bitrate: int | None) -> bool:
    """Whether a lossy source's bitrate is not above what standard would give.

    It would sound worse encoded anew and be no smaller, while a larger one is to be made smaller.
    """
    standard = encoding.bitrate or _VBR_BITRATE.get(target.id, 0) * channels
    return bitrate is not None and bitrate <= standard * _ROUNDING
