"""MediaInfo: what is known of an audio file, whoever found it out."""

from typing import Final

from msgspec import Struct

LOSSY_CODECS: Final = frozenset({"mp3", "vorbis", "opus", "aac", "ac3", "musepack"})


class Chapter(Struct, frozen=True, rename="camel"):
    """A named part of a file; `start` and `end` in seconds."""

    start: float
    end: float
    title: str = ""


class Cover(Struct, frozen=True, rename="camel"):
    """An attached picture: its MIME type and, where known, its size in bytes and pixels."""

    mime: str
    size: int | None = None
    width: int | None = None
    height: int | None = None


class MediaInfo(Struct, frozen=True, kw_only=True, rename="camel"):
    """What is known of an audio file; what is not known is None.

    `duration` in seconds, `sample_rate` in Hz, `bit_depth` in bits (None for lossy codecs),
    `bitrate` in bit/s.
    """

    container: str | None = None
    codec: str | None = None
    duration: float | None = None
    sample_rate: int | None = None
    channels: int | None = None
    bit_depth: int | None = None
    bitrate: int | None = None
    tags: dict[str, str] | None = None
    chapters: tuple[Chapter, ...] | None = None
    cover: Cover | None = None
