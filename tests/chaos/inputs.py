"""Inputs: a few short real files, and what each must become in each format, byte for byte."""

import asyncio
import hashlib
from pathlib import Path
from typing import NamedTuple

from support.audio import decoded, make_noise
from support.client import Client

SECONDS = 16.0  # of audio: 0.05 to 0.4 s of work for one core
FORMATS = ("mp3", "ogg", "m4a", "opus", "flac", "wav")


class Wanted(NamedTuple):
    """One kind of job: an uploaded file, the format, and the SHA-256 that must come out."""

    file_id: str
    format: str
    sha256: str


async def prepare(client: Client, folder: Path) -> list[Wanted]:
    """Upload the inputs and convert each to each format once, in calm; check that it is audio."""
    wanted: list[Wanted] = []
    for name, seconds in (("a.wav", SECONDS), ("b.flac", SECONDS * 1.5), ("c.wav", SECONDS / 4)):
        source = make_noise(folder / name, seconds)
        file_id = (await client.upload(source))["fileId"]
        convert = (_convert(client, file_id, target, source, seconds) for target in FORMATS)
        wanted += await asyncio.gather(*convert)
    return wanted


async def _convert(
    client: Client, file_id: str, target: str, source: Path, seconds: float
) -> Wanted:
    job_id = await client.convert(file_id, target)
    assert (await client.wait(job_id))["status"] == "completed"
    result = await client.download(job_id, source.with_name(f"{source.stem}-as.{target}"))
    assert abs(decoded(result)[0] - seconds) < 0.1, result
    return Wanted(file_id, target, hashlib.sha256(result.read_bytes()).hexdigest())
