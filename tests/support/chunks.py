"""Files in chunks, the way a browser or a script sends them."""

import random
import struct
from io import BytesIO
from pathlib import Path
from typing import Any

import aiohttp

from support.client import Client
from support.problems import Reply

MIB = 1024 * 1024
CHUNK = 5 * MIB  # the smallest there may be
RATE = 44_100


def write_wav(path: Path, size: int) -> Path:
    """Write a mono 16-bit WAV of noise that has exactly `size` bytes."""
    data = size - 44
    header = struct.pack(
        "<4sI4s4sIHHII", b"RIFF", size - 8, b"WAVE", b"fmt ", 16, 1, 1, RATE, 88200
    )
    header += struct.pack("<HH4sI", 2, 16, b"data", data)
    path.write_bytes(header + random.Random(size).randbytes(data))
    return path


class ChunkedFile:
    """A file to be sent in chunks; knows every call that an upload can consist of."""

    def __init__(self, client: Client, path: Path, chunk_size: int = CHUNK) -> None:
        self.client = client
        self.path = path
        self.bytes = path.read_bytes()
        self.chunk_size = chunk_size
        self.file_id = ""

    @property
    def total(self) -> int:
        """How many chunks make the file."""
        return -(-len(self.bytes) // self.chunk_size)

    def piece(self, index: int) -> bytes:
        """The bytes of one chunk."""
        return self.bytes[index * self.chunk_size : (index + 1) * self.chunk_size]

    def fields(self, index: int, **changed: Any) -> dict[str, str]:
        """What goes with a chunk: a value of None leaves a field out."""
        fields = {
            "fileId": self.file_id or None,
            "chunkIndex": index,
            "totalChunks": self.total,
            "fileName": self.path.name,
            "fileSize": len(self.bytes),
            "chunkSize": self.chunk_size,
            **changed,
        }
        return {name: str(value) for name, value in fields.items() if value is not None}

    async def open(self) -> str:
        """Open the upload without a chunk."""
        asked = {
            "fileName": self.path.name,
            "fileSize": len(self.bytes),
            "chunkSize": self.chunk_size,
        }
        status, body, _ = await self.client.call("POST", "/api/uploads", json=asked)
        assert status == 201, body
        self.file_id = body["fileId"]
        return self.file_id

    async def send_raw(self, index: int, data: bytes | None = None, **changed: Any) -> Reply:
        """Send a chunk as a raw body."""
        return await self.client.call(
            "POST",
            "/api/upload-audio",
            params=self.fields(index, **changed),
            data=BytesIO(self.piece(index) if data is None else data),
            headers={"Content-Type": "application/octet-stream"},
        )

    async def send_form(self, index: int, data: bytes | None = None, **changed: Any) -> Reply:
        """Send a chunk as a form."""
        form = aiohttp.FormData()
        for name, value in self.fields(index, **changed).items():
            form.add_field(name, value)
        chunk = BytesIO(self.piece(index) if data is None else data)
        form.add_field("chunk", chunk, filename="blob")
        return await self.client.call("POST", "/api/upload-audio", data=form)

    async def state(self) -> Reply:
        """Ask what has arrived."""
        return await self.client.call("GET", f"/api/uploads/{self.file_id}")

    async def complete(self) -> Reply:
        """Finalise."""
        return await self.client.call("POST", f"/api/uploads/{self.file_id}/complete")

    async def abort(self) -> Reply:
        """Give it up."""
        return await self.client.call("DELETE", f"/api/uploads/{self.file_id}")
