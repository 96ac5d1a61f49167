"""Read and write the ffmetadata format: https://ffmpeg.org/ffmpeg-formats.html#Metadata-2."""

import re
from collections.abc import Iterable, Mapping

from wavemill_common.media import Chapter

_HEADER = ";FFMETADATA1\n"
_STREAM = "[STREAM]"
_SECTIONS = frozenset({"[CHAPTER]", _STREAM})
_MILLISECONDS = 1000
_ESCAPED = re.compile(r"\\(.)", re.DOTALL)
_SPECIAL = re.compile(r"[=;#\\\n]")
_LINE_END = re.compile(r"(?<!\\)(?:\\\\)*\n")


def parse_global_tags(text: str) -> dict[str, str]:
    """Return the tags of the file itself: those before the first section."""
    return _parse(text).get("", {})


def parse_stream_tags(text: str) -> dict[str, str]:
    """Return the tags of the first stream."""
    return _parse(text).get(_STREAM, {})


def _parse(text: str) -> dict[str, dict[str, str]]:
    """Return the tags of the first section of each kind; those of the file are under ""."""
    found: dict[str, dict[str, str]] = {"": {}}
    tags = found[""]
    for line in _logical_lines(text):
        if line in _SECTIONS:
            tags = {}
            found.setdefault(line, tags)
            continue
        if line.startswith((";", "#")):
            continue
        key, equals, value = _split_at_equals(line)
        if equals:
            tags[_unescaped(key)] = _unescaped(value)
    return found


def write_ffmetadata(tags: Mapping[str, str], chapters: Iterable[Chapter] = ()) -> bytes:
    """Write tags and chapters as ffmpeg 5 to 9 read them, which is not quite what they document.

    NUL cannot be written. A carriage return would end the line, however escaped: line feeds stand
    for it. A backslash at the very end would join the next line: a space follows it.
    """
    lines = [_HEADER, *(_line(name, value) for name, value in tags.items())]
    lines += [line for chapter in chapters for line in _chapter(chapter)]
    return "".join(lines).encode(errors="replace")


def _chapter(chapter: Chapter) -> Iterable[str]:
    yield f"[CHAPTER]\nTIMEBASE=1/{_MILLISECONDS}\n"
    yield f"START={round(chapter.start * _MILLISECONDS)}\n"
    yield f"END={round(chapter.end * _MILLISECONDS)}\n"
    if chapter.title:
        yield _line("title", chapter.title)


def _line(name: str, value: str) -> str:
    return f"{_escaped(name)}={_escaped(writable(value))}\n"


def writable(value: str) -> str:
    """A value as it can be written."""
    text = value.replace("\0", "").replace("\r\n", "\n").replace("\r", "\n")
    return f"{text} " if text.endswith("\\") else text


def _escaped(text: str) -> str:
    return _SPECIAL.sub(r"\\\g<0>", re.sub("[\0\r]", "", text))


def _logical_lines(text: str) -> list[str]:
    """Split at line ends that no backslash escapes."""
    lines, start = [], 0
    for end in _LINE_END.finditer(text):
        lines.append(text[start : end.end() - 1])
        start = end.end()
    return [*lines, text[start:]]


def _split_at_equals(line: str) -> tuple[str, str, str]:
    found = re.match(r"((?:[^\\=]|\\.)*)(=)(.*)", line, re.DOTALL)
    return (found[1], found[2], found[3]) if found else (line, "", "")


def _unescaped(text: str) -> str:
    return _ESCAPED.sub(r"\1", text)
