"""What is left to wait for after the last byte, when a conversion follows its upload.

    PYTHONPATH=tests .venv/bin/python -m bench.following [--pairs 3] [--size 200] [--rate 20]
        [--format mp3] [--verify structure]

Each pair uploads one WAV twice at the same rate, in chunks one after the other: once it is
converted when all of it is there, once from its first chunk on. Counted is the time from the last
byte that the client sends to the job's `completed`; in the first case also what the conversion
takes, from its being asked for: the goal is a ratio of at most 0.10 to that.
"""

import argparse
import asyncio
import io
import os
import statistics
import tempfile
import time
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any, NamedTuple

import aiohttp

from support.audio import generate
from support.client import Client
from support.server import Wavemill, running

MB = 1000 * 1000
PIECE = 256 * 1024  # bytes that are sent at once
SECOND = 44_100 * 2 * 2  # bytes of a second of sound
MUSIC = "anoisesrc=d={d}:c=pink:a=0.5:r=44100:seed=3,pan=stereo|c0=c0|c1=c0"
OFTEN = 0.01  # seconds between two looks at the job
GOAL = 0.10


class Sent(NamedTuple):
    """How an upload went: when its last byte left, and the job if one was begun with it."""

    file_id: str
    last_byte: float
    job_id: str | None


class Pair(NamedTuple):
    """Seconds: of the plain conversion, after the last byte without and with following."""

    conversion: float
    afterwards: float
    following: float

    @property
    def ratio(self) -> float:
        """What is left of the conversion's time."""
        return self.following / self.conversion


class Throttle:
    """Lets through so many bytes a second, counted from its first byte."""

    def __init__(self, rate: float) -> None:
        self._rate = rate
        self._begun = 0.0
        self._sent = 0
        self.last_byte = 0.0

    async def body(self, data: bytes) -> AsyncIterator[bytes]:
        """Pass a request's body on."""
        self._begun = self._begun or time.monotonic()
        for at in range(0, len(data), PIECE):
            piece = data[at : at + PIECE]
            due = self._begun + (self._sent + len(piece)) / self._rate
            await asyncio.sleep(max(0.0, due - time.monotonic()))
            self._sent += len(piece)
            yield piece
        self.last_byte = time.monotonic()


async def upload(client: Client, source: Path, rate: float, target: str | None) -> Sent:
    """Send a file in chunks, and ask for its conversion as soon as the first one is stored."""
    size, throttle, job_id = source.stat().st_size, Throttle(rate), None
    asked = {"fileName": source.name, "fileSize": size}
    _, opened, _ = await client.call("POST", "/api/uploads", json=asked)
    file_id, chunk = str(opened["fileId"]), int(opened["chunkSize"])
    with source.open("rb", buffering=io.DEFAULT_BUFFER_SIZE) as file:
        for index in range(opened["totalChunks"]):
            data = await asyncio.to_thread(file.read, chunk)
            status, body, _ = await client.call(
                "POST",
                "/api/upload-audio",
                params={"fileId": file_id, "chunkIndex": str(index)},
                data=throttle.body(data),
                headers={
                    "Content-Type": "application/octet-stream",
                    "Content-Length": str(len(data)),
                },
            )
            assert status in {200, 201}, body
            if index == 0 and target is not None:
                job_id = await client.convert(file_id, target)
    return Sent(file_id, throttle.last_byte, job_id)


async def completed(client: Client, job_id: str) -> float:
    """Wait for a job; return when it was seen to be completed."""
    body: dict[str, Any] = {}
    while body.get("status") != "completed":
        assert body.get("status") not in {"failed", "cancelled"}, body
        await asyncio.sleep(OFTEN)
        body = await client.progress(job_id)
    return time.monotonic()


async def pair(client: Client, source: Path, rate: float, target: str) -> Pair:
    """Convert afterwards, then following; both uploads are deleted."""
    plain = await upload(client, source, rate, None)
    asked = time.monotonic()
    ended = await completed(client, await client.convert(plain.file_id, target))
    followed = await upload(client, source, rate, target)
    assert followed.job_id is not None
    following = await completed(client, followed.job_id) - followed.last_byte
    for one in (plain, followed):
        await client.call("DELETE", f"/api/uploads/{one.file_id}")
    return Pair(ended - asked, ended - plain.last_byte, following)


async def measure(server: Wavemill, arguments: argparse.Namespace, source: Path) -> list[Pair]:
    """Run the pairs, one after the other."""
    async with aiohttp.ClientSession() as session:
        client = Client(session, server.url)
        pairs = []
        for _ in range(arguments.pairs):
            pairs.append(await pair(client, source, arguments.rate * MB, arguments.format))
            print(_described(pairs[-1]), flush=True)
        return pairs


def _described(one: Pair) -> str:
    return (
        f"conversion {one.conversion:6.2f} s, after the last byte {one.afterwards:6.2f} s, "
        f"following {one.following:6.2f} s, ratio {one.ratio:.3f}"
    )


def main() -> None:
    """Print each pair, and the median ratio beside the goal."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--pairs", type=int, default=3)
    parser.add_argument("--size", type=int, default=200, help="MB of WAV")
    parser.add_argument("--rate", type=float, default=20.0, help="MB a second")
    parser.add_argument("--format", default="mp3")
    parser.add_argument("--verify", default="decode", choices=["decode", "structure"])
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        seconds = arguments.size * MB / SECOND
        source = generate(Path(folder) / "source.wav", MUSIC.format(d=seconds))
        variables = {"WAVEMILL_VERIFY": arguments.verify, "WAVEMILL_LOG_LEVEL": "warning"}
        with running(Path(folder) / "data", **variables) as server:
            pairs = asyncio.run(measure(server, arguments, source))
    ratio = statistics.median(one.ratio for one in pairs)
    load = os.getloadavg()[0]
    print(f"median ratio {ratio:.3f} (goal {GOAL:.2f}), load of the machine {load:.1f}")


if __name__ == "__main__":
    main()
