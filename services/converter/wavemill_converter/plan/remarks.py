"""What a result loses of its source, in words for its owner; None where it loses nothing."""

from wavemill_common import remarks
from wavemill_common.formats import Format
from wavemill_common.jobs import Remark
from wavemill_common.options import ConvertOptions
from wavemill_converter.ffmpeg.codecs import Depth
from wavemill_converter.plan.choices import reduces_depth
from wavemill_converter.probe.layouts import are_alike, channels_of
from wavemill_converter.probe.source import Probed


def on_layout(options: ConvertOptions, source: str, layout: str) -> Remark | None:
    """Remark on a mix that nobody asked for."""
    if options.channels or are_alike(source, layout):
        return None
    before, after = channels_of(source), channels_of(layout)
    return remarks.mixed(f"{before} channels ({source})", f"{after} ({layout})")


def on_depth(options: ConvertOptions, probed: Probed, depth: Depth | None) -> Remark | None:
    """Remark on bits that are lost, but for those that the caller gave up himself."""
    if depth is None or options.bit_depth or not reduces_depth(depth, probed):
        return None
    return remarks.reduced(probed.bits, depth.bits, floating=probed.floating)


def on_upscale(probed: Probed, bitrate: int | None) -> Remark | None:
    """Remark on bits that only fill space: what a lossy source lost does not come back."""
    return None if probed.lossless else remarks.on_upscale(probed.media.bitrate, bitrate)


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
