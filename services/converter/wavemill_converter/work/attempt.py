"""Attempt: one claimed job, from the fence that starts it to the commit that ends it.

The job store decides at both ends. In between, the attempt keeps the database lease and stops as
soon as it is told to: because the job is no longer its own, or because the converter stops.
"""

import asyncio
import random
from collections.abc import Iterable
from enum import Enum, auto
from typing import Any

import structlog
from msgspec import structs

from wavemill_common.errors import (
    AppError,
    ConversionError,
    FfmpegTimeout,
    OutputInvalid,
    is_transient,
)
from wavemill_common.following import BROKEN_OFF
from wavemill_common.jobs import Change, Job, JobError
from wavemill_common.queue.jobs import Lease
from wavemill_common.retry import retried
from wavemill_common.settings import Timings
from wavemill_converter.convert.conversion import Converted
from wavemill_converter.convert.files import fallback_file_conversion
from wavemill_converter.convert.streaming.conversion import streaming_convert_audio
from wavemill_converter.convert.streaming.follower import StreamTripped
from wavemill_converter.ffmpeg.failures import failure_of_system, judged_by_last
from wavemill_converter.metrics import FALLBACKS
from wavemill_converter.store.growing import GrowingUpload, UploadBrokenOff
from wavemill_converter.store.publish import output_key, peaks_key, remove_earlier_attempts
from wavemill_converter.tools import Tools
from wavemill_converter.work.deps import Deps
from wavemill_converter.work.following import open_growing, until_useless
from wavemill_converter.work.reporter import Reporter
from wavemill_converter.work.stages import Stages

log = structlog.get_logger(__name__)

MAX_FAILURES = 5  # transient ones, before the job fails for good


class Stop(Enum):
    """Why an attempt ends before its work does."""

    LOST = auto()  # the job is another's, or cancelled
    DRAIN = auto()  # this converter stops
    PARK = auto()  # the rest of the upload is not worth waiting for here


class Attempt:
    """The work on one claimed job. `job` is the record as this claim wrote it."""

    def __init__(self, deps: Deps, lease: Lease, job: Job) -> None:
        self._deps = deps
        self._job = job
        self.lease = lease
        self._stages = Stages()
        self._reporter = Reporter(deps.progress, job, self._stages.enter)
        self._stop: asyncio.Future[Stop] = asyncio.get_running_loop().create_future()
        self._growing: GrowingUpload | None = None
        self._awaits = BROKEN_OFF

    @property
    def job(self) -> Job:
        """The job with the progress reached so far."""
        newest = self._reporter.newest
        return self._job.reached(newest.progress, newest.revision)

    def stop(self, reason: Stop) -> None:
        """End soon: ffmpeg is killed, nothing is committed."""
        if not self._stop.done():
            self._stop.set_result(reason)

    def heard_of(self, file_id: str) -> None:
        """Hear that there is news of an open upload."""
        if self._growing is not None and self._growing.concerns(file_id):
            self._growing.wake()

    async def check_ownership(self) -> None:
        """Ask the record whether the job is still this attempt's; stop if not.

        Redis said that the lease is lost. If the record disagrees, Redis has forgotten: queue
        the job again, so that it is found should this converter die.
        """
        found = await retried(self._deps.jobs.jobs, [self._job.job_id])
        stored = found.get(self._job.job_id)
        mine = self._job.claim_id or ""
        if stored is not None and stored.is_claimed_by(mine, self._job.attempt):
            await self._deps.queue.enqueue(stored.job_id, stored.lane)
        else:
            self.stop(Stop.LOST)

    async def run(self) -> Change | None:
        """Work until there is an outcome; return the change that records it, None if lost.

        The work and its two companions end here, however this ends.
        """
        work = asyncio.create_task(self._convert())
        companions = [
            asyncio.create_task(self._reporter.run()),
            asyncio.create_task(self._keep_record()),
        ]
        ends: set[asyncio.Future[Any]] = {work, self._stop}
        try:
            await asyncio.wait(ends, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for task in (work, *companions):
                task.cancel()
            await asyncio.wait({work, *companions})
            self._stages.end()
        _log_crashes(companions)
        if self._stop.done() and (work.cancelled() or work.exception()):
            return await self._stopped(self._stop.result())
        return self._outcome(work)

    async def _convert(self) -> Converted:
        """Convert what is there or, with an open upload, what comes: then wait for its end."""
        deps = self._deps
        growing = await open_growing(deps.tools.objects, deps.jobs, self._job)
        if growing is None:
            return await self._convert_with(deps.tools)
        self._growing = growing
        watching = asyncio.create_task(self._watch(growing))
        try:
            done = await self._convert_with(structs.replace(deps.tools, growing=growing))
            await growing.completion()
        finally:
            watching.cancel()
            await asyncio.wait([watching])
            _log_crashes([watching])
        return done

    async def _watch(self, growing: GrowingUpload) -> None:
        self._awaits = await until_useless(
            growing, self._deps.queue, self._deps.timings.follow_patience
        )
        self.stop(Stop.PARK)

    async def _convert_with(self, tools: Tools) -> Converted:
        """Stream where that can be done; what trips on the way is done again by way of files."""
        job, deps, report = self._job, self._deps, self._reporter.report
        may_copy = True
        if job.attempt > 1:
            await remove_earlier_attempts(tools.objects, job)
        if deps.streaming:
            try:
                return await streaming_convert_audio(job, tools, report)
            except (StreamTripped, OutputInvalid) as error:
                log.warning("streaming_failed", code=error.code, reason=error.message)
                FALLBACKS.labels(error.code).inc()
                may_copy = isinstance(error, StreamTripped)
        with deps.scratch.attempt(f"{job.job_id}-{job.attempt}") as path:
            return await fallback_file_conversion(job, tools, path, report, may_copy=may_copy)

    async def _keep_record(self) -> None:
        timings = self._deps.timings
        while True:
            await asyncio.sleep(timings.record_renew_every)
            try:
                renewed = self.job.renew(self._deps.now(), timings.record_lease)
                if not await self._deps.jobs.apply(renewed):
                    self.stop(Stop.LOST)
            except AppError as error:
                log.warning("record_renewal_failed", reason=repr(error))

    async def _stopped(self, reason: Stop) -> Change | None:
        try:
            await self._remove_outputs()
        except AppError as error:  # they go with the job's other files, when it expires
            log.warning("outputs_not_removed", reason=repr(error))
        if reason is Stop.LOST:
            return None
        if reason is Stop.PARK:
            return self._parked()
        return self.job.hand_back(self._deps.now(), self._deps.timings.due_after)

    def _parked(self) -> Change:
        return self.job.park(self._awaits, self._deps.now(), self._deps.timings.due_after)

    async def _remove_outputs(self) -> None:
        """Whatever this claim published before it was stopped is nobody's."""
        objects, job = self._deps.tools.objects, self._job
        claim = job.claim_id or ""
        prefix = output_key(job.job_id, job.attempt, 0, claim, "")
        published = [one.key async for one in objects.scan(prefix)]
        await objects.delete([*published, peaks_key(job.job_id, job.attempt, claim)])

    def _outcome(self, work: "asyncio.Task[Converted]") -> Change:
        deps, now, error = self._deps, self._deps.now(), work.exception()
        if error is None:
            done = work.result()
            return self.job.complete(
                done.outputs, done.media, done.remarks, now, deps.job_ttl, done.peaks_key
            )
        if isinstance(error, UploadBrokenOff):
            return self.job.cancel(now, deps.job_ttl)
        if isinstance(error, FfmpegTimeout) and self._growing and self._growing.waiting.in_all:
            return self._parked()  # the client's slowness is not ffmpeg's
        failure = judged_by_last(_as_app_error(error, deps.tools.ffmpeg.path), self._job.error)
        described = JobError.of(failure)
        if is_transient(failure) and self._job.failures < MAX_FAILURES:
            wait = backoff(self._job.failures, deps.timings)
            return self.job.delay(described, now, now + wait, deps.timings.due_after)
        return self.job.fail(described, now, deps.job_ttl)


def backoff(failures: int, timings: Timings) -> float:
    """Seconds until the next try: full jitter under a doubling, capped ceiling."""
    return random.uniform(0, min(timings.retry_cap, timings.retry_base * 2**failures))


def _log_crashes(companions: Iterable["asyncio.Task[None]"]) -> None:
    """The work has gone on without them, but nobody meant it to."""
    for task in companions:
        if not task.cancelled() and (error := task.exception()):
            log.error("companion_crashed", exc_info=error)


def _as_app_error(error: BaseException, ffmpeg: str) -> AppError:
    """A failure that nobody expected is ours: log it whole, tell the owner little, try again."""
    if isinstance(error, AppError):
        return error
    if isinstance(error, OSError) and (named := failure_of_system(error, ffmpeg)):
        return named
    log.error("attempt_crashed", exc_info=error)
    return UnexpectedFailure("the conversion failed unexpectedly; the server's log says why")


class UnexpectedFailure(ConversionError):
    """A failure of ours, not of the file's."""

    transient = True
