"""Output: tables for people, plain text for pipes, one JSON document for programs."""

import json
import sys
from collections.abc import AsyncIterator, Sequence
from datetime import UTC, datetime
from typing import Any, TypeVar
from urllib.parse import urlsplit

import msgspec

T = TypeVar("T")
_UNITS = ("B", "KiB", "MiB", "GiB", "TiB")
_STEP = 1024


class Output:
    """Where a command's answer goes: standard output; remarks and progress: standard error."""

    def __init__(self, *, as_json: bool) -> None:
        self.as_json = as_json

    def document(self, value: object) -> None:
        """Print a value as the JSON document of this command; ASCII, so no terminal minds."""
        print_line(json.dumps(msgspec.to_builtins(value), indent=2))

    def line(self, text: str = "") -> None:
        """Print a line for people; nothing where a document is wanted."""
        if not self.as_json:
            print_line(clean(text))

    def note(self, text: str) -> None:
        """Say something beside the answer."""
        sys.stderr.write(clean(text) + "\n")

    def table(self, columns: Sequence[str], rows: Sequence[Sequence[object]]) -> None:
        """Print rows: drawn on a terminal, aligned columns otherwise."""
        if self.as_json:
            return
        texts = [[clean(str(cell)) for cell in row] for row in rows]
        if sys.stdout.isatty():
            _draw(columns, texts)
        else:
            for text in plain_table(columns, texts):
                print_line(text)

    async def track(self, items: AsyncIterator[T], doing: str) -> AsyncIterator[T]:
        """Pass items on; on a terminal, show how many there were."""
        if not sys.stderr.isatty():
            async for item in items:
                yield item
            return
        from rich.console import Console
        from rich.progress import Progress, SpinnerColumn, TextColumn, TimeElapsedColumn

        columns = (SpinnerColumn(), TextColumn(f"{doing} {{task.completed}}"), TimeElapsedColumn())
        with Progress(*columns, console=Console(stderr=True), transient=True) as progress:
            task = progress.add_task(doing, total=None)
            async for item in items:
                yield item
                progress.advance(task)


def print_line(text: str) -> None:
    """Write one line to standard output."""
    sys.stdout.write(text + "\n")


def plain_table(columns: Sequence[str], rows: Sequence[Sequence[str]]) -> list[str]:
    """Align cells in columns, two spaces apart, under a head line. Pure."""
    lines = [[name.upper() for name in columns], *rows]
    widths = [max(len(line[place]) for line in lines) for place in range(len(columns))]
    return [
        "  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)).rstrip()
        for line in lines
    ]


def clean(text: str) -> str:
    """Take from a text what could steer a terminal: names come from strangers. Pure."""
    return "".join(one if one.isprintable() or one == "\n" else "�" for one in text)


def stamp(seconds: float | None) -> str | None:
    """Write a time as ISO 8601 in UTC, to the second. Pure."""
    if seconds is None:
        return None
    return datetime.fromtimestamp(seconds, UTC).isoformat(timespec="seconds").replace("+00:00", "Z")


def format_bytes(size: float) -> str:
    """Write a size in the unit that suits it. Pure."""
    for unit in _UNITS[:-1]:
        if size < _STEP:
            return f"{size:.0f} {unit}" if unit == "B" else f"{size:.1f} {unit}"
        size /= _STEP
    return f"{size:.1f} {_UNITS[-1]}"


def redact(url: str) -> str:
    """Leave out of a URL what may be a secret: credentials, query and fragment. Pure."""
    parts = urlsplit(url)
    rest = "?…" if parts.query or parts.fragment else ""
    return f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}{parts.path}{rest}"


def record(value: Any) -> Any:
    """Show a record's times as ISO 8601, and its webhook without secrets. Pure."""
    return _readable(msgspec.to_builtins(value))


def _readable(value: Any, name: str = "") -> Any:
    if isinstance(value, dict):
        return {key: _readable(one, key) for key, one in value.items()}
    if isinstance(value, list | tuple):
        return [_readable(one) for one in value]
    if isinstance(value, str) and name == "url":
        return redact(value)
    is_time = name.endswith("At") or name == "notBefore"
    if is_time and isinstance(value, int | float):
        return stamp(value)
    return value


def _draw(columns: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
    from rich.box import SIMPLE_HEAD
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    table = Table(box=SIMPLE_HEAD, pad_edge=False)
    for name in columns:
        # An id that is cut off cannot be copied: what does not fit goes to the next line.
        table.add_column(name, overflow="fold", no_wrap=name.endswith("id"))
    for row in rows:
        table.add_row(*(Text(cell) for cell in row))
    Console().print(table)
