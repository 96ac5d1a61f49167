"""Slow: a store that gives a source at an even pace, and a conversion whose reports are kept."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from statistics import fmean
from typing import Any

import pytest

from support.fidelity.bench import opened
from support.remote import RemoteStore
from wavemill_converter.convert.conversion import Report, prepare, progress_reporter
from wavemill_converter.convert.streaming import conversion
from wavemill_converter.ffmpeg.progress import TranscodeProgress
from wavemill_converter.plan.plan import ConversionPlan
from wavemill_converter.plan.results import Result
from wavemill_converter.transcode.transcode import OnProgress

PIECES = 200  # that a source is given in


class Paced(RemoteStore):
    """Gives an upload within `seconds`, in even pieces."""

    def __init__(self, root: Path, seconds: float) -> None:
        super().__init__(root)
        self._pause = seconds / PIECES

    async def read(self, key: str, start: int = 0, end: int | None = None) -> AsyncIterator[bytes]:
        if not key.startswith("uploads/"):
            async for data in super().read(key, start, end):
                yield data
            return
        piece = -(-(await self.stat(key)).size // PIECES)
        async for data in super().read(key, start, end):
            for at in range(0, len(data), piece):
                part = data[at : at + piece]
                await asyncio.sleep(self._pause * len(part) / piece)
                yield part


@dataclass(frozen=True)
class Watched:
    """A conversion's plan, and all that was told of it while it ran."""

    plan: ConversionPlan
    steps: list[TranscodeProgress]

    @property
    def reports(self) -> int:
        """How many there were."""
        return len(self.steps)

    @property
    def goes_back(self) -> bool:
        """Whether any report told less than the one before."""
        told = [one.fraction or 0.0 for one in self.steps]
        return any(later < earlier for earlier, later in pairwise(told))

    @property
    def error_of_audio(self) -> float:
        """The mean distance from the share of the audio that was really done."""
        whole = self.steps[-1].out_time
        return fmean(abs((one.fraction or 0.0) - one.out_time / whole) for one in self.steps)

    @property
    def error_of_time(self) -> float:
        """The mean distance from the share of the time that had really passed."""
        whole = self.steps[-1].elapsed
        return fmean(abs((one.fraction or 0.0) - one.elapsed / whole) for one in self.steps)

    @property
    def error_of_eta(self) -> float:
        """The mean error of the remaining time, as a share of the whole time."""
        whole = self.steps[-1].elapsed
        known = [one for one in self.steps if one.remaining is not None]
        return fmean(abs(one.elapsed + (one.remaining or 0) - whole) / whole for one in known)


async def watched(source: Path, folder: Path, target: str, seconds: float) -> Watched:
    """Stream a source in about so many seconds."""
    plans: list[ConversionPlan] = []
    steps: list[TranscodeProgress] = []

    async def planning(*about: Any, **how: Any) -> tuple[Result, ...]:
        results = await prepare(*about, **how)
        plans.extend(result.plan for result in results)
        return results

    def keeping(report: Report, run: int, runs: int, length: float | None) -> OnProgress:
        tell = progress_reporter(report, run, runs, length)

        def on_progress(step: TranscodeProgress) -> None:
            steps.append(step)
            tell(step)

        return on_progress

    folder.mkdir()
    async with opened(folder, objects=Paced(folder / "objects", seconds)) as bench:
        job = await bench.job(source, target, "slow")
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(conversion, "prepare", planning)
            patch.setattr(conversion, "progress_reporter", keeping)
            await bench.stream(job)
    return Watched(plans[0], steps)
