"""Sending: bodies over a plain socket, so that the load costs as little as it can."""

import socket
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from urllib.parse import urlsplit

_LIMIT = 1 << 20


class Connection:
    """One keep-alive connection that sends requests one after the other."""

    def __init__(self, url: str) -> None:
        parts = urlsplit(url)
        self._host = parts.netloc
        self._socket = socket.create_connection((parts.hostname or "", parts.port or 80))
        self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)

    def send(
        self,
        method: str,
        path: str,
        body: bytes | memoryview = b"",
        headers: Mapping[str, str] = {},
        *,
        times: int = 1,
    ) -> tuple[int, bytes]:
        """Send a request with `body` so many `times`; return the answer's status and body."""
        status, _, answer = self.exchange(method, path, body, headers, times=times)
        return status, answer

    def exchange(
        self,
        method: str,
        path: str,
        body: bytes | memoryview = b"",
        headers: Mapping[str, str] = {},
        *,
        times: int = 1,
    ) -> tuple[int, Mapping[str, str], bytes]:
        """The same; return the answer's headers too, their names in lower case."""
        lines = {"Host": self._host, "Content-Length": str(len(body) * times), **headers}
        head = "".join(f"{name}: {value}\r\n" for name, value in lines.items())
        self._socket.sendall(f"{method} {path} HTTP/1.1\r\n{head}\r\n".encode())
        for _ in range(times if body else 0):
            self._socket.sendall(body)
        head_bytes, rest = self._head()
        status, fields = _read_head(head_bytes)
        while len(rest) < _length(fields):
            rest += self._received()
        return status, fields, rest

    def fetch(self, path: str, buffer: bytearray, headers: Mapping[str, str] = {}) -> int:
        """Send a GET and throw its body away; return how long it was."""
        lines = {"Host": self._host, **headers}
        head = "".join(f"{name}: {value}\r\n" for name, value in lines.items())
        self._socket.sendall(f"GET {path} HTTP/1.1\r\n{head}\r\n".encode())
        head_bytes, rest = self._head()
        status, fields = _read_head(head_bytes)
        length = _length(fields)
        assert status in {200, 206}, head_bytes
        got = len(rest)
        while got < length:
            got += self._socket.recv_into(buffer)
        return length

    def close(self) -> None:
        """Close it."""
        self._socket.close()

    def _head(self) -> tuple[bytes, bytes]:
        data = b""
        while b"\r\n\r\n" not in data:
            data += self._received()
        head, _, rest = data.partition(b"\r\n\r\n")
        return head, rest

    def _received(self) -> bytes:
        data = self._socket.recv(_LIMIT)
        assert data, "the server has closed the connection"
        return data


@contextmanager
def connected(url: str) -> Iterator[Connection]:
    """A connection for the time of a block."""
    connection = Connection(url)
    try:
        yield connection
    finally:
        connection.close()


def _read_head(head: bytes) -> tuple[int, Mapping[str, str]]:
    lines = head.decode("latin-1").split("\r\n")
    pairs = (line.split(": ", 1) for line in lines[1:])
    return int(lines[0].split(" ")[1]), {name.lower(): value for name, value in pairs}


def _length(fields: Mapping[str, str]) -> int:
    return int(fields.get("content-length", "0"))
