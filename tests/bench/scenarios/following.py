"""What is left to wait for after the last byte, when a conversion follows its upload."""

import argparse
import asyncio
import importlib
from collections.abc import Iterator
from typing import Any

from bench.bench import Bench, LeftOut
from bench.rows import Goal, Row
from support.audio import generate
from support.server import running

NAME = "following"
ABOUT = "last uploaded byte → result ready, WAV to mp3 at 20 MB/s up"
RATE, SIZE = 20.0, 200  # MB/s, MB


def run(bench: Bench) -> Iterator[Row]:
    """Measure what `bench.following` does, where converting while uploading is there."""
    try:
        following: Any = importlib.import_module("bench.following")
    except ModuleNotFoundError:
        raise LeftOut("nothing is converted while it is uploaded here") from None
    size, pairs = SIZE, bench.times(3, 5)
    seconds = size * following.MB / following.SECOND
    source = generate(bench.folder / "source.wav", following.MUSIC.format(d=seconds))
    arguments = argparse.Namespace(pairs=pairs, rate=RATE, format="mp3")
    with running(bench.folder / "following", WAVEMILL_VERIFY="structure") as server:
        found = asyncio.run(following.measure(server, arguments, source))
    yield Row(
        name=f"{size} MB",
        against="the conversion's own time",
        unit="s",
        ours=[one.following for one in found],
        limit=[one.conversion for one in found],
        goal=Goal(most=following.GOAL),
    )
