"""Take the picture of `wavemill top` with real jobs at work: docs/images/top.svg.

Usage: make pictures
"""

import asyncio
import os
import re
import shutil
import tempfile
import time
from pathlib import Path

import aiohttp
from rich._export_format import CONSOLE_SVG_FORMAT
from rich.console import Console

from support.audio import make_noise, make_sweep
from support.client import Client
from support.server import running
from wavemill_common.overview import Overview, Sources, look
from wavemill_common.settings import Settings
from wavemill_standalone.commands.top import open_sources
from wavemill_standalone.commands.top_view import picture

ROOT = Path(__file__).resolve().parent.parent
TARGET = ROOT / "docs" / "images" / "top.svg"
CLIP = ROOT / "tests" / "assets" / "lena.flac"
WIDTH = 120  # characters
ENOUGH = 20  # percent done of the first job at work
PATIENCE = 120.0  # seconds
# A page that shows the picture fetches nothing for it: the fonts that are there do.
FORMAT = re.sub(r"@font-face \{\{.*?\}\}", "", CONSOLE_SVG_FORMAT, flags=re.DOTALL)


async def main() -> None:
    """Convert some files, and look while they are at work."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        broken = folder / "voice-memo.m4a"
        broken.write_bytes(bytes(range(256)) * 40)
        quick = [
            (Path(shutil.copy(CLIP, folder / "Interview with Zoë.flac")), "mp3"),
            (make_sweep(folder / "river-at-dawn.wav", 40), "opus"),
            (broken, "mp3"),
        ]
        long = make_noise(folder / "full-concert.wav", 1800)
        with running(folder / "data") as server:
            async with aiohttp.ClientSession() as session:
                client = Client(session, server.url)
                for path, target in quick:
                    await client.wait(await convert(client, path, target))
                file_id = (await client.upload(long))["fileId"]
                for target in ("m4a", "mp3", "opus", "flac"):
                    await client.convert(file_id, target)
            environ = {**os.environ, "DATA_DIR": str(server.data_dir)}
            async with open_sources(Settings.from_environ(environ)) as sources:
                draw(await scene(sources))


async def convert(client: Client, path: Path, target: str) -> str:
    """Start a job; return its id."""
    return await client.convert((await client.upload(path))["fileId"], target)


async def scene(sources: Sources) -> Overview:
    """Look until two jobs are well under way."""
    async with asyncio.timeout(PATIENCE):
        while True:
            seen = await look(sources, time.time(), 10)
            if sum(one.progress >= ENOUGH for one in seen.running) > 1:
                return seen
            await asyncio.sleep(0.1)


def draw(seen: Overview) -> None:
    """Write the picture."""
    with Path(os.devnull).open("w") as nowhere:
        console = Console(width=WIDTH, record=True, file=nowhere, force_terminal=True)
        console.print(picture(seen))
        text = console.export_svg(title="wavemill top", code_format=FORMAT, unique_id="top")
    TARGET.write_text("\n".join(line.rstrip() for line in text.splitlines()) + "\n")


if __name__ == "__main__":
    asyncio.run(main())
