"""What a result loses of its source, in words for its owner; None where it loses nothing."""

from wavemill_common.formats import Encoding, Format
from wavemill_common.jobs import Remark
from wavemill_common.options import ConvertOptions
from wavemill_converter.choices import reduces_depth
from wavemill_converter.codecs import Depth
from wavemill_converter.layouts import are_alike, channels_of
from wavemill_converter.source import Probed

_WORTH_SAYING = 1.2  # times the source's bitrate; encoders keep theirs only about


def on_rate(options: ConvertOptions, source: int, rate: int) -> Remark | None:
    """Remark on a sample rate that nobody asked for."""
    if options.sample_rate or rate == source:
        return None
    return Remark("resampled", f"the sample rate was changed from {source} Hz to {rate} Hz")


def on_layout(options: ConvertOptions, source: str, layout: str) -> Remark | None:
    """Remark on a mix that nobody asked for."""
    if options.channels or are_alike(source, layout):
        return None
    before, after = channels_of(source), channels_of(layout)
    return Remark(
        "channels_mixed", f"{before} channels ({source}) were mixed to {after} ({layout})"
    )


def on_depth(options: ConvertOptions, probed: Probed, depth: Depth | None) -> Remark | None:
    """Remark on bits that are lost, but for those that the caller gave up himself."""
    if depth is None or options.bit_depth or not reduces_depth(depth, probed):
        return None
    kind = "float" if probed.floating else "bit"
    return Remark(
        "bit_depth_reduced",
        f"{probed.bits}-{kind} samples were reduced to {depth.bits} bits, with dither",
    )


def on_bitrate(encoding: Encoding, bitrate: int | None) -> Remark | None:
    """Remark on a bitrate that the encoder does not do at this rate and channel count."""
    if encoding.bitrate is None or bitrate is None or encoding.bitrate == bitrate:
        return None
    asked, given = (f"{value / 1000:g}k" for value in (encoding.bitrate, bitrate))
    return Remark(
        "bitrate_adjusted",
        f"{asked} is not possible with this sample rate and number of channels; {given} was used",
    )


def on_upscale(probed: Probed, bitrate: int | None) -> Remark | None:
    """Remark on bits that only fill space: what a lossy source lost does not come back."""
    had = probed.media.bitrate
    if probed.lossless or not (had and bitrate) or bitrate < had * _WORTH_SAYING:
        return None
    before, after = (f"{round(value / 1000)}k" for value in (had, bitrate))
    return Remark(
        "upscaled_bitrate",
        f"the source has {before}; {after} makes the file larger, not better",
    )


def on_pictures(target: Format, options: ConvertOptions, probed: Probed) -> Remark | None:
    """Remark on a cover that does not arrive."""
    if options.cover != "keep":
        return None
    kept = len(probed.covers) if target.cover else 0
    if kept == probed.pictures:
        return None
    what = "pictures of this kind" if target.cover else "covers"
    return Remark("cover_dropped", f"the cover was dropped: {what} are not kept in {target.name}")


def on_chapters(target: Format, options: ConvertOptions, probed: Probed) -> Remark | None:
    """Remark on chapters that do not arrive."""
    if target.chapters or options.chapters != "keep" or not probed.media.chapters:
        return None
    count = len(probed.media.chapters)
    return Remark("chapters_dropped", f"{count} chapters were dropped: {target.name} keeps none")
