"""Mutants: small storms made to measure, each of which one part of the protocol must survive.

Every scenario runs twice: as the product is, which must pass, and with the part taken out, which
must fail. Long work is a real ffmpeg that is stopped: it holds its job for as long as is needed.
"""

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from pathlib import Path
from typing import Any, NamedTuple

import aiohttp
import psutil
import redis

from chaos.history import Line, read_lines
from chaos.oracle import records
from chaos.patches import ABOUT_TO_COMMIT
from chaos.witness import witness_of
from support.audio import make_noise
from support.client import Client
from support.cluster import Cluster, Member
from support.server import eventually

SCALE = 0.1
SLACK = 2.5  # seconds beyond a bound, for starting processes on a busy machine
LEASE, SWEPT, NOTICED = 15.0, 22.0, 15.0  # seconds at scale 1: the crash table's bounds
BLOCK = 10  # entries that one XAUTOCLAIM looks at for each that it may claim


class Verdict(NamedTuple):
    """Which oracles were violated, with what they saw."""

    mutant: str | None
    violations: dict[str, str]


class Trial:
    """One scenario's cluster, and what it is judged by."""

    def __init__(self, cluster: Cluster, session: aiohttp.ClientSession, folder: Path) -> None:
        self.cluster = cluster
        self._session = session
        self._folder = folder
        self.violations: dict[str, str] = {}

    @property
    def lines(self) -> list[Line]:
        """The starts and commits so far."""
        return read_lines(self.cluster.history_path)

    async def upload(self, seconds: float) -> str:
        """Upload some noise."""
        source = await asyncio.to_thread(make_noise, self._folder / f"{seconds}.wav", seconds)
        return str((await self._client.upload(source))["fileId"])

    async def submit(self, file_id: str) -> str:
        """Have a job accepted, by whichever gateway lives, under one key."""
        key = f"key-{time.monotonic_ns()}"
        while True:
            for gateway in self.cluster.gateways:
                if not gateway.is_running:
                    gateway.start()
            try:
                client = self._client
                status, body, _ = await client.call(
                    "POST",
                    "/api/convert-audio",
                    json={"fileId": file_id, "format": "mp3"},
                    headers={"Idempotency-Key": key},
                )
            except aiohttp.ClientError:
                await asyncio.sleep(0.05)
                continue
            assert status == 202, body
            return str(body["jobId"])

    async def hold(self, converter: Member, job_id: str) -> None:
        """Wait until a converter works on a job, and stop its ffmpeg there."""
        await eventually(lambda: self.owner(job_id) == converter.pid, 15)
        await eventually(lambda: any(_stop(one, job_id) for one in converter.ffmpegs()), 15)

    def owner(self, job_id: str) -> int | None:
        """The process that started a job last."""
        starts = [one.pid for one in self.lines if one.kind == "start" and one.job_id == job_id]
        return starts[-1] if starts else None

    def status(self, job_id: str) -> str:
        """What the record says."""
        return str(records(self.cluster).get(job_id, {}).get("status"))

    def holds_entry(self, converter: Member) -> bool:
        """Whether Redis says that a converter holds an entry of the queue."""
        with redis.Redis.from_url(self.cluster.redis.url) as client:
            pending: Any = client.xpending("{q0}:interactive", "converters")
        return any(f"-{converter.pid}-" in one["name"].decode() for one in pending["consumers"])

    async def expect(self, oracle: str, condition: Callable[[], bool], bound: float) -> None:
        """Note a violation where this does not come true within a bound (seconds at scale 1)."""
        try:
            await eventually(condition, bound * self.cluster.scale + SLACK)
        except TimeoutError:
            self.violations[oracle] = f"not within {bound:.0f} s, scaled by {self.cluster.scale}"

    def judge_commits(self) -> None:
        """Ask the job store how often each job was committed."""
        commits = [one.job_id for one in witness_of(self.cluster).commits()]
        doubled = {job_id for job_id in commits if commits.count(job_id) > 1}
        if doubled:
            self.violations["doubled"] = f"{len(doubled)} jobs were committed twice"

    @property
    def _client(self) -> Client:
        return Client(self._session, self.cluster.gateways[0].url)


async def zombies_at_commit(trial: Trial) -> None:
    """A converter is stopped when it has published, and wakes when another has committed."""
    zombie, other = trial.cluster.converters
    job_id = await trial.submit(await trial.upload(2))
    await eventually(lambda: ABOUT_TO_COMMIT in zombie.log, 15)
    zombie.stop()
    assert trial.status(job_id) == "processing", "the converter was stopped too late"
    other.start(CHAOS_PATCHES=_without(other, "slow_commit"))
    await trial.expect("stuck", lambda: trial.status(job_id) == "completed", SWEPT)
    zombie.resume()
    outcomes = ("commit", "fenced")
    await eventually(lambda: sum(one.kind in outcomes for one in trial.lines) > 1, 15)
    trial.judge_commits()


async def zombie_whose_heir_dies(trial: Trial) -> None:
    """A zombie wakes while its heir works; then the heir dies: the job must not wait for either."""
    job_id = await trial.submit(await trial.upload(60))
    await eventually(lambda: trial.owner(job_id), 15)
    converters = sorted(trial.cluster.converters, key=lambda one: one.pid != trial.owner(job_id))
    zombie, heir = converters
    await trial.hold(zombie, job_id)
    zombie.stop()
    await trial.hold(heir, job_id)
    zombie.resume()
    with suppress(TimeoutError):
        await eventually(lambda: trial.holds_entry(zombie), 1)  # some renewals
    heir.kill()

    def started_again() -> bool:
        starts = [one for one in trial.lines if one.kind == "start" and one.job_id == job_id]
        return len(starts) > 2 and starts[-1].pid == zombie.pid

    await trial.expect("late", started_again, SWEPT)


async def outbox(trial: Trial) -> None:
    """Gateways die between put and enqueue, and Redis forgets: accepted is accepted."""
    file_id = await trial.upload(0.5)
    for gateway in trial.cluster.gateways:
        gateway.kill()
        gateway.start(CHAOS_PATCHES=f"{_patches(gateway)} die_between_put_and_enqueue=0.5")
    jobs = [await trial.submit(file_id) for _ in range(6)]
    await trial.expect(
        "lost", lambda: all(trial.status(one) == "completed" for one in jobs), NOTICED
    )


async def quiet_queue(trial: Trial) -> None:
    """A converter dies and nothing else comes in: somebody must look by himself."""
    dead, other = trial.cluster.converters
    job_id = await trial.submit(await trial.upload(60))
    await trial.hold(dead, job_id)
    other.start()
    await asyncio.to_thread(trial.cluster.wait_until_ready)
    dead.kill()
    await trial.expect("stuck", lambda: trial.owner(job_id) == other.pid, SWEPT)


async def orphan_behind_the_living(trial: Trial) -> None:
    """An orphan lies behind more live entries than one look covers."""
    busy, dead, free = trial.cluster.converters
    file_id = await trial.upload(60)  # long enough to be stopped in
    for _ in range(BLOCK + 2):
        await trial.hold(busy, await trial.submit(file_id))
    dead.start()
    orphan = await trial.submit(file_id)
    await trial.hold(dead, orphan)
    free.start()
    await asyncio.to_thread(trial.cluster.wait_until_ready)
    dead.kill()
    await trial.expect("stuck", lambda: trial.owner(orphan) == free.pid, SWEPT + LEASE / 3)


async def orphan_beside_a_backlog(trial: Trial) -> None:
    """A converter dies while others never run out of new work: its job must not wait for all."""
    dead, busy = trial.cluster.converters
    orphan = await trial.submit(await trial.upload(60))
    await trial.hold(dead, orphan)
    file_id = await trial.upload(12)
    backlog = [await trial.submit(file_id) for _ in range(60)]
    busy.start()
    await eventually(lambda: any(trial.owner(job_id) for job_id in backlog), 15)
    dead.kill()
    await trial.expect("late", lambda: trial.owner(orphan) == busy.pid, SWEPT)
    if all(trial.status(job_id) == "completed" for job_id in backlog):
        trial.violations["backlog"] = "it was gone before the orphan could be overlooked"


SLOW_COMMIT = 1.5  # seconds: long enough to be stopped in
Play = Callable[[Trial], Awaitable[None]]


class Scenario(NamedTuple):
    """What is played, on which converters: one line of settings each, started unless it says so."""

    play: Play
    converters: tuple[dict[str, str], ...]
    patches: str = ""


LATER = {"CHAOS_LATER": "1"}  # this converter is started by the scenario
ONE = {"WAVEMILL_CONVERTER_SLOTS": "1"}
HASTY = ONE | {"WAVEMILL_LEASE_TTL": "8"}  # over before the zombie asks the record by itself
SCENARIOS = {
    "no_fence": Scenario(zombies_at_commit, ({}, LATER), f"slow_commit={SLOW_COMMIT}"),
    "no_reenqueue": Scenario(outbox, ({},)),
    "no_sweep": Scenario(quiet_queue, ({}, LATER)),
    "cursor_not_carried": Scenario(
        orphan_behind_the_living,
        ({"WAVEMILL_CONVERTER_SLOTS": str(BLOCK + 2)}, ONE | LATER, ONE | LATER),
    ),
    "renewal_without_ownership": Scenario(zombie_whose_heir_dies, (HASTY, HASTY)),
}


BACKLOG = Scenario(orphan_beside_a_backlog, (ONE, ONE | LATER))


async def try_both(name: str, folder: Path) -> tuple[Verdict, Verdict]:
    """Play a scenario with the product as it is and, beside it, with the mutant."""
    whole, mutant = await asyncio.gather(
        try_scenario(name, folder / "whole", mutated=False),
        try_scenario(name, folder / "mutant", mutated=True),
    )
    return whole, mutant


async def try_scenario(name: str, folder: Path, *, mutated: bool) -> Verdict:
    """Play the scenario that is made for a mutant, with or without it."""
    return await play(SCENARIOS[name], folder, name if mutated else "")


async def play(scenario: Scenario, folder: Path, mutant: str = "") -> Verdict:
    """Play one scenario."""
    patches = f"{scenario.patches} {mutant}"
    async with AsyncExitStack() as stack:
        trial = await stack.enter_async_context(_staged(scenario, folder, patches))
        await scenario.play(trial)
        return Verdict(mutant or None, trial.violations)


@asynccontextmanager
async def _staged(scenario: Scenario, folder: Path, patches: str) -> AsyncIterator[Trial]:
    cluster = Cluster(folder / "cluster", converters=0, scale=SCALE, patches=patches)
    try:
        await cluster.redis.start_again()
        for variables in scenario.converters:
            converter = cluster.add("converter", **variables)
            if variables.keys().isdisjoint(LATER):
                converter.start()
        for member in (*cluster.gateways, *cluster.janitors):
            member.start()
        await asyncio.to_thread(cluster.wait_until_ready)
        async with aiohttp.ClientSession() as session:
            trial = Trial(cluster, session, folder)
            witness_of(cluster).watch()
            yield trial
    finally:
        cluster.close()


def _patches(member: Member) -> str:
    return member.environ["CHAOS_PATCHES"]


def _without(member: Member, name: str) -> str:
    return " ".join(word for word in _patches(member).split() if not word.startswith(name))


def _stop(process: psutil.Process, job_id: str) -> bool:
    """Stop the ffmpeg that converts a job, so that it takes for ever; tell whether this is it."""
    try:
        files = [str(path.readlink()) for path in Path(f"/proc/{process.pid}/fd").iterdir()]
        # What it writes into carries the job's id: a memory file, or a file in scratch.
        if "-progress" not in process.cmdline() or not any(job_id in one for one in files):
            return False
        process.suspend()
    except (psutil.Error, OSError):
        return False
    return True
