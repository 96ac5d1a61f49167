"""Options: what a caller may ask of a result beyond its format and quality, and who can do it.

Whatever is left out keeps the source's own. A refusal names what works instead, or the formats
that can do what this one cannot.
"""

import math
import re
from collections.abc import Callable
from typing import Final, Literal

from msgspec import Struct, field, structs

from wavemill_common.catalogue import FORMATS
from wavemill_common.errors import InvalidOption
from wavemill_common.formats import MIN_SAMPLE_RATE, Format

MAX_SECONDS: Final = 1_000_000.0  # eleven days
MIN_LENGTH: Final = 0.1  # seconds; of less, some encoders make nothing
MAX_FADE: Final = 600.0  # seconds
MAX_TAGS: Final = 100
MAX_TAG_BYTES: Final = 64 * 1024  # names and values of all tags together
MAX_CHAPTERS: Final = 500
MAX_TITLE: Final = 500  # characters
PREVIEW: Final = 15.0  # seconds
LOUDNESS_RANGE: Final = (-40.0, -5.0)  # LUFS
TRUE_PEAK_RANGE: Final = (-9.0, 0.0)  # dBTP
_TAG_NAME: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9 _./:-]{0,63}")
_GIVEN_COVER: Final = ("data:", "conversions/")


class Loudness(Struct, frozen=True, kw_only=True, rename="camel", forbid_unknown_fields=True):
    """How loud a result shall be by EBU R128: integrated LUFS, and no true peak above dBTP."""

    target_lufs: float = -16.0
    true_peak_db: float = -1.5


class ChapterMark(Struct, frozen=True, kw_only=True, rename="camel", forbid_unknown_fields=True):
    """Where a chapter begins, in seconds of the result; it ends where the next one begins."""

    start: float
    title: str = ""


class ConvertOptions(
    Struct,
    frozen=True,
    kw_only=True,
    rename="camel",
    forbid_unknown_fields=True,
    omit_defaults=True,
):
    """What a caller may ask beyond format and quality; None keeps the source's.

    `bit_depth` 32 means float. Times in seconds of the source. `metadata` overlays the source's
    tags, an empty value or None removes one; `strip_metadata` keeps none of the source's. `cover`
    is keep, remove, or the picture to use as a data URI (in a job: the key of its object).
    `split` "chapters" makes one result of each chapter.
    """

    sample_rate: int | None = None
    channels: int | None = None
    bit_depth: int | None = None
    trim_start: float | None = None
    trim_end: float | None = None
    fade_in: float | None = None
    fade_out: float | None = None
    loudness: Loudness | None = None
    metadata: dict[str, str | None] = field(default_factory=dict)
    strip_metadata: bool = False
    cover: str = "keep"
    chapters: Literal["keep", "remove"] | tuple[ChapterMark, ...] = "keep"
    split: Literal["chapters"] | None = None

    @property
    def gives_cover(self) -> bool:
        """Whether the caller gives a picture of his own."""
        return self.cover.startswith(_GIVEN_COVER)


class Wanted(Struct, frozen=True, kw_only=True, rename="camel", forbid_unknown_fields=True):
    """One result that is asked for."""

    format: str
    quality: str = "standard"
    options: ConvertOptions = field(default_factory=ConvertOptions)


def check_options(target: Format, options: ConvertOptions) -> None:
    """Refuse what the format cannot do.

    Raises:
        InvalidOption: the message names the values that work, or the formats that can.
    """
    for check in (_rate, _channels, _depth, _trim, _fades, _loudness, _tags, _cover, _chapters):
        check(target, options)


def _rate(target: Format, options: ConvertOptions) -> None:
    rate = options.sample_rate
    if rate is None or target.takes_rate(rate):
        return
    choice = f"choose {MIN_SAMPLE_RATE} to {target.max_sample_rate}"
    if target.sample_rates:
        choice = f"choose one of {', '.join(map(str, target.sample_rates))}"
    raise InvalidOption(f"{target.id} cannot have a sampleRate of {rate}; {choice}")


def _channels(target: Format, options: ConvertOptions) -> None:
    channels = options.channels
    if channels is not None and not 1 <= channels <= target.max_channels:
        raise InvalidOption(
            f"{target.id} cannot have {channels} channels; choose 1 to {target.max_channels}"
        )


def _depth(target: Format, options: ConvertOptions) -> None:
    depth = options.bit_depth
    if depth is None or depth in target.bit_depths:
        return
    if target.bit_depths:
        depths = ", ".join(map(str, target.bit_depths))
        raise InvalidOption(
            f"{target.id} cannot have a bitDepth of {depth}; choose one of {depths}"
        )
    raise _no_such(target, "bitDepth", lambda one: bool(one.bit_depths))


def _trim(_: Format, options: ConvertOptions) -> None:
    start, end = options.trim_start, options.trim_end
    _number("trimStart", start, 0, MAX_SECONDS)
    _number("trimEnd", end, 0, MAX_SECONDS)
    if end is not None and end < (start or 0) + MIN_LENGTH:
        raise InvalidOption(
            f"trimEnd ({end:g}) must be after trimStart ({start or 0:g}), by {MIN_LENGTH:g} seconds"
        )


def _fades(_: Format, options: ConvertOptions) -> None:
    _number("fadeIn", options.fade_in, 0, MAX_FADE)
    _number("fadeOut", options.fade_out, 0, MAX_FADE)


def _loudness(_: Format, options: ConvertOptions) -> None:
    if options.loudness:
        _number("loudness.targetLufs", options.loudness.target_lufs, *LOUDNESS_RANGE)
        _number("loudness.truePeakDb", options.loudness.true_peak_db, *TRUE_PEAK_RANGE)


def _tags(target: Format, options: ConvertOptions) -> None:
    tags = options.metadata
    if tags and not target.tags:
        raise _no_such(target, "metadata", lambda one: one.tags)
    if len(tags) > MAX_TAGS:
        raise InvalidOption(f"metadata has {len(tags)} tags; {MAX_TAGS} are allowed")
    for name, value in tags.items():
        if not _TAG_NAME.fullmatch(name):
            raise InvalidOption(
                f"metadata has a tag named {name[:70]!r}; a name has 1 to 64 letters, digits, "
                "spaces or any of _ . / : - and begins with a letter or digit"
            )
        if _has_controls(value or ""):
            raise InvalidOption(f"the tag {name} has control characters in it; leave them out")
    size = sum(len(name.encode()) + len((value or "").encode()) for name, value in tags.items())
    if size > MAX_TAG_BYTES:
        raise InvalidOption(f"metadata has {size} bytes; {MAX_TAG_BYTES} are allowed")


def _cover(target: Format, options: ConvertOptions) -> None:
    if options.cover not in ("keep", "remove") and not options.gives_cover:
        raise InvalidOption(
            'cover must be "keep", "remove", or a picture as data:image/jpeg;base64,… '
            "or data:image/png;base64,…"
        )
    if options.gives_cover and not target.cover:
        raise _no_such(target, "a cover", lambda one: one.cover)


def _chapters(target: Format, options: ConvertOptions) -> None:
    marks = options.chapters
    if isinstance(marks, str) or not marks:
        return
    if not target.chapters:
        raise _no_such(target, "chapters", lambda one: one.chapters)
    if len(marks) > MAX_CHAPTERS:
        raise InvalidOption(f"there are {len(marks)} chapters; {MAX_CHAPTERS} are allowed")
    last = -1.0
    for mark in marks:
        _number("chapters.start", mark.start, 0, MAX_SECONDS)
        if mark.start <= last:
            raise InvalidOption("chapters must be in order, each with a start of its own")
        if len(mark.title) > MAX_TITLE or _has_controls(mark.title):
            raise InvalidOption(
                f"a chapter's title may have {MAX_TITLE} characters and no control characters"
            )
        last = mark.start


def _has_controls(text: str) -> bool:
    return any(ord(one) < ord(" ") and one not in "\n\r\t" for one in text) or "\x7f" in text


def _number(name: str, value: float | None, low: float, high: float) -> None:
    if value is not None and not (math.isfinite(value) and low <= value <= high):
        raise InvalidOption(f"{name} must be from {low:g} to {high:g}, not {value:g}")


def _no_such(target: Format, what: str, can: Callable[[Format], bool]) -> InvalidOption:
    able = ", ".join(one.id for one in FORMATS.values() if can(one))
    return InvalidOption(f"{target.id} cannot have {what}; these formats can: {able}")


def previewed(options: ConvertOptions) -> ConvertOptions:
    """Ask for the first 15 seconds only of what these options ask for."""
    end = (options.trim_start or 0) + PREVIEW
    return structs.replace(options, trim_end=min(options.trim_end or end, end))
