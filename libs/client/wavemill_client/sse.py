"""Server-Sent Events: bytes in, events out, as the HTML standard has them. Pure."""

from msgspec import Struct


class Event(Struct, frozen=True):
    """One event: its name and its data."""

    name: str
    data: str


class EventParser:
    """Reads a stream however it is cut into pieces."""

    def __init__(self) -> None:
        self._rest = b""
        self._name = ""
        self._data: list[str] = []

    def feed(self, piece: bytes) -> list[Event]:
        """Take in some bytes; return the events that end in them."""
        *lines, self._rest = (self._rest + piece).split(b"\n")
        events = (self._line(line.removesuffix(b"\r").decode(errors="replace")) for line in lines)
        return [event for event in events if event is not None]

    def _line(self, line: str) -> Event | None:
        if not line:
            return self._end()
        name, _, value = line.partition(":")  # a line that begins with a colon is a comment
        value = value.removeprefix(" ")
        if name == "event":
            self._name = value
        elif name == "data":
            self._data.append(value)
        return None

    def _end(self) -> Event | None:
        name, data = self._name or "message", self._data
        self._name, self._data = "", []
        return Event(name, "\n".join(data)) if data else None
