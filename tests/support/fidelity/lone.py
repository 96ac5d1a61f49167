"""Lone: one streaming conversion in a process of its own, which tells what it has taken.

python -m support.fidelity.lone SOURCE FOLDER FORMAT
"""

import asyncio
import json
import re
import sys
import tempfile
import threading
import time
from pathlib import Path

from structlog.testing import capture_logs

import wavemill_converter.main  # noqa: F401  all that a converter has loaded, for its size
from support.fidelity.bench import opened

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


async def main(source: Path, folder: Path, target: str) -> None:
    """Convert, and print the figures as JSON."""
    temporary = folder / "tmp"
    temporary.mkdir()
    tempfile.tempdir = str(temporary)
    watch = Watch([temporary, folder / "scratch"])
    async with opened(folder) as bench:
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
        "path": str(bench.result(converted)),
        "size": converted.outputs[0].size,
        "sha256": converted.outputs[0].sha256,
        "held": watch.peak,
        "rss": highest_rss(),
        "early_parts": streamed["early_parts"],
        "seconds": seconds,
    }
    print(json.dumps(figures))  # noqa: T201 - its parent reads it


if __name__ == "__main__":
    asyncio.run(main(Path(sys.argv[1]), Path(sys.argv[2]), sys.argv[3]))
