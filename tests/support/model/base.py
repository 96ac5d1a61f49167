"""What the model remembers of its world: the uploads, the converters, what it has seen of jobs."""

import asyncio
from collections import defaultdict
from collections.abc import Awaitable
from typing import Any

from hypothesis.stateful import RuleBasedStateMachine

from support.protocol import World, tiny_wav
from support.sim_worker import Holding, SimWorker
from wavemill_common.jobs import Job
from wavemill_common.uploads import Upload

WORKERS = 3


class Model(RuleBasedStateMachine):
    """The state that all rules share. `world` and `runner` are the test's."""

    world: World
    runner: asyncio.Runner

    def __init__(self) -> None:
        super().__init__()
        self.do(self.world.reset())
        self.workers = [SimWorker(self.world, number) for number in range(WORKERS)]
        self.dead: list[SimWorker] = []
        self.file = tiny_wav()
        self.uploads: list[Upload] = []
        self.begun: list[tuple[str, str]] = []  # reservations whose job is not written yet
        self.accepted: dict[str, str] = {}  # job → its upload
        self.seen: dict[str, Job] = {}
        self.ran_again: set[str] = set()  # jobs that may leave their end
        self.commits: defaultdict[str, set[str | None]] = defaultdict(set)

    def do(self, step: Awaitable[Any]) -> Any:
        """Take a step to its end."""
        return self.runner.run(_whole(step))

    def note_commit(self, holding: Holding) -> None:
        """Remember which claim the record says has ended its job."""
        job = self.do(self.world.jobs.jobs([holding.lease.job_id])).get(holding.lease.job_id)
        if job and job.is_terminal and job.outputs:
            self.commits[job.job_id].add(job.claim_id)


async def _whole(step: Awaitable[Any]) -> Any:
    return await step
