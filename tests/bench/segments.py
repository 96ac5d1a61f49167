"""What one long WAV to FLAC takes, in segments and without, beside ffmpeg from file to file.

    PYTHONPATH=tests .venv/bin/python -m bench.segments [--minutes 60] [--pairs 5] [--verify decode]

The conversion is the converter's own, from store to store, with its probe, its digest, its fsyncs,
and the reading back of the result; ffmpeg alone does none of that. All run in turn, A B C A B C, so
that a machine whose speed drifts slows all. Seconds on the wall depend on what else a machine does
(its load is told), CPU seconds hardly.
"""

import argparse
import asyncio
import os
import resource
import shlex
import statistics
import subprocess
import tempfile
import time
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import NamedTuple

import structlog
from msgspec import structs

from support.audio import FFMPEG, generate
from support.conversions import job_for, opened_tools, put, report
from wavemill_converter.convert.segments import rules
from wavemill_converter.convert.streaming.conversion import streaming_convert_audio
from wavemill_converter.lending import Lending
from wavemill_converter.tools import Tools

_MINUTE = "anoisesrc=d=60:c=pink:a=0.5:r=44100:seed=3,volume='0.2+0.8*abs(sin(3*t))':eval=frame"
_STEREO = ",pan=stereo|c0=c0|c1=0.8*c0"
_BARE = "-map 0:a:0 -c:a flac -frame_size 4096 -compression_level 5 -fflags +bitexact"
_KINDS = ("ffmpeg", "plain", "segments")


class Cost(NamedTuple):
    """Seconds on the wall, and of computing: our own and that of the ffmpegs."""

    wall: float
    own: float
    ffmpegs: float

    @property
    def cpu(self) -> float:
        """All seconds of computing."""
        return self.own + self.ffmpegs


def _used() -> tuple[float, float]:
    both = (resource.getrusage(one) for one in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))
    own, ended = (one.ru_utime + one.ru_stime for one in both)
    return own, ended


async def cost(run: Callable[[], Awaitable[None]]) -> Cost:
    """Run once."""
    own, ended = _used()
    begun = time.perf_counter()
    await run()
    wall = time.perf_counter() - begun
    now, all_ended = _used()
    return Cost(wall, now - own, all_ended - ended)


async def convert(tools: Tools, key: str) -> None:
    """Convert an upload, and delete the result."""
    converted = await streaming_convert_audio(job_for(key, "flac"), tools, report)
    await tools.objects.delete([one.key for one in converted.outputs])


async def measure(folder: Path, source: Path, pairs: int, *, decodes: bool) -> None:
    """Run all kinds in turn, after a round that is not counted; tell the medians."""
    target = folder / "bare.flac"
    bare = [FFMPEG, "-nostdin", "-v", "error", "-i", str(source), *shlex.split(_BARE)]

    async def by_hand() -> None:
        await asyncio.to_thread(subprocess.run, [*bare, "-y", str(target)], check=True)

    async with opened_tools(folder) as found:
        tools = structs.replace(found, decodes=decodes)
        lending = Lending(2, processors=2)
        key = await put(tools, source)
        runs = {
            "ffmpeg": by_hand,
            "plain": lambda: convert(tools, key),
            "segments": lambda: convert(structs.replace(tools, lending=lending), key),
        }
        rounds = []
        with lending.taken():
            for number in range(pairs + 1):
                rounds.append({kind: await cost(runs[kind]) for kind in _KINDS})
                shown = ", ".join(
                    f"{k} {c.wall:.2f} s ({c.cpu:.2f})" for k, c in rounds[-1].items()
                )
                print(f"{number}: {shown}; load {os.getloadavg()[0]:.1f}", flush=True)
    tell(rounds[1:])


def tell(rounds: list[dict[str, Cost]]) -> None:
    """Print medians, and medians of the ratios of each round."""
    for kind in _KINDS:
        of = [one[kind] for one in rounds]
        bare = [one["ffmpeg"] for one in rounds]
        pairs = list(zip(of, bare, strict=True))
        wall = statistics.median(one.wall / other.wall for one, other in pairs)
        cpu = statistics.median(one.cpu / other.cpu for one, other in pairs)
        seconds = statistics.median(one.wall for one in of)
        print(
            f"{kind:9} wall {seconds:6.2f} s, {wall:.2f} of ffmpeg; "
            f"CPU {statistics.median(one.cpu for one in of):6.2f} s "
            f"(ours {statistics.median(one.own for one in of):.2f} s), {cpu:.2f} of ffmpeg"
        )


def make_source(folder: Path, minutes: float) -> Path:
    """A stereo WAV of that length: the same minute over and over."""
    minute = generate(folder / "minute.wav", _MINUTE + _STEREO)
    listed = folder / "list"
    listed.write_text(f"file '{minute}'\n" * max(1, round(minutes)))
    source = folder / "source.wav"
    words = ["-f", "concat", "-safe", "0", "-i", str(listed), "-c", "copy", "-t", str(60 * minutes)]
    subprocess.run([FFMPEG, "-v", "error", *words, str(source)], check=True)
    return source


def main() -> None:
    """Make a source, run all kinds on it, and tell what they took."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--minutes", type=float, default=60)
    parser.add_argument("--pairs", type=int, default=5)
    parser.add_argument("--verify", choices=["decode", "structure"], default="structure")
    asked = parser.parse_args()
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(40))
    setattr(rules, "SHORTEST", 0.0)  # noqa: B010 - to find out what is too short
    with tempfile.TemporaryDirectory() as name:
        source = make_source(Path(name), asked.minutes)
        print(f"{asked.minutes:g} min of WAV to FLAC, {asked.verify}; wall (CPU); 0 is not counted")
        asyncio.run(measure(Path(name), source, asked.pairs, decodes=asked.verify == "decode"))


if __name__ == "__main__":
    main()
