"""Read what ffmpeg prints about a file that it opened: its streams, its duration, its chapters.

The bundled ffmpeg has no ffprobe; this text has hardly changed from ffmpeg 4 to 9. Tags come
from `-f ffmetadata`, which escapes what this text cannot show, except those of a stream.
"""

import re
from collections.abc import Iterator

from msgspec import Struct

from wavemill_common.media import Chapter

_INPUT = re.compile(r"Input #0, ([\w,.-]+), from ")
_DURATION = re.compile(r"  Duration: (N/A|\d+:\d\d:\d\d\.\d+)(?:, start: (-?[\d.]+))?")
_BITRATE = re.compile(r", bitrate: (\d+) kb/s")
_STREAM = re.compile(r"  Stream #0:(\d+)(?:\[0x[0-9a-f]+\])?(?:\([^)]*\))?: (\w+): (\w+)(.*)")
_SAMPLES = r"((?:u8|s16|s32|s64|flt|dbl)p?)(?: \((\d+) bit\))?"
_FLAGS = r"(?: \([a-z ]+\))*"  # (default), (forced), …
_AUDIO = re.compile(rf", (\d+) Hz, ([^,]+?)(?:, {_SAMPLES})?{_FLAGS}(?:,|$)")
_PICTURE = re.compile(r", (\d+)x(\d+)[, ]")
_CHAPTER = re.compile(r"    Chapter #0:\d+: start (-?[\d.]+), end (-?[\d.]+)")
_TAG = re.compile(r" +([^:]*?) *: (.*)")
_ESTIMATED = "Estimating duration from bitrate"
_END = ("Stream mapping:", "Output #0")


class AudioStream(Struct, frozen=True, kw_only=True):
    """An audio stream as ffmpeg describes it; None is what it did not say. `bitrate` in bit/s."""

    index: int
    codec: str
    sample_rate: int | None = None
    layout: str | None = None
    sample_format: str | None = None
    bits: int | None = None
    bitrate: int | None = None
    tags: dict[str, str] = {}


class Picture(Struct, frozen=True):
    """An attached picture; size 0 x 0 when it could not be read."""

    index: int
    codec: str
    width: int = 0
    height: int = 0


class InputText(Struct, frozen=True, kw_only=True):
    """All that ffmpeg said about its input; `duration` and `start` in seconds."""

    demuxer: str
    duration: float | None = None
    duration_exact: bool = False
    start: float | None = None
    bitrate: int | None = None
    audio: tuple[AudioStream, ...] = ()
    pictures: tuple[Picture, ...] = ()
    chapters: tuple[Chapter, ...] = ()


def parse_input(stderr: str) -> InputText | None:
    """Read ffmpeg's description of input 0; None if it opened none."""
    before, found, text = _split(stderr)
    if not found:
        return None
    duration = _DURATION.search(text)
    known = duration is not None and duration[1] != "N/A"
    return InputText(
        demuxer=found,
        duration=_seconds(duration[1]) if duration and known else None,
        duration_exact=known and _ESTIMATED not in before,
        start=float(duration[2]) if duration and duration[2] else None,
        bitrate=_kilobits(_BITRATE.search(text)),
        audio=tuple(_audio_streams(text)),
        pictures=tuple(_pictures(text)),
        chapters=tuple(_chapters(text)),
    )


def _split(stderr: str) -> tuple[str, str, str]:
    found = _INPUT.search(stderr)
    if not found:
        return stderr, "", ""
    before, text = stderr[: found.start()], stderr[found.end() :]
    ends = [at for at in (text.find(f"\n{mark}") for mark in _END) if at >= 0]
    return before, found[1], text[: min(ends, default=len(text))]


def _sections(text: str, start: re.Pattern[str]) -> Iterator[tuple[re.Match[str], list[str]]]:
    """Yield each line that matches, with the deeper indented lines below it."""
    current: tuple[re.Match[str], list[str]] | None = None
    depth = 0
    for line in text.splitlines():
        found = start.match(line)
        indent = len(line) - len(line.lstrip())
        if current and (found or indent <= depth):
            yield current
            current = None
        if found:
            current, depth = (found, []), indent
        elif current:
            current[1].append(line)
    if current:
        yield current


def _audio_streams(text: str) -> Iterator[AudioStream]:
    for found, below in _sections(text, _STREAM):
        if found[2] == "Audio":
            how = _AUDIO.search(found[4])
            rate, layout, sample_format, bits = how.groups() if how else (None,) * 4
            yield AudioStream(
                index=int(found[1]),
                codec=found[3],
                sample_rate=int(rate) if rate else None,
                layout=layout,
                sample_format=sample_format,
                bits=int(bits) if bits else None,
                bitrate=_kilobits(re.search(r", (\d+) kb/s", found[4])),
                tags=_tags(below),
            )


def _pictures(text: str) -> Iterator[Picture]:
    for found, _ in _sections(text, _STREAM):
        if found[2] == "Video" and "(attached pic)" in found[4]:
            size = _PICTURE.search(found[4])
            width, height = (int(size[1]), int(size[2])) if size else (0, 0)
            yield Picture(int(found[1]), found[3], width, height)


def _chapters(text: str) -> Iterator[Chapter]:
    for found, below in _sections(text, _CHAPTER):
        title = _tags(below).get("title", "")
        yield Chapter(float(found[1]), float(found[2]), title)


def _tags(lines: list[str]) -> dict[str, str]:
    """Read the indented `key : value` lines; an empty key continues the value before."""
    tags: dict[str, str] = {}
    key = ""
    for line in lines:
        found = _TAG.fullmatch(line)
        if found and found[1]:
            key = found[1]
            tags[key] = found[2]
        elif found and key:
            tags[key] += f"\n{found[2]}"
    return tags


def _seconds(clock: str) -> float:
    hours, minutes, seconds = clock.split(":")
    return int(hours) * 3600 + int(minutes) * 60 + float(seconds)


def _kilobits(found: re.Match[str] | None) -> int | None:
    return int(found[1]) * 1000 if found else None
