"""Estimate: how large a result will be and what it will lose, before anything is converted. Pure.

It knows what a quick look at the source tells, no more: what is not known is not warned of. The
size is a typical one; the converter's own upper limit is for its scratch space.
"""

from typing import Final

from msgspec import Struct

from wavemill_common import remarks
from wavemill_common.bitrates import fit_bitrate
from wavemill_common.catalogue import find_format
from wavemill_common.choices import choose_rate, trimmed_duration
from wavemill_common.copies import is_exact, is_small_enough, leaves_samples
from wavemill_common.formats import Encoding, Format
from wavemill_common.jobs import Remark
from wavemill_common.media import LOSSY_CODECS, MediaInfo
from wavemill_common.options import ConvertOptions, Wanted
from wavemill_common.report import Fate, PartFate, Report, TagFate
from wavemill_common.tag_names import canonical_tags, told, wanted_tags

ENCODERS: Final = {  # of the formats whose bitrates are limited
    "mp3": "libmp3lame",
    "m4a": "aac",
    "m4b": "aac",
    "aac": "aac",
    "opus": "libopus",
    "webm": "libopus",
    "ac3": "ac3",
    "mp2": "mp2",
}
_DEMUXERS: Final = {"mp4": "mov"}  # those that ffmpeg calls otherwise
_UNCOMPRESSED: Final = frozenset({"wav", "aiff"})
_COMPRESSED_CODECS: Final = frozenset({"flac", "alac", "wavpack", "tta", "ape"})
_LEVELS: Final = {  # bit/s of stereo music at 44.1 kHz, by VBR level
    "mp3": (245, 225, 190, 175, 165, 130, 115, 100, 85, 65),
    "ogg": (64, 80, 96, 112, 128, 160, 192, 224, 256, 320, 500),
}
_MUSIC: Final = 0.6  # of PCM is what lossless codecs leave
_SPEECH: Final = 0.5  # same; it has pauses, and what is mono is mostly speech
_LEAST: Final = 0.05  # of PCM; a source that has less is mostly silent, or misread
_CD_RATE, _CD_DEPTH, _STEREO = 44_100, 16, 2  # what is assumed where nothing is known
_OPUS_RATE: Final = 48_000  # Hz; Opus always decodes to it, so nobody writes it down
_NAMES: Final = {1: "1 (mono)", 2: "2 (stereo)"}


class Estimate(Struct, frozen=True, kw_only=True):
    """What is expected of a result: `size` in bytes, `duration` in seconds; None if not known."""

    size: int | None
    duration: float | None
    warnings: tuple[Remark, ...] = ()


class _Sound(Struct, frozen=True):
    """How a result will be stored: `rate` in Hz, `bits` per sample, `bitrate` if it is constant.

    `copied`: as it is in the source.
    """

    rate: int
    channels: int
    bits: int
    bitrate: int | None
    copied: bool = False


def estimate(media: MediaInfo, size_of_source: int, wanted: Wanted) -> Estimate:
    """Foresee one result of a source of so many bytes; the parts of a split one together.

    Raises:
        InvalidFormat, InvalidQuality: there is no such format or quality.
        InvalidOption: nothing is left of the source once it is trimmed.
    """
    target, options = find_format(wanted.format), wanted.options
    encoding = target.encoding(wanted.quality)
    duration = trimmed_duration(options, media.duration)
    sound = _sound(media, target, encoding, options)
    size = None
    if duration is not None:
        rate = _bits_per_second(target, encoding, sound, media, size_of_source)
        size = round(duration * rate / 8) + _cover_size(media, target, options)
    return Estimate(
        size=size, duration=duration, warnings=_warnings(media, target, encoding, options, sound)
    )


def _sound(media: MediaInfo, target: Format, encoding: Encoding, options: ConvertOptions) -> _Sound:
    has, own_rate = media.channels or _STEREO, _rate(media)
    if own_rate and _is_copied(media, target, encoding, options, own_rate):
        return _Sound(own_rate, has, _bits(media), media.bitrate, copied=True)
    channels = options.channels or min(encoding.channels or has, has, target.max_channels)
    rate = choose_rate(target, options, own_rate or _CD_RATE)
    bitrate = encoding.bitrate and fit_bitrate(
        ENCODERS.get(target.id, ""), encoding.bitrate, rate, channels
    )
    return _Sound(rate, channels, _depth(media, target, encoding, options), bitrate)


def _is_copied(
    media: MediaInfo, target: Format, encoding: Encoding, options: ConvertOptions, rate: int
) -> bool:
    """Whether the converter will most likely take the sound over as it is."""
    if not (media.channels and media.bitrate and media.container):
        return False
    bits, demuxer = media.bit_depth, _DEMUXERS.get(media.container, media.container)
    return (
        is_exact(target, encoding, media.codec, demuxer)
        and leaves_samples(target, options, rate=rate, channels=media.channels, bits=bits)
        and (
            _is_lossless(media) or is_small_enough(target, encoding, media.channels, media.bitrate)
        )
    )


def _depth(media: MediaInfo, target: Format, encoding: Encoding, options: ConvertOptions) -> int:
    needed = options.bit_depth or encoding.depth or _bits(media)
    fit = (depth for depth in target.bit_depths if depth >= needed)
    return next(fit, max(target.bit_depths, default=_CD_DEPTH))


def _rate(media: MediaInfo) -> int | None:
    return media.sample_rate or (_OPUS_RATE if media.codec == "opus" else None)


def _bits(media: MediaInfo) -> int:
    return (media.bit_depth if _is_lossless(media) else None) or _CD_DEPTH


def _is_lossless(media: MediaInfo) -> bool:
    if media.codec in LOSSY_CODECS:
        return False
    return media.bit_depth is not None or media.codec in _COMPRESSED_CODECS


def _bits_per_second(
    target: Format, encoding: Encoding, sound: _Sound, media: MediaInfo, size_of_source: int
) -> float:
    if sound.bitrate:
        return sound.bitrate
    if target.id in _LEVELS:
        scale = min(1.0, sound.rate / _CD_RATE) * sound.channels / _STEREO
        return _LEVELS[target.id][int(encoding.vbr or 0)] * 1000 * scale
    samples = sound.rate * sound.channels
    if target.id in _UNCOMPRESSED:
        return samples * sound.bits
    # Bits that are only filled up with zeros take next to no room.
    return samples * min(sound.bits, _bits(media)) * _compression(media, size_of_source)


def _compression(media: MediaInfo, size_of_source: int) -> float:
    """What a lossless codec leaves of PCM: as much as the source's own did, if it has one."""
    if media.codec not in _COMPRESSED_CODECS or not media.duration:
        return _SPEECH if media.channels == 1 else _MUSIC
    pcm = (_rate(media) or _CD_RATE) * (media.channels or _STEREO) * _bits(media)
    has = media.bitrate or size_of_source * 8 / media.duration
    return min(1.0, max(_LEAST, has / pcm))


def _cover_size(media: MediaInfo, target: Format, options: ConvertOptions) -> int:
    if not target.cover or options.cover == "remove":
        return 0
    if options.gives_cover:
        return len(options.cover.partition(",")[2]) * 3 // 4
    return (media.cover.size or 0) if media.cover else 0


def _warnings(
    media: MediaInfo, target: Format, encoding: Encoding, options: ConvertOptions, sound: _Sound
) -> tuple[Remark, ...]:
    rate, is_known = _rate(media), bool(_rate(media) and media.channels)
    found = (
        remarks.on_rate(options, rate, sound.rate) if rate else None,
        _on_channels(media, options, sound),
        _on_depth(media, target, options, sound),
        remarks.on_bitrate(encoding, sound.bitrate) if is_known and not sound.copied else None,
        _on_upscale(media, sound),
    )
    dropped = remarks.losses(_report(media, target, options))
    return (*(remark for remark in found if remark), *dropped)


def _on_channels(media: MediaInfo, options: ConvertOptions, sound: _Sound) -> Remark | None:
    has = media.channels
    if has is None or options.channels or has == sound.channels:
        return None
    after = _NAMES.get(sound.channels, str(sound.channels))
    layout = " (stereo)" if has == _STEREO else ""
    return remarks.mixed(f"{has} channels{layout}", after)


def _on_depth(
    media: MediaInfo, target: Format, options: ConvertOptions, sound: _Sound
) -> Remark | None:
    if not target.lossless or options.bit_depth or _bits(media) <= sound.bits:
        return None
    return remarks.reduced(_bits(media), sound.bits)


def _on_upscale(media: MediaInfo, sound: _Sound) -> Remark | None:
    is_lossy = media.codec in LOSSY_CODECS
    return remarks.on_upscale(media.bitrate, sound.bitrate) if is_lossy else None


def _report(media: MediaInfo, target: Format, options: ConvertOptions) -> Report:
    """Tell what this format has no room for at all; the rest shows only in the result."""
    named = MediaInfo(tags=canonical_tags(told(media.tags or {})))
    tags = {} if target.tags else wanted_tags(named, options)
    chapters = 0 if target.chapters else _count_chapters(media, options)
    covers = int(media.cover is not None and options.cover == "keep" and not target.cover)
    return Report(
        tags=tuple(
            TagFate(name=one, fate=Fate.DROPPED, why=remarks.no_tags(target)) for one in tags
        ),
        cover=_gone(covers, remarks.no_cover(target)),
        chapters=_gone(chapters, remarks.no_chapters(target)),
    )


def _gone(count: int, why: str) -> PartFate | None:
    return PartFate(fate=Fate.DROPPED, before=count, after=0, why=why) if count else None


def _count_chapters(media: MediaInfo, options: ConvertOptions) -> int:
    """How many chapters there are to lose: none where the result is not to have any."""
    start, end = options.trim_start or 0.0, options.trim_end
    chapters = media.chapters or ()
    is_any = any(one.end > start and (end is None or one.start < end) for one in chapters)
    return len(chapters) if is_any and options.chapters == "keep" and not options.split else 0
