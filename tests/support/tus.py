"""tus as its specification has it, one request at a time, for tests that look closely."""

import asyncio
import base64
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager, suppress
from io import BytesIO
from urllib.parse import urlsplit

from support.client import Client
from support.problems import Reply

VERSION = {"Tus-Resumable": "1.0.0"}
OCTETS = {"Content-Type": "application/offset+octet-stream"}


def metadata(**values: str) -> str:
    """Write Upload-Metadata."""
    pairs = ((key, base64.b64encode(value.encode()).decode()) for key, value in values.items())
    return ",".join(f"{key} {value}" for key, value in pairs)


class TusUpload:
    """One upload by tus. `create` first; `at` another client to go on at another gateway."""

    def __init__(self, client: Client) -> None:
        self.client = client
        self.path = ""

    @property
    def file_id(self) -> str:
        """The upload's id."""
        return self.path.rpartition("/")[2]

    def at(self, client: Client) -> "TusUpload":
        """The same upload by way of another gateway."""
        other = TusUpload(client)
        other.path = self.path
        return other

    async def create(
        self, size: int, name: str = "a.wav", data: bytes | None = None, **headers: str
    ) -> Reply:
        """Open the upload, with its first bytes if there are some."""
        sent = {
            **VERSION,
            "Upload-Length": str(size),
            "Upload-Metadata": metadata(filename=name, filetype="audio/wav"),
            **({} if data is None else OCTETS),
            **_names(headers),
        }
        body = None if data is None else BytesIO(data)
        reply = await self.client.call("POST", "/api/tus", headers=sent, data=body)
        self.path = urlsplit(reply[2].get("Location", "")).path
        return reply

    async def head(self) -> Reply:
        """Ask how far it has come."""
        return await self.client.call("HEAD", self.path, headers=VERSION)

    async def offset(self) -> int:
        """How far it has come; somebody who asks while another ends is told to ask again."""
        while True:
            status, _, headers = await self.head()
            if status != 423:
                assert status == 200, status
                return int(headers["Upload-Offset"])

    async def patch(self, offset: int, data: bytes, **headers: str) -> Reply:
        """Append bytes."""
        sent = {**VERSION, **OCTETS, "Upload-Offset": str(offset), **_names(headers)}
        return await self.client.call("PATCH", self.path, headers=sent, data=BytesIO(data))

    async def delete(self) -> Reply:
        """Give it up."""
        return await self.client.call("DELETE", self.path, headers=VERSION)

    @asynccontextmanager
    async def begun(self, offset: int, announced: int, data: bytes) -> AsyncIterator["Begun"]:
        """A PATCH that announces more than it sends at first."""
        place = urlsplit(self.client.url)
        reader, writer = await asyncio.open_connection(place.hostname, place.port)
        head = {
            "Host": place.netloc,
            "Content-Length": str(announced),
            "Upload-Offset": str(offset),
            **VERSION,
            **OCTETS,
        }
        lines = [f"PATCH {self.path} HTTP/1.1", *(f"{a}: {b}" for a, b in head.items()), "", ""]
        try:
            writer.write("\r\n".join(lines).encode() + data)
            await writer.drain()
            yield Begun(reader, writer)
        finally:
            writer.close()
            with suppress(OSError):
                await writer.wait_closed()


class Begun:
    """A request under way."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader = reader
        self._writer = writer

    async def send(self, data: bytes) -> None:
        """Send more of the body; it may be that nobody listens any more."""
        with suppress(OSError):
            self._writer.write(data)
            await self._writer.drain()

    async def answer(self) -> tuple[int, str]:
        """The status and the rest of the answer; 0 if the connection was cut instead."""
        try:
            line = await self._reader.readline()
            rest = await self._reader.readuntil(b"}")
        except (OSError, asyncio.IncompleteReadError):
            return 0, ""
        return int(line.split()[1]), rest.decode()

    async def closed(self) -> None:
        """Wait until the other side hangs up."""
        with suppress(OSError):
            while await self._reader.read(65536):
                pass


def _names(headers: Mapping[str, str]) -> dict[str, str]:
    """upload_checksum="…" is Upload-Checksum."""
    return {name.replace("_", "-").title(): value for name, value in headers.items()}
