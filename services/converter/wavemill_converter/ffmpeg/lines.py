"""Cut what a child prints into lines, in bounded memory whatever it prints."""

from collections import deque
from collections.abc import Iterable

MAX_LINE = 1000  # characters; a longer line is cut, not kept
TAIL_LINES = 200


class LineSplitter:
    r"""Takes bytes as they come and gives complete lines; \r ends a line as \n does."""

    def __init__(self) -> None:
        self._rest = b""

    def feed(self, data: bytes) -> list[str]:
        """Return the lines that these bytes complete."""
        *whole, rest = (self._rest + data).replace(b"\r", b"\n").split(b"\n")
        self._rest = rest[: MAX_LINE * 4]
        return [_text(line) for line in whole if line]

    def end(self) -> list[str]:
        """Return the last line if it was not ended."""
        rest, self._rest = self._rest, b""
        return [_text(rest)] if rest else []


class Log:
    """The last lines of a log, and which of some phrases ever occurred in it."""

    def __init__(self, phrases: Iterable[str] = ()) -> None:
        self._phrases = tuple(phrases)
        self._tail: deque[str] = deque(maxlen=TAIL_LINES)
        self.seen: set[str] = set()

    def add(self, line: str) -> None:
        """Remember a line; an older one may be forgotten, a phrase never.

        Indented lines are no messages: there ffmpeg quotes tags, which may hold any words.
        """
        self._tail.append(line)
        if not line.startswith(" "):
            self.seen.update(phrase for phrase in self._phrases if phrase in line)

    @property
    def tail(self) -> tuple[str, ...]:
        """The last lines, oldest first."""
        return tuple(self._tail)


def _text(line: bytes) -> str:
    return line[: MAX_LINE * 4].decode(errors="replace")[:MAX_LINE]
