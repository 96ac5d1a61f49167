"""A converter whose every step is taken by the test: it may stop, sleep or die between any two."""

from dataclasses import dataclass
from uuid import uuid4

from support.protocol import World, blocks_of
from wavemill_common.errors import FfmpegFailed, FfmpegKilled
from wavemill_common.following import Standing, look_at_upload
from wavemill_common.jobs import Change, Job, JobError, Output
from wavemill_common.progress.snapshot import Stage
from wavemill_common.queue.consumer import Consumer, consumer_name
from wavemill_common.queue.jobs import Lease
from wavemill_common.queue.scripts import GROUP, RENEW
from wavemill_converter.store.publish import output_key
from wavemill_converter.work.attempt import Attempt
from wavemill_converter.work.commit import commit
from wavemill_converter.work.decide import Decision, decide
from wavemill_converter.work.following import judge_upload
from wavemill_converter.work.settle import settle

LAPSED = 1000.0  # seconds of silence that only entries have whose lease the test let lapse


@dataclass
class Holding:
    """An entry in a converter's hands, and how far it has come with it."""

    lease: Lease
    reclaimed: bool
    seen: Job | None = None
    decision: Decision | None = None
    attempt: Attempt | None = None


class SimWorker:
    """Takes the steps of `Worker`, `Attempt` and `Renewal`, one at a time."""

    def __init__(self, world: World, number: int) -> None:
        self.world = world
        self.deps = world.converter()
        self.consumer = Consumer(world.raw, world.queue, consumer_name("sim", number, uuid4().hex))
        self.holdings: list[Holding] = []
        self.renewed_at = world.clock()

    @property
    def is_silent(self) -> bool:
        """Whether its leases have run out."""
        return self.world.clock() - self.renewed_at > self.world.timings.lease_ttl

    @property
    def running(self) -> list[Holding]:
        """What it works on."""
        return [one for one in self.holdings if one.attempt]

    async def read(self, count: int) -> None:
        """Claim new entries."""
        self._take(await self.consumer.claim(count))

    async def sweep(self, count: int) -> None:
        """Claim what others have let lapse."""
        self._take(await self.consumer.sweep(count, LAPSED))

    def _take(self, leases: list[Lease]) -> None:
        held = {one.lease.place for one in self.holdings}
        fresh = (one for one in leases if one.place not in held)
        self.holdings += [Holding(one, one.reclaimed) for one in fresh]

    async def look(self, holding: Holding) -> None:
        """Read the record, and decide by it."""
        found = await self.world.jobs.jobs([holding.lease.job_id])
        holding.seen = found.get(holding.lease.job_id)
        holding.decision = decide(
            holding.seen,
            reclaimed=holding.reclaimed,
            now=self.world.clock(),
            max_strikes=self.deps.max_strikes,
        )
        if holding.seen is not None and holding.decision is Decision.START:
            holding.decision = await judge_upload(self.deps, holding.seen)

    async def act(self, holding: Holding) -> None:
        """Do what was decided, however long ago that was."""
        decision, job = holding.decision, holding.seen
        if decision is None:
            return
        holding.decision = None
        if job is None or decision is not Decision.START:
            self.holdings.remove(holding)
            await settle(self.deps, self.consumer, holding.lease, job, decision)
            return
        change = job.start(uuid4().hex, self.world.clock(), self.world.timings.record_lease)
        if await self.world.jobs.apply(change):
            holding.attempt = Attempt(self.deps, holding.lease, change.job)
        else:
            holding.reclaimed = False

    async def renew(self) -> None:
        """Renew all leases as the renewal thread does; ask the record about the lost ones."""
        self.renewed_at = self.world.clock()
        for holding in list(self.holdings):
            lease = holding.lease
            arguments = (GROUP, self.consumer.name, lease.entry_id)
            lost = await self.world.raw.eval(RENEW, 1, lease.stream, *arguments)
            if lost and holding.attempt:
                await holding.attempt.check_ownership()
                if holding.attempt._stop.done():
                    await self._lose(holding)

    async def renew_record(self, holding: Holding) -> None:
        """Keep the database lease; who cannot has lost the job."""
        renewed = _attempt(holding).job.renew(self.world.clock(), self.world.timings.record_lease)
        if not await self.world.jobs.apply(renewed):
            await self._lose(holding)

    async def _lose(self, holding: Holding) -> None:
        self.holdings.remove(holding)
        await _attempt(holding)._remove_outputs()
        await self.consumer.discard(holding.lease)

    async def report(self, holding: Holding, percent: int) -> None:
        """Come to so many percent."""
        reporter = _attempt(holding)._reporter
        reporter.report(Stage.CONVERTING, progress=percent)
        await reporter._write(reporter.newest)

    async def finish(self, holding: Holding) -> Change:
        """Come to the end of the work: a result, if the whole upload is there by now."""
        job, now = _attempt(holding).job, self.world.clock()
        standing = await look_at_upload(self.world.jobs, job, now)
        if standing is Standing.READY:
            return await self.publish(holding)
        if standing is Standing.GONE:
            return job.cancel(now, self.deps.job_ttl)
        return job.park("the end of the upload", now, self.world.timings.due_after)

    async def publish(self, holding: Holding) -> Change:
        """Store a result; return the completion that is yet to be committed."""
        job = _attempt(holding).job
        key = output_key(job.job_id, job.attempt, 0, job.claim_id or "", "mp3")
        await self.world.objects.put(key, blocks_of(b"result"))
        result = Output(
            key=key, format="mp3", file_name="a.mp3", mime="audio/mpeg", size=6, sha256="0" * 64
        )
        return job.complete((result,), None, (), self.world.clock(), self.deps.job_ttl)

    def failure(self, holding: Holding, *, transient: bool) -> Change:
        """The end of an attempt that failed."""
        job, now = _attempt(holding).job, self.world.clock()
        if transient:
            error = JobError.of(FfmpegKilled("killed"))
            return job.delay(error, now, now + 3.0, self.world.timings.due_after)
        return job.fail(JobError.of(FfmpegFailed("broken")), now, self.deps.job_ttl)

    def surrender(self, holding: Holding) -> Change:
        """The end of an attempt whose converter stops."""
        return _attempt(holding).job.hand_back(self.world.clock(), self.world.timings.due_after)

    async def commit(self, holding: Holding, change: Change) -> None:
        """Commit as converters do."""
        self.holdings.remove(holding)
        await commit(self.deps, self.consumer, holding.lease, change, lambda: True)


def _attempt(holding: Holding) -> Attempt:
    assert holding.attempt
    return holding.attempt
