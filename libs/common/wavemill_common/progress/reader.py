"""ProgressReader: the state of a job for whoever asks: Redis first, the record where it counts."""

from collections.abc import Collection, Sequence
from typing import Protocol

import structlog
from msgspec import structs

from wavemill_common.connections import REDIS_ERRORS
from wavemill_common.errors import Gone
from wavemill_common.jobs import Job
from wavemill_common.progress.snapshot import Progress, progress_of
from wavemill_common.records import JobStore

log = structlog.get_logger(__name__)

# A progress this old may have missed the end of its job (committed, died before publishing).
STALE_AFTER = 5.0  # seconds


class ReadsProgress(Protocol):
    """The store of progress, or what asks it for many at once."""

    async def read(self, job_ids: Collection[str]) -> dict[str, tuple[Progress, float]]:
        """Read the newest progress of jobs → (progress, its age in seconds); unknown: left out."""
        ...


class ProgressReader:
    """Reads the state of jobs. Polling goes on from the job store while Redis is down."""

    def __init__(self, progress: ReadsProgress, jobs: JobStore) -> None:
        self._progress = progress
        self._jobs = jobs

    async def one(self, job_id: str) -> Progress:
        """Read one job's state.

        Raises:
            JobNotFound: neither Redis nor the job store knows it.
            Gone: it has expired.
        """
        found = await self.many([job_id])
        if job_id in found:
            return found[job_id]
        await self._jobs.job(job_id)  # raises JobNotFound, unless the tombstone is there
        raise Gone("this job has expired and its files are deleted; convert the file again")

    async def many(self, job_ids: Sequence[str]) -> dict[str, Progress]:
        """Read the state of several jobs; unknown and expired ones are left out.

        The end of a job is always told by its record.
        """
        cached = await self._cached(job_ids)
        fresh = {
            job_id: progress
            for job_id, (progress, age) in cached.items()
            if age < STALE_AFTER and not progress.is_terminal
        }
        rest = [job_id for job_id in job_ids if job_id not in fresh]
        records = await self._jobs.jobs(rest) if rest else {}
        for job_id, job in records.items():
            if not job.tombstone:
                fresh[job_id] = _newer(cached.get(job_id), job)
        return fresh

    async def _cached(self, job_ids: Sequence[str]) -> dict[str, tuple[Progress, float]]:
        try:
            return await self._progress.read(job_ids)
        except REDIS_ERRORS as error:
            log.warning("progress_read_failed", reason=repr(error))
            return {}


def _newer(cached: tuple[Progress, float] | None, job: Job) -> Progress:
    """Of what Redis and the record say, the newer; where a job has ended, always the record.

    The record knows the percents of long ago: what was shown since is not taken back.
    """
    recorded = progress_of(job)
    if cached is None or recorded.is_terminal or cached[0].is_terminal:
        return recorded
    if recorded.revision > cached[0].revision:
        return structs.replace(recorded, progress=max(recorded.progress, cached[0].progress))
    return cached[0]
