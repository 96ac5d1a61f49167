"""What may be asked of a result beyond its format and quality."""

from collections.abc import Mapping
from typing import Any, Literal

import msgspec
from msgspec import Struct


class Loudness(Struct, frozen=True, kw_only=True, rename="camel"):
    """How loud a result shall be by EBU R128: integrated LUFS, and no true peak above dBTP."""

    target_lufs: float = -16.0
    true_peak_db: float = -1.5


class ChapterMark(Struct, frozen=True, kw_only=True, rename="camel"):
    """Where a chapter begins, in seconds of the result; it ends where the next one begins."""

    start: float
    title: str = ""


class Options(Struct, frozen=True, kw_only=True, rename="camel", omit_defaults=True):
    """What is left out keeps the source's own. docs/api.md says what each format can.

    Times in seconds of the source, `bit_depth` 32 means float. In `metadata`, None removes a tag.
    `cover` is "keep", "remove", or a picture as a data URI.
    """

    sample_rate: int | None = None
    channels: int | None = None
    bit_depth: int | None = None
    trim_start: float | None = None
    trim_end: float | None = None
    fade_in: float | None = None
    fade_out: float | None = None
    loudness: Loudness | None = None
    metadata: dict[str, str | None] | None = None
    strip_metadata: bool = False
    cover: str = "keep"
    chapters: Literal["keep", "remove"] | tuple[ChapterMark, ...] = "keep"
    split: Literal["chapters"] | None = None


def on_the_wire(options: Options | Mapping[str, Any] | None) -> dict[str, Any]:
    """Write options as the interface names them; a mapping is taken to be so already."""
    if isinstance(options, Options):
        written: dict[str, Any] = msgspec.to_builtins(options)
        return written
    return dict(options or {})
