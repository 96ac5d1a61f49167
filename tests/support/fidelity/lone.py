"""Lone: one streaming conversion in a process of its own, which tells what it has taken.

python -m support.fidelity.lone SOURCE FOLDER FORMAT [ENDPOINT BUCKET]

With an endpoint, source and result lie in an S3; where the source is there already, it stays.
"""

import asyncio
import json
import re
import sys
import tempfile
import threading
import time
from contextlib import AsyncExitStack
from pathlib import Path

from structlog.testing import capture_logs

import wavemill_converter.main  # noqa: F401  all that a converter has loaded, for its size
from support.fidelity.bench import opened
from wavemill_common.objects.s3 import S3ObjectStore
from wavemill_common.objects.s3_config import S3Config

LOOK_EVERY = 0.01  # seconds
BLOCK = 512  # bytes that st_blocks counts in


class Watch(threading.Thread):
    """Looks at this process's memory files and temporary files, and keeps the peak of the sum."""

    def __init__(self, folders: list[Path]) -> None:
        super().__init__(daemon=True)
        self._folders = folders
        self.over = threading.Event()
        self.peak = 0  # bytes

    def run(self) -> None:
        """Look until it is over."""
        while not self.over.wait(LOOK_EVERY):
            files = [path for folder in self._folders for path in folder.rglob("*")]
            self.peak = max(self.peak, _memory_files() + sum(map(_held, files)))


def _memory_files() -> int:
    found = 0
    for entry in Path("/proc/self/fd").iterdir():
        try:
            if str(entry.readlink()).startswith("/memfd:"):
                found += _held(entry)
        except FileNotFoundError:
            continue
    return found


def _held(path: Path) -> int:
    try:
        return path.stat().st_blocks * BLOCK
    except FileNotFoundError:
        return 0


def highest_rss() -> int:
    """The most bytes of memory that this process ever had."""
    status = Path("/proc/self/status").read_text()
    found = re.search(r"VmHWM:\s+(\d+) kB", status)
    return int(found[1]) * 1024 if found else 0


def _wired(endpoint: str, bucket: str) -> S3Config:
    """How to reach it; support.s3 would load a whole server into this process."""
    return S3Config(
        bucket=bucket,
        endpoint_url=endpoint,
        addressing="path",
        access_key="test",
        secret_key="test",  # noqa: S106 - a stand-in's
    )


async def main(source: Path, folder: Path, target: str, *wire: str) -> None:
    """Convert, and print the figures as JSON."""
    temporary = folder / "tmp"
    temporary.mkdir()
    tempfile.tempdir = str(temporary)
    watch = Watch([temporary, folder / "scratch"])
    async with AsyncExitStack() as stack:
        objects = S3ObjectStore.open(_wired(*wire)) if wire else None
        store = await stack.enter_async_context(objects) if objects else None
        bench = await stack.enter_async_context(opened(folder, objects=store))
        job = await bench.job(source, target, "lone")
        watch.start()
        begun = time.monotonic()
        with capture_logs() as logs:
            converted = await bench.stream(job)
        seconds = time.monotonic() - begun
        watch.over.set()
        watch.join()
    streamed = next(one for one in logs if one["event"] == "streamed")
    figures = {
        "key": converted.outputs[0].key,
        "size": converted.outputs[0].size,
        "sha256": converted.outputs[0].sha256,
        "held": watch.peak,
        "rss": highest_rss(),
        "early_parts": streamed["early_parts"],
        "seconds": seconds,
    }
    print(json.dumps(figures))  # noqa: T201 - its parent reads it


if __name__ == "__main__":
    asyncio.run(main(Path(sys.argv[1]), Path(sys.argv[2]), *sys.argv[3:]))
