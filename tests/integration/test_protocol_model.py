"""A stateful model: uploads and jobs against the real stores, in every order, whoever dies.

Hypothesis chooses the steps of gateways, converters and janitors, lets time pass, kills converters
and wipes Redis. After each step the promises are checked; at the end everything must still end.
"""

import asyncio
import itertools
from contextlib import AsyncExitStack, suppress
from pathlib import Path

import pytest
from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import invariant, rule, run_state_machine_as_test
from redis.exceptions import ResponseError

from support.model.clients import Clients
from support.model.converters import Converters
from support.protocol import DAY, World
from support.redis import TestRedis
from support.sim_worker import SimWorker
from wavemill_common.jobs import Job
from wavemill_common.progress.feed import Watch
from wavemill_common.progress.snapshot import Progress
from wavemill_common.queue import consumer
from wavemill_common.uploads import UploadState
from wavemill_gateway import intake
from wavemill_janitor import sweeps
from wavemill_janitor.main import Sweep

ROUNDS = 12  # of all that janitors and one converter do, after which every job must have ended
ROUND = 300.0  # seconds
CONSTANT = ("status", "attempt", "claim_id", "error", "ended_at", "revision", "outputs")


class ProtocolMachine(Clients, Converters):
    """All parties at once, with the promises that hold after each step."""

    def __init__(self) -> None:
        super().__init__()
        self.watches: dict[str, Watch] = {}
        self.shown: dict[str, Progress] = {}

    # --- time, janitors, Redis ---

    @rule(seconds=st.sampled_from([1.0, 5.0, 20.0, 130.0, 3600.0]))
    def time_passes(self, seconds: float) -> None:
        self.do(self.world.advance(seconds))
        for worker in (*self.workers, *self.dead):
            if worker.is_silent:
                with suppress(ResponseError):  # Redis has lost the group, and the leases with it
                    self.do(self.world.queue.release_consumer(worker.consumer.name))

    @rule()
    def a_day_passes(self) -> None:
        self.time_passes(DAY + 1)

    @rule(sweep=st.sampled_from([sweeps.enqueue_due, sweeps.rebuild_queue, sweeps.expire_uploads]))
    def janitor(self, sweep: Sweep) -> None:
        self.do(sweep(self.world.janitor()))

    @rule()
    def janitor_expires_jobs(self) -> None:
        self.do(sweeps.expire_jobs(self.world.janitor()))

    @rule()
    def promote(self) -> None:
        self.do(self.world.queue.promote())

    @rule()
    def redis_loses_everything(self) -> None:
        self.do(self.world.raw.flushall())

    # --- the promises ---

    @invariant()
    def an_end_is_an_end_and_attempts_only_rise(self) -> None:
        stored = self.do(self.world.all_jobs())
        for job_id, job in stored.items():
            before = self.seen.get(job_id)
            if before is None:
                continue
            assert job.attempt >= before.attempt
            assert job.strikes >= before.strikes or job_id in self.ran_again
            if before.is_terminal:
                self.check_end(before, job)
        for job_id in self.seen.keys() - stored.keys():
            assert self.seen[job_id].tombstone, "a record has gone before its files"
        self.seen = stored

    def check_end(self, before: Job, job: Job) -> None:
        if job.job_id in self.ran_again and not job.is_terminal:
            self.ran_again.discard(job.job_id)
            self.commits.pop(job.job_id, None)
            self.watches.pop(job.job_id, None)
        elif job.tombstone:
            assert job.status == before.status
        else:
            for name in CONSTANT:
                assert getattr(job, name) == getattr(before, name), name

    @invariant()
    def at_most_one_claim_commits(self) -> None:
        assert all(len(claims) <= 1 for claims in self.commits.values())

    @invariant()
    def a_result_is_there_as_long_as_its_job_says_so(self) -> None:
        for job in self.seen.values():
            for output in job.outputs:
                self.do(self.world.objects.stat(output.key))

    @invariant()
    def what_a_live_job_needs_is_kept(self) -> None:
        for job_id, file_id in self.accepted.items():
            job = self.seen.get(job_id)
            if job is not None and not job.is_terminal:
                upload = self.do(self.world.jobs.upload(file_id))
                if upload.is_complete:
                    self.do(self.world.objects.stat(job.input_key))
                else:
                    assert job.follows
                    assert upload.state is not UploadState.ABORTED

    @invariant()
    def progress_never_goes_back_in_an_attempt(self) -> None:
        for job_id, progress in self.do(self.world.reader.many(sorted(self.seen))).items():
            watch = self.watches.setdefault(job_id, Watch({}))
            watch.offer(progress)
            for news in self.do(watch.next(0.0)):
                before = self.shown.get(job_id)
                self.shown[job_id] = news
                if before and before.attempt == news.attempt and news.progress >= 0:
                    assert news.progress >= before.progress

    def teardown(self) -> None:
        """Whatever happened: no job is out of reach of what janitors and converters do."""
        self.dead += self.workers
        for upload in self.uploads:  # by the janitor those end whose upload is gone
            for index in range(upload.total_chunks):
                self.send(upload, index)
        worker = SimWorker(self.world, 99)
        for _ in range(ROUNDS):
            self.time_passes(ROUND)
            self.do(work_through(worker))
            self.an_end_is_an_end_and_attempts_only_rise()
        left = [job for job in self.seen.values() if not job.is_terminal]
        assert left == [], "jobs that nobody can reach"
        assert self.do(self.world.queue_is_empty())


async def work_through(worker: SimWorker) -> None:
    """One round of a janitor, and of a converter that completes whatever it can get."""
    world = worker.world
    for sweep in (sweeps.rebuild_queue, sweeps.enqueue_due):
        await sweep(world.janitor())
    await world.queue.promote()
    await worker.read(100)
    await worker.sweep(100)
    for holding in list(worker.holdings):
        await worker.look(holding)
        await worker.act(holding)
        if holding.attempt:
            await worker.commit(holding, await worker.finish(holding))
        elif holding in worker.holdings:
            worker.holdings.remove(holding)


def test_the_promises_hold_in_whatever_order_things_happen(
    redis_server: TestRedis, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    numbers = itertools.count()
    monkeypatch.setattr(intake, "new_id", lambda: f"file-{next(numbers)}")  # repeatable, all of it
    monkeypatch.setattr(consumer, "BLOCK", None)  # do not wait where there is nothing to read
    chosen = settings(
        max_examples=60,
        stateful_step_count=50,
        phases=[Phase.generate],  # shrinking takes minutes: add it to look into a failure
        report_multiple_bugs=False,
        derandomize=True,
        database=None,
        deadline=None,
        suppress_health_check=list(HealthCheck),
    )
    with asyncio.Runner() as runner:
        stack = AsyncExitStack()
        world = runner.run(stack.enter_async_context(World.open(tmp_path, redis_server.url)))
        bound = type("Bound", (ProtocolMachine,), {"world": world, "runner": runner})
        try:
            run_state_machine_as_test(bound, settings=chosen)
        finally:
            runner.run(stack.aclose())
