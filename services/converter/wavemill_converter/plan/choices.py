"""The choices behind a plan: which layout and depth suit a source, as pure functions."""

from wavemill_common.formats import Encoding, Format
from wavemill_common.options import ConvertOptions
from wavemill_converter.ffmpeg.codecs import Codec, Depth
from wavemill_converter.probe.layouts import channels_of
from wavemill_converter.probe.source import Probed

FLOAT_DEPTH = 32  # bits; who asks for 32 gets float
_CD_DEPTH = 16  # bits; what a lossy codec gives is not worth more
_STANDARD_LAYOUTS = ("mono", "stereo", "2.1", "quad", "5.0", "5.1", "6.1", "7.1")


def choose_layout(
    target: Format, codec: Codec, encoding: Encoding, options: ConvertOptions, source: str
) -> str:
    """Choose the layout: the source's own if it may stay, else the codec's usual one.

    The layout is always named to ffmpeg: left alone, it turns quad into 5.0 and 7.1 into 6.1
    for ALAC, and gives up on 5.1(side) for Opus.
    """
    has = channels_of(source)
    channels = options.channels or min(encoding.channels or has, has, target.max_channels)
    takes_source = codec.layouts is None or source in (*codec.layouts, *codec.also_layouts)
    if channels == has and takes_source:
        return source
    return (codec.layouts or _STANDARD_LAYOUTS)[channels - 1]


def choose_depth(
    codec: Codec, encoding: Encoding, options: ConvertOptions, probed: Probed
) -> Depth | None:
    """Choose how samples are stored; None where the codec has no such choice.

    What a lossy source decodes to is worth 16 bits; a lossless one keeps its depth where it can.
    """
    if not codec.depths:
        return None
    floating = probed.lossless and probed.floating
    bits = probed.bits if probed.lossless else _CD_DEPTH
    asked = options.bit_depth or encoding.depth
    if asked:
        bits, floating = asked, asked == FLOAT_DEPTH
    holding = (depth for depth in codec.depths if depth.holds(bits, floating=floating))
    return next(holding, codec.depths[-1])


def reduces_depth(depth: Depth | None, probed: Probed) -> bool:
    """Whether bits of a lossless source are dropped: then dither belongs in their place."""
    if depth is None or not probed.lossless:
        return False
    return not depth.holds(probed.bits, floating=probed.floating)


def rounds(depth: Depth | None) -> bool:
    """Whether samples that were computed lose bits that can be heard: dither belongs there, too."""
    return depth is not None and depth.bits <= _CD_DEPTH
