"""Reporter: tell a job's progress as it comes, at most twice a second, the newest only."""

import asyncio
from collections.abc import Callable
from contextlib import suppress

import structlog
from msgspec import structs

from wavemill_common.connections import REDIS_ERRORS
from wavemill_common.jobs import Job, JobStatus
from wavemill_common.progress.snapshot import Progress, Stage, progress_of
from wavemill_common.progress.store import ProgressStore

log = structlog.get_logger(__name__)

REPORT_EVERY = 0.5  # seconds


class Reporter:
    """Holds the newest progress of one attempt, and writes it while `run` runs."""

    def __init__(
        self, store: ProgressStore, job: Job, on_stage: Callable[[Stage], None] = lambda _: None
    ) -> None:
        self._store = store
        self._on_stage = on_stage
        self._progress = progress_of(job)
        self._changed = asyncio.Event()

    @property
    def newest(self) -> Progress:
        """The newest progress, written or not."""
        return self._progress

    def report(self, stage: Stage, **changes: object) -> None:
        """Take note of a step; it is written soon. Percents never go back."""
        self._on_stage(stage)
        percent = changes.get("progress", 0)
        assert isinstance(percent, int)  # noqa: S101 - narrows the type of an open keyword
        changes["progress"] = max(self._progress.progress, percent)
        self._progress = structs.replace(
            self._progress,
            status=JobStatus.PROCESSING,
            stage=stage,
            revision=self._progress.revision + 1,
            **changes,
        )
        self._changed.set()

    async def run(self) -> None:
        """Write whatever is newest, until cancelled. A lost write is no harm: another follows."""
        while True:
            await self._changed.wait()
            self._changed.clear()
            await self._write(self._progress)
            await asyncio.sleep(REPORT_EVERY)

    async def _write(self, progress: Progress) -> None:
        with suppress(*REDIS_ERRORS):
            await self._store.write(progress)
