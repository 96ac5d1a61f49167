"""Batch: many files through one server, several at once, each whatever becomes of the others."""

import asyncio
import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from msgspec import Struct

from wavemill_client import WavemillClient, WavemillError
from wavemill_standalone.commands.display import Display
from wavemill_standalone.commands.outcome import Outcome, completed, failed


class Plan(Struct, frozen=True, kw_only=True):
    """What is asked of every file."""

    format: str
    quality: str | None
    options: dict[str, Any]
    preview: bool
    overwrite: bool
    skip_existing: bool


class Batch:
    """The files of one command line on their way."""

    def __init__(self, client: WavemillClient, plan: Plan, display: Display) -> None:
        self._client = client
        self._plan = plan
        self._display = display
        self.outcomes: list[Outcome] = []

    async def run(self, files: Sequence[tuple[Path, Path]], parallel: int) -> None:
        """Convert (source, target) pairs. Cancelled, it tells of each what became of it."""
        turns = asyncio.Semaphore(parallel)
        async with asyncio.TaskGroup() as tasks:
            for source, target in files:
                tasks.create_task(self._one(source, target, turns))

    async def _one(self, source: Path, target: Path, turns: asyncio.Semaphore) -> None:
        try:
            async with turns:
                outcome = await self._convert(source, target)
        except asyncio.CancelledError:
            self._tell(Outcome(source=str(source), status="cancelled"))
            raise
        self._tell(outcome)

    def _tell(self, outcome: Outcome) -> None:
        self.outcomes.append(outcome)
        self._display.tell(outcome)

    async def _convert(self, source: Path, target: Path) -> Outcome:
        plan, loop = self._plan, asyncio.get_running_loop()
        if plan.skip_existing and _is_there(target):
            why = {"code": "file_exists", "message": f"{target} is there already"}
            return Outcome(source=str(source), status="skipped", error=why)
        began = loop.time()
        try:
            _check_apart(source, target)
            done = await self._client.convert(
                source,
                plan.format,
                out=target,
                quality=plan.quality,
                options=plan.options,
                preview=plan.preview,
                overwrite=plan.overwrite,
                on_progress=self._display.watch(source),
            )
        except (WavemillError, OSError) as error:
            return failed(source, error, loop.time() - began)
        return completed(source, done, loop.time() - began)


def _is_there(target: Path) -> bool:
    return os.path.lexists(target)


def _check_apart(source: Path, target: Path) -> None:
    """A result never takes the place of its source, whatever may be overwritten."""
    if target.exists() and target.samefile(source):
        raise FileExistsError(f"the result would replace {source} itself; give another --out")
