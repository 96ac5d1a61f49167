"""One long job, from the POST to its completion, against a bare ffmpeg from file to file.

The bare ffmpeg is told to make the same sound by the same encoder. Ours also reads the source from
its store, looks at it, syncs the result, reads it back and records all of it.
"""

import asyncio
import subprocess
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

import aiohttp

from bench.bench import Bench, interleaved
from bench.rows import Goal, Row
from bench.usage import Usage, cpu_seconds, of_command
from support.audio import FFMPEG, generate
from support.client import Client
from support.server import Wavemill, running

NAME = "job"
ABOUT = "WAV to a format, POST convert → completed"
PATIENCE = 3600.0  # seconds
COMMANDS = {
    "mp3": ("-c:a", "libmp3lame", "-q:a", "2"),
    "m4a": ("-c:a", "aac", "-b:a", "160k", "-movflags", "+faststart"),
    "opus": ("-ar", "48000", "-c:a", "libopus", "-vbr", "on", "-b:a", "96k"),
}
# Minutes: one of the goal's own length, and two whose conversion takes some ten seconds.
QUICK = {"mp3": 60, "m4a": 20, "opus": 30}
_SOUND = "anoisesrc=d={d}:c=pink:a=0.5:r=44100:seed=3,volume='0.2+0.8*abs(sin(3*t))':eval=frame"
_STEREO = ",pan=stereo|c0=c0|c1=0.8*c0"


def run(bench: Bench) -> Iterator[Row]:
    """Measure each format with its structure checked, then the cost of decoding what was made."""
    lengths = {name: bench.sized(QUICK[name], 60) for name in COMMANDS}
    decoded = bench.sized(30, 60)
    sources = _sources(bench.folder, {decoded, *lengths.values()})
    pairs = bench.times(3, 5)
    with (
        running(bench.folder / "job", WAVEMILL_VERIFY="structure") as structure,
        running(bench.folder / "job-decode", WAVEMILL_VERIFY="decode") as decode,
    ):
        for name, minutes in lengths.items():
            print(f"  {minutes} min to {name}")
            source = sources[minutes]
            ours, bare = interleaved(
                pairs,
                lambda name=name, source=source: convert(structure, source, name),  # type: ignore[misc]
                lambda name=name, source=source: ffmpeg(source, name),  # type: ignore[misc]
                warm=False,
            )
            yield from _rows(f"{minutes} min to {name}", ours, bare)
        with_decode, without = interleaved(
            1 if not bench.full else pairs,
            lambda: convert(decode, sources[decoded], "mp3"),
            lambda: convert(structure, sources[decoded], "mp3"),
            warm=False,
        )
    yield Row(
        name=f"{decoded} min to mp3, verified by decoding it",
        against="the same, verified by structure",
        unit="s",
        ours=[one.wall for one in with_decode],
        limit=[one.wall for one in without],
    )


def _sources(folder: Path, lengths: set[int]) -> dict[int, Path]:
    """A file for each length in minutes; the shorter ones are the beginning of the longest."""
    longest = max(lengths)
    whole = generate(folder / "long.wav", _SOUND.format(d=60 * longest) + _STEREO)
    return {longest: whole} | {
        minutes: _beginning(whole, minutes) for minutes in lengths - {longest}
    }


def _beginning(whole: Path, minutes: int) -> Path:
    target = whole.with_name(f"long-{minutes}.wav")
    cut = ("-t", str(60 * minutes), "-c", "copy", str(target))
    subprocess.run([FFMPEG, "-nostdin", "-v", "error", "-i", str(whole), *cut], check=True)
    return target


def _rows(name: str, ours: Sequence[Usage], bare: Sequence[Usage]) -> Iterator[Row]:
    yield Row(
        name=name,
        against="ffmpeg",
        unit="s",
        ours=[one.wall for one in ours],
        limit=[one.wall for one in bare],
        goal=Goal(most=1.03),
    )
    yield Row(
        name=f"{name}: CPU",
        against="ffmpeg",
        unit="s",
        ours=[one.cpu for one in ours],
        limit=[one.cpu for one in bare],
    )


def convert(server: Wavemill, source: Path, wanted: str) -> Usage:
    """Run one job on a new upload, which is not measured."""
    return asyncio.run(_convert(server, source, wanted))


async def _convert(server: Wavemill, source: Path, wanted: str) -> Usage:
    timeout = aiohttp.ClientTimeout(total=PATIENCE)
    async with aiohttp.ClientSession(timeout=timeout) as session:
        client = Client(session, server.url)
        file_id = (await client.upload(source))["fileId"]
        processes = server.processes()
        before, began = cpu_seconds(processes), time.perf_counter()
        job_id = await client.convert(file_id, wanted)
        async for event in client.events(job_id):
            if event["event"] not in {"progress", "message"}:
                assert event["event"] == "completed", event
                break
        used = Usage(time.perf_counter() - began, cpu_seconds(processes) - before)
        await client.call("DELETE", f"/api/jobs/{job_id}")
        await client.call("DELETE", f"/api/uploads/{file_id}")
    return used


def ffmpeg(source: Path, wanted: str) -> Usage:
    """Run the bare command."""
    target = source.with_name(f"bare.{wanted}")
    quiet = ("-nostdin", "-v", "error", "-y")
    used = of_command([FFMPEG, *quiet, "-i", str(source), *COMMANDS[wanted], str(target)])
    target.unlink()
    return used
