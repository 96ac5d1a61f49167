"""Probed: what is known of a source before it is converted, and how that is put together."""

from typing import Final

from msgspec import Struct

from wavemill_common.errors import NotAudio
from wavemill_common.media import Cover, MediaInfo
from wavemill_common.tag_names import canonical_tags, told
from wavemill_converter.ffmpeg.failures import SUPPORTED
from wavemill_converter.probe.layouts import channels_of
from wavemill_converter.probe.text import AudioStream, InputText, Picture

_LOSSLESS: Final = frozenset(
    {"flac", "alac", "wavpack", "tta", "ape", "tak", "truehd", "mlp", "mp4als", "wmalossless"}
)
_LOSSY_PCM: Final = frozenset({"pcm_alaw", "pcm_mulaw", "pcm_vidc"})
_FORMAT_BITS: Final = {"u8": 8, "s16": 16, "s32": 32, "flt": 32, "s64": 64, "dbl": 64}
_CONTAINERS: Final = {"mov": "mp4", "asf": "asf", "aac": "adts"}
_PICTURE_TYPES: Final = {
    "mjpeg": "image/jpeg",
    "png": "image/png",
    "bmp": "image/bmp",
    "gif": "image/gif",
    "webp": "image/webp",
    "tiff": "image/tiff",
}
_MUXABLE_PICTURES: Final = frozenset({"mjpeg", "png", "bmp"})  # every muxer with covers takes them
_TAGS_ON_STREAM: Final = "ogg"


class Probed(Struct, frozen=True, kw_only=True):
    """A source: `media` for everyone, the rest for the plan.

    `bits` is what the decoded samples are worth, also of a lossy codec; `covers` are the indexes
    of the streams that are pictures which any muxer takes; `size` in bytes, `duration_exact`
    whether the duration is measured, not estimated from the bitrate; `tags_as_read` have the
    container's own names, `stream_tags` stand beside the sound.
    """

    media: MediaInfo
    demuxer: str
    layout: str
    channels: int
    sample_rate: int
    bits: int
    floating: bool
    lossless: bool
    size: int
    duration_exact: bool = False
    start: float | None = None
    covers: tuple[int, ...] = ()
    pictures: int = 0
    tags_on_stream: bool = False
    tags_as_read: dict[str, str] = {}
    stream_tags: dict[str, str] = {}


def describe(
    text: InputText, file_tags: dict[str, str], size: int, stream_tags: dict[str, str] | None = None
) -> Probed:
    """Put together what ffmpeg said of a file of `size` bytes.

    `stream_tags` are whole; what stands beside the stream in the text is cut at a line's length.

    Raises:
        NotAudio: there is no audio stream, or none that can be decoded.
    """
    stream = _first_audio(text)
    layout, rate = stream.layout, stream.sample_rate
    channels = channels_of(layout) if layout else 0
    if not (layout and rate and channels):
        raise NotAudio(
            f"the audio of this file ({stream.codec[:40]}) cannot be decoded; send {SUPPORTED}"
        )
    bits, floating = _sample_depth(stream)
    lossless = _is_lossless(stream.codec)
    tags_on_stream = text.demuxer == _TAGS_ON_STREAM
    beside = {**stream.tags, **(stream_tags or {})}
    tags = told({**file_tags, **beside} if tags_on_stream else file_tags)
    media = MediaInfo(
        container=_container(text.demuxer),
        codec=stream.codec,
        duration=text.duration,
        sample_rate=rate,
        channels=channels,
        bit_depth=bits if lossless else None,
        bitrate=stream.bitrate or text.bitrate,
        tags=canonical_tags({**tags, **_language(text.demuxer, beside)}),
        chapters=text.chapters,
        cover=_cover(text.pictures),
    )
    return Probed(
        media=media,
        demuxer=text.demuxer.split(",", maxsplit=1)[0],
        layout=layout,
        channels=channels,
        sample_rate=rate,
        bits=bits,
        floating=floating,
        lossless=lossless,
        size=size,
        duration_exact=text.duration_exact,
        start=text.start,
        covers=tuple(one.index for one in text.pictures if _muxable(one)),
        pictures=len(text.pictures),
        tags_on_stream=tags_on_stream,
        tags_as_read=tags,
        stream_tags=told(beside),
    )


def _language(demuxer: str, stream_tags: dict[str, str]) -> dict[str, str]:
    """The language of the sound, which MP4 holds apart from its tags."""
    language = stream_tags.get("language", "und")
    return {} if language == "und" or not demuxer.startswith("mov") else {"language": language}


def _first_audio(text: InputText) -> AudioStream:
    if not text.audio:
        raise NotAudio(f"this file has no audio in it; send {SUPPORTED}")
    return text.audio[0]


def _sample_depth(stream: AudioStream) -> tuple[int, bool]:
    kind = (stream.sample_format or "s16").removesuffix("p")
    return stream.bits or _FORMAT_BITS.get(kind, 16), kind in {"flt", "dbl"}


def _is_lossless(codec: str) -> bool:
    if codec.startswith("pcm_"):
        return codec not in _LOSSY_PCM
    return codec in _LOSSLESS or codec.startswith("dsd_")


def _container(demuxer: str) -> str:
    first = demuxer.split(",", maxsplit=1)[0]
    return _CONTAINERS.get(first, first)


def _cover(pictures: tuple[Picture, ...]) -> Cover | None:
    if not pictures:
        return None
    first = pictures[0]
    mime = _PICTURE_TYPES.get(first.codec, "application/octet-stream")
    return Cover(mime, width=first.width or None, height=first.height or None)


def _muxable(picture: Picture) -> bool:
    # A muxer refuses a picture whose size is not known.
    return picture.codec in _MUXABLE_PICTURES and picture.width > 0 and picture.height > 0
