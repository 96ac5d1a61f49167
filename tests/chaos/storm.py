"""The storm: many jobs through a cluster that loses a process, or all of Redis, all the time."""

import asyncio
import random
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import NamedTuple

import aiohttp
import psutil

from chaos.clients import Submitter, Watcher
from chaos.faults import Faults
from chaos.history import Fault, Line, read_lines
from chaos.inputs import Wanted, prepare
from chaos.oracle import (
    judge_jobs,
    judge_leftovers,
    judge_watchers,
    records,
)
from chaos.witness import witness_of
from support.client import TERMINAL, Client
from support.cluster import Cluster
from support.kept import Kept

PATCHES = "throttle=0.2 slow_commit=0.2"
GATEWAYS_PATCHES = "die_between_put_and_enqueue=0.05"
# No process is hit by more than this much at once; every kill is a strike against some job.
SETTINGS = {"WAVEMILL_MAX_STRIKES": "100", "WAVEMILL_CONVERTER_SLOTS": "2"}
DENIED = "denied"  # file: what a service asked for beyond its policy
AWS_PACE = 3.0  # moto takes most of a core, and who starts with it takes seconds
FAULT_EVERY = 0.2  # seconds, at any scale: restarts take real time
SECONDS_PER_JOB = 0.2  # that the storm lasts
SUBMITTED_BY = 0.6  # of the storm's time
GROUP = 25  # jobs that one client watches
CLIENTS_PER_GROUP = 2
SILENCE = 140.0  # seconds at scale 1 without any start or commit: the longest bound and a bit
TIDY = 40.0  # seconds at scale 1 in which the queue is empty after the last end
SLACK = 15.0  # seconds, at any scale, for what this machine is slow at
LOOK_EVERY = 0.5  # seconds: a look reads all records
A_DAY = 25 * 3600.0  # seconds
# Pools that have grown once: a Redis connection for each client that may ask at once (8 submit, 16
# watch), which a busy machine does need. A leak would be one for each of a hundred streams.
MORE_FDS, MORE_BYTES = 24, 48 * 1024 * 1024


class Storm(NamedTuple):
    """What a run has shown."""

    seed: int
    jobs: int
    scale: float
    seconds: float  # of the storm itself
    settled: float  # seconds after its end until every job had ended
    starts: int
    commits: int
    fenced: int
    tries: int
    streams: int
    ended: int
    faults: list[Fault]
    lines: list[Line]
    drafts: int
    quarantined: int
    violations: dict[str, list[str]]


class Footprint(NamedTuple):
    """What a process holds."""

    fds: int
    rss: int


async def run_storm(
    folder: Path,
    *,
    jobs: int,
    seed: int,
    scale: float,
    patches: str = PATCHES,
    kept: Kept | None = None,
    pace: float = 1.0,
) -> Storm:
    """Run one storm and judge it; nothing of it is left running.

    `kept` says where bytes and records go, if not into files. Nothing is done to that place: a
    stand-in for AWS that was killed would have forgotten everything. `pace` stretches the storm,
    faults and submissions alike, where work takes longer.
    """
    chance = random.Random(seed)
    if kept is not None:
        patches += f" least_privilege={folder / DENIED}"
    cluster = Cluster(
        folder,
        gateways=2,
        converters=4,
        janitors=2,
        scale=scale,
        seed=seed,
        patches=patches,
        kept=kept,
        **SETTINGS,
    )
    for gateway in cluster.gateways:
        gateway.environ["CHAOS_PATCHES"] += f" {GATEWAYS_PATCHES}"
    try:
        await cluster.start_async()
        timeout = aiohttp.ClientTimeout(total=None, connect=3, sock_read=20)
        async with aiohttp.ClientSession(timeout=timeout) as session:
            return await _run(cluster, session, jobs, chance, seed, pace)
    finally:
        cluster.close()


async def _run(
    cluster: Cluster,
    session: aiohttp.ClientSession,
    jobs: int,
    chance: random.Random,
    seed: int,
    pace: float,
) -> Storm:
    urls = [member.url for member in cluster.gateways]
    wanted = await _calm(cluster, folder=cluster.folder)
    witness = witness_of(cluster)
    witness.watch()
    baseline = footprints(cluster)
    seconds = jobs * SECONDS_PER_JOB * pace
    faults, submitter = Faults(cluster, chance), Submitter(session, urls, chance)
    watchers: list[Watcher] = []
    async with asyncio.TaskGroup() as group:

        def watch(job_ids: list[str]) -> None:
            for _ in range(CLIENTS_PER_GROUP):
                watcher = Watcher(session, urls, job_ids, chance)
                watchers.append(watcher)
                watching.append(group.create_task(watcher.run()))

        watching: list[asyncio.Task[None]] = []
        begun = time.monotonic()
        blowing = group.create_task(faults.run(seconds, FAULT_EVERY * pace))
        submitting = group.create_task(
            _submit_all(submitter, wanted, jobs, seconds * SUBMITTED_BY, watch)
        )
        await blowing
        keeping = group.create_task(faults.keep())
        await submitting
        calm_at = time.monotonic()
        blown = calm_at - begun
        await _settle(cluster, submitter)
        settled = time.monotonic() - calm_at
        _, late = await asyncio.wait(watching, timeout=SLACK + TIDY * cluster.scale)
        for task in (*late, keeping):
            task.cancel()
    lines = read_lines(cluster.history_path)
    lines = [line for line in lines if line.job_id in submitter.accepted]
    violations = judge_jobs(cluster, submitter.accepted, lines) | judge_watchers(watchers)
    violations["refused"] = submitter.refused
    denied = cluster.folder / DENIED
    violations["denied"] = denied.read_text().splitlines() if denied.exists() else []
    violations["died"] = faults.unexpected + [
        f"{member.name} after the storm" for member in cluster.members if not member.is_running
    ]
    await _until(lambda: not any(judge_leftovers(cluster).values()), TIDY * cluster.scale + SLACK)
    unfinished = cluster.kept.unfinished()
    cluster.kept.let_pass(A_DAY)  # only then they are nobody's
    await _tidied(cluster)
    violations |= judge_leftovers(cluster)
    violations["drafts"] = cluster.kept.unfinished()
    await session.close()  # kept-alive connections would count as the gateways' own
    violations["footprint"] = await _compared(cluster, baseline)
    return Storm(
        seed=seed,
        jobs=jobs,
        scale=cluster.scale,
        seconds=blown,
        settled=settled,
        starts=len(witness.starts()),
        commits=len(witness.commits()),
        fenced=sum(line.kind == "fenced" for line in lines),
        tries=submitter.tries,
        streams=sum(watcher.streams for watcher in watchers),
        ended=sum(sum(watcher.ends.values()) for watcher in watchers),
        faults=faults.done,
        lines=lines,
        drafts=len(unfinished),
        quarantined=sum(job.get("quarantined", False) for job in records(cluster).values()),
        violations={name: found for name, found in violations.items() if found},
    )


async def _calm(cluster: Cluster, folder: Path) -> list[Wanted]:
    """Learn what must come out, through a gateway of its own that nothing is done to."""
    gateway = cluster.add("gateway", CHAOS_PATCHES="")
    gateway.start()
    await asyncio.to_thread(cluster.wait_until_ready)
    async with aiohttp.ClientSession() as session:
        try:
            return await prepare(Client(session, gateway.url), folder)
        except TimeoutError:
            cluster.dump()
            await asyncio.sleep(1)
            raise
        finally:
            gateway.terminate()
            await asyncio.to_thread(gateway.wait)
            cluster.members.remove(gateway)


async def _submit_all(
    submitter: Submitter,
    wanted: list[Wanted],
    jobs: int,
    seconds: float,
    watch: Callable[[list[str]], None],
) -> None:
    """Submit evenly over the time, a few at once; each group is watched as soon as it is whole."""
    group: list[str] = []
    slots = asyncio.Semaphore(8)

    async def one(number: int) -> None:
        async with slots:
            group.append(await submitter.submit(f"job-{number}", wanted[number % len(wanted)]))
        if len(group) >= GROUP:
            watch(group.copy())
            group.clear()

    async with asyncio.TaskGroup() as tasks:
        for number in range(jobs):
            tasks.create_task(one(number))
            await asyncio.sleep(seconds / jobs)
    if group:
        watch(group)


async def _settle(cluster: Cluster, submitter: Submitter) -> None:
    """Wait until every accepted job has ended, as long as there is work going on."""

    def all_ended() -> bool:
        found = records(cluster)
        return all(found.get(job_id, {}).get("status") in TERMINAL for job_id in submitter.accepted)

    silence = SILENCE * cluster.scale + SLACK
    while not all_ended():
        lines = read_lines(cluster.history_path)
        newest = max((line.at for line in lines), default=0.0)
        if time.time() - newest > silence:
            cluster.dump()
            await asyncio.sleep(1)
            return  # the oracle will say which are lost
        await asyncio.sleep(LOOK_EVERY)


async def _until(condition: Callable[[], bool], seconds: float) -> None:
    with suppress(TimeoutError):
        async with asyncio.timeout(seconds):
            while not condition():
                await asyncio.sleep(0.2)


async def _tidied(cluster: Cluster) -> None:
    """Have the janitor's command do every sweep once, the hourly ones too."""
    await asyncio.to_thread(cluster.sweep)


def footprints(cluster: Cluster) -> dict[str, Footprint]:
    """The largest of each service's processes."""
    largest: dict[str, Footprint] = {}
    for member in cluster.members:
        process = psutil.Process(member.pid)
        one = Footprint(process.num_fds(), process.memory_info().rss)
        largest[member.service] = Footprint(*map(max, one, largest.get(member.service, one)))
    return largest


async def _compared(cluster: Cluster, baseline: dict[str, Footprint]) -> list[str]:
    """Who of the survivors holds more than before the storm, after some time to let go."""

    def grown() -> list[str]:
        return [
            f"{service}: {now.fds} descriptors, {now.rss >> 20} MiB; "
            f"before {baseline[service].fds}, {baseline[service].rss >> 20} MiB"
            for service, now in footprints(cluster).items()
            if now.fds > baseline[service].fds + MORE_FDS
            or now.rss > baseline[service].rss + MORE_BYTES
        ]

    await _until(lambda: not grown(), SLACK)
    return grown()
