"""A long WAV to FLAC in segments on two cores, against ffmpeg from file to file."""

import asyncio
import importlib
import shlex
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import structlog
from msgspec import structs

from bench.bench import Bench, LeftOut
from bench.rows import Goal, Row
from support.audio import FFMPEG
from support.conversions import opened_tools, put

NAME = "segments"
ABOUT = "WAV to FLAC in segments, verified by its structure"
_QUIET = 40  # the level of errors


def run(bench: Bench) -> Iterator[Row]:
    """Measure what `bench.segments` does, where converting in segments is there."""
    try:
        segments: Any = importlib.import_module("bench.segments")
    except ModuleNotFoundError:
        raise LeftOut("nothing is converted in segments here") from None
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(_QUIET))
    minutes = bench.sized(30, 60)
    source = segments.make_source(bench.folder, minutes)
    measuring = _measured(segments, bench.folder, source, bench.times(3, 5))
    found = asyncio.run(measuring)
    for name, ours, against, limit, goal in (
        ("", "segments", "ffmpeg", "ffmpeg", Goal(most=0.65)),
        ("", "segments", "the same without segments", "plain", None),
        (
            ", verified by decoding it",
            "decoded",
            "the same, verified by structure",
            "segments",
            None,
        ),
    ):
        yield Row(
            name=f"{minutes} min{name}",
            against=against,
            unit="s",
            ours=found[ours],
            limit=found[limit],
            goal=goal,
        )


async def _measured(
    segments: Any, folder: Path, source: Path, pairs: int
) -> dict[str, list[float]]:
    """Seconds in segments, of those also with decoding, without segments, of ffmpeg; in turn."""
    quiet = [FFMPEG, "-nostdin", "-v", "error", "-y"]
    words = shlex.split(segments._BARE)
    bare = [*quiet, "-i", str(source), *words, str(folder / "bare.flac")]

    async def by_hand() -> None:
        process = await asyncio.create_subprocess_exec(*bare)
        assert await process.wait() == 0

    async with opened_tools(folder) as found:
        tools: Any = structs.replace(found, decodes=False)
        lending = segments.Lending(2, processors=2)
        lent: Any = structs.replace(tools, lending=lending)
        decoding: Any = structs.replace(lent, decodes=True)
        key = await put(found, source)
        runs = {
            "segments": lambda: segments.convert(lent, key),
            "decoded": lambda: segments.convert(decoding, key),
            "plain": lambda: segments.convert(tools, key),
            "ffmpeg": by_hand,
        }
        rounds = []
        with lending.taken():
            for number in range(pairs):
                walls = {name: (await segments.cost(run)).wall for name, run in runs.items()}
                print(f"    {number + 1}: {'  |  '.join(f'{one:.2f} s' for one in walls.values())}")
                rounds.append(walls)
    return {name: [one[name] for one in rounds] for name in runs}
