"""Read the ffmetadata format: https://ffmpeg.org/ffmpeg-formats.html#Metadata-2."""

import re

_ESCAPED = re.compile(r"\\(.)", re.DOTALL)
_LINE_END = re.compile(r"(?<!\\)(?:\\\\)*\n")


def parse_global_tags(text: str) -> dict[str, str]:
    """Return the tags of the file itself: those before the first section."""
    tags: dict[str, str] = {}
    for line in _logical_lines(text):
        if line.startswith("["):
            break
        if line.startswith((";", "#")):
            continue
        key, equals, value = _split_at_equals(line)
        if equals:
            tags[_unescaped(key)] = _unescaped(value)
    return tags


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
