"""ConversionPlan: every decision about one conversion, made before it starts, by pure functions."""

from msgspec import Struct, structs

from wavemill_common import remarks as common_remarks
from wavemill_common.bitrates import fit_bitrate
from wavemill_common.choices import choose_rate, trimmed_duration
from wavemill_common.formats import Encoding, Format
from wavemill_common.jobs import Remark
from wavemill_common.options import ConvertOptions
from wavemill_converter.ffmpeg.codecs import CODECS, Codec, Depth
from wavemill_converter.plan import remarks
from wavemill_converter.plan.choices import choose_depth, choose_layout, reduces_depth, rounds
from wavemill_converter.plan.edits import PRECISE, fade_filters, trim_filters
from wavemill_converter.plan.remux import can_copy, depth_of_copy
from wavemill_converter.plan.tagging import Tagging, plan_tags
from wavemill_converter.probe.layouts import channels_of
from wavemill_converter.probe.source import Probed

_OPUS_RATE = 48_000  # Hz
_MP3_CEILING = 320_000  # bit/s; no VBR level goes above
_VORBIS_CEILING = 250_000  # bit/s and channel at q10
_CONTAINER_SHARE = 1.02  # what containers add
_CONTAINER_BYTES = 64 * 1024


class ConversionPlan(Struct, frozen=True, kw_only=True):
    """How one source becomes one result.

    `demuxer` opens the source. `trim` cuts out what is asked for, `processing` changes samples:
    filters both, in this order. `sample_rate`, `channels` and `duration` (seconds) are the
    result's. `resample` and `mix` tell whether they (and the layout) must be asked for;
    `keeps_samples` whether the result holds the very samples of the source; `copied` that its very
    packets are taken over, and nothing is encoded; `lossless` that the source's codec is. `covers`
    are copied as streams of the source; else the cover is `picture`, which is to be taken from its
    stream `picture_stream` or from the object `picture_key`. `tagging` None leaves tags and
    chapters to ffmpeg. `expected_size` in bytes is an upper estimate without the cover, None if the
    length is not known.
    """

    format: str
    demuxer: str
    codec: Codec
    encoder: str
    encoding: Encoding
    sample_rate: int
    channels: int
    layout: str
    resample: bool = False
    mix: bool = False
    bitrate: int | None = None
    depth: Depth | None = None
    dither: bool = False
    trim: tuple[str, ...] = ()
    processing: tuple[str, ...] = ()
    covers: tuple[int, ...] = ()
    picture_stream: int | None = None
    picture_key: str | None = None
    picture: bytes | None = None
    tagging: Tagging | None = None
    tags_on_stream: bool = False
    duration: float | None = None
    duration_exact: bool = False
    source_size: int = 0
    expected_size: int | None = None
    keeps_samples: bool = False
    copied: bool = False
    lossless: bool = False
    remarks: tuple[Remark, ...] = ()

    @property
    def pcm(self) -> str:
        """The PCM codec that holds exactly the result's samples."""
        if self.depth is None:
            return "pcm_s16le"
        return "pcm_f32le" if self.depth.floating else f"pcm_s{self.depth.bits}le"

    @property
    def decoded_rate(self) -> int:
        """The rate in Hz that the result decodes to: Opus always decodes to 48 kHz."""
        return _OPUS_RATE if self.encoder == "libopus" else self.sample_rate


def plan_conversion(
    target: Format,
    encoding: Encoding,
    options: ConvertOptions,
    probed: Probed,
    *,
    may_copy: bool = True,
) -> ConversionPlan:
    """Decide how this source is converted, and remark on what it loses on the way.

    `may_copy` False has it encoded, whatever it is.

    Raises:
        InvalidOption: nothing is left of it once it is trimmed.
    """
    codec = CODECS[target.id]
    rate = choose_rate(target, options, probed.sample_rate)
    layout = choose_layout(target, codec, encoding, options, probed.layout)
    depth = choose_depth(codec, encoding, options, probed)
    duration = trimmed_duration(options, probed.media.duration)
    fades = fade_filters(options, duration)
    encoder = depth.encoder if depth else codec.encoder
    covers = probed.covers if target.cover and options.cover == "keep" else ()
    plan = ConversionPlan(
        format=target.id,
        demuxer=probed.demuxer,
        codec=codec,
        encoder=encoder,
        encoding=encoding,
        sample_rate=rate,
        channels=channels_of(layout),
        layout=layout,
        resample=rate != probed.sample_rate,
        mix=layout != probed.layout,
        bitrate=encoding.bitrate
        and fit_bitrate(encoder, encoding.bitrate, rate, channels_of(layout)),
        depth=depth,
        dither=reduces_depth(depth, probed) or (bool(fades) and rounds(depth)),
        trim=trim_filters(options),
        processing=(PRECISE, *fades) if fades else (),
        covers=covers if codec.pictures == "stream" else (),
        picture_stream=None if codec.pictures == "stream" else next(iter(covers), None),
        picture_key=options.cover if target.cover and options.gives_cover else None,
        tagging=plan_tags(probed, target, options),
        tags_on_stream=probed.tags_on_stream,
        duration=duration,
        duration_exact=probed.duration_exact,
        source_size=probed.size,
        lossless=probed.lossless,
        keeps_samples=not fades and _keeps_samples(depth, probed, rate=rate, layout=layout),
    )
    if may_copy and can_copy(target, encoding, options, probed):
        plan = _copied(plan, probed)
    return structs.replace(
        plan, expected_size=estimate_size(plan), remarks=_remarks(plan, target, options, probed)
    )


def _copied(plan: ConversionPlan, probed: Probed) -> ConversionPlan:
    """The same, but that all of the sound stays what it is in the source."""
    return structs.replace(
        plan,
        copied=True,
        keeps_samples=True,
        sample_rate=probed.sample_rate,
        channels=probed.channels,
        layout=probed.layout,
        resample=False,
        mix=False,
        bitrate=None,
        depth=depth_of_copy(probed),
        dither=False,
    )


def _keeps_samples(depth: Depth | None, probed: Probed, *, rate: int, layout: str) -> bool:
    """Whether the samples go through untouched: lossless to lossless, and nothing changed."""
    untouched = rate == probed.sample_rate and layout == probed.layout
    return bool(depth) and probed.lossless and untouched and not reduces_depth(depth, probed)


def estimate_size(plan: ConversionPlan) -> int | None:
    """Estimate the result in bytes, rather too large than too small."""
    if plan.duration is None:
        return None
    rate = plan.bitrate
    if plan.depth:
        rate = plan.sample_rate * plan.channels * plan.depth.bits
    elif rate is None:
        rate = _VORBIS_CEILING * plan.channels if plan.format == "ogg" else _MP3_CEILING
    size = plan.duration * rate / 8
    if plan.copied:
        size = min(size, plan.source_size)
    return round(size * _CONTAINER_SHARE) + _CONTAINER_BYTES


def _remarks(
    plan: ConversionPlan, target: Format, options: ConvertOptions, probed: Probed
) -> tuple[Remark, ...]:
    found = (
        common_remarks.on_rate(options, probed.sample_rate, plan.sample_rate),
        remarks.on_layout(options, probed.layout, plan.layout),
        remarks.on_depth(options, probed, plan.depth),
        common_remarks.on_bitrate(plan.encoding, plan.bitrate),
        remarks.on_upscale(probed, plan.bitrate),
        remarks.on_pictures(target, options, probed),
        remarks.on_chapters(target, options, probed),
    )
    return tuple(remark for remark in found if remark)
