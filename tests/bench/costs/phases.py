"""The phases of a job's life, each measured apart on the real services."""

import asyncio
import functools
from collections.abc import Awaitable, Callable
from pathlib import Path

from msgspec import Struct

from bench.costs.meters import Reading
from bench.costs.stage import Stage
from support.chunks import MIB, ChunkedFile
from support.client import Client
from wavemill_common.settings import Timings
from wavemill_janitor.deps import Deps
from wavemill_janitor.main import schedule
from wavemill_janitor.sweeps import expire_jobs, expire_uploads

IDLE_FOR = 20.0  # seconds
POLLS = 300
DAY = 24 * 3600.0  # seconds
CHUNK = 8 * MIB  # what the page sends at a time
TIMINGS = Timings.of(15.0, 1.0)  # those of a plain installation

Work = Callable[[], Awaitable[object]]


class Profile(Struct, frozen=True):
    """A kind of job: its input, what becomes of it, and how many are measured."""

    name: str
    source: Path
    seconds: float
    format: str
    count: int


class Measured(Struct, frozen=True):
    """What one job of a profile used, by phase; bytes of its input and of its result."""

    name: str
    seconds: float
    source: str
    format: str
    count: int
    input_bytes: int
    output_bytes: float
    phases: dict[str, Reading]


class Measurer:
    """Measures on one stage; `idle` comes first, since it is left out of all that follows."""

    def __init__(self, stage: Stage, client: Client, folder: Path) -> None:
        self._stage = stage
        self._client = client
        self._folder = folder
        self._idle: Reading | None = None

    async def idle(self) -> Reading:
        """What a gateway and a converter use in a second while there is nothing to do."""
        before = self._stage.read()
        await asyncio.sleep(IDLE_FOR)
        self._idle = self._stage.read().since(before).each(IDLE_FOR)
        return self._idle

    async def janitor(self) -> Reading:
        """What a janitor uses in a second: each of its sweeps, by how often it is due."""
        async with self._stage.janitor() as deps:
            used = [
                (await self._phase(1, _sweeping(sweep, deps))).each(every)
                for sweep, every in schedule(TIMINGS).items()
            ]
        return functools.reduce(Reading.plus, used)

    async def life(self, profile: Profile) -> Measured:
        """Run jobs through their whole life, then again with somebody watching."""
        files, jobs, sizes = list[str](), list[str](), list[int]()
        phases: dict[str, Reading] = {}
        count, converter = profile.count, self._stage.cluster.converters[0]

        async def many(step: Callable[[], Awaitable[object]]) -> None:
            for _ in range(count):
                await step()

        async def submit() -> None:
            for file_id in files:
                jobs.append(await self._client.convert(file_id, profile.format))

        async def convert() -> None:
            converter.resume()
            await self._stage.ended(jobs[-count:])

        async def download() -> None:
            for job_id in jobs[:count]:
                path = await self._client.download(job_id, self._folder / "result")
                sizes.append(path.stat().st_size)

        async def upload() -> None:
            files.append(await self._upload(profile.source))

        phases["upload"] = await self._phase(count, lambda: many(upload))
        converter.stop()
        phases["submit"] = await self._phase(count, submit)
        phases["convert"] = await self._phase(count, convert)
        phases["download"] = await self._phase(count, download)
        converter.stop()
        await submit()
        watched = await self._phase(count, lambda: self._watched(convert, jobs[-count:]))
        phases["watch"] = _others(watched, phases["convert"])
        phases["expire"] = await self._expiry(len(jobs), len(files))
        return Measured(
            name=profile.name,
            seconds=profile.seconds,
            source=profile.source.suffix.removeprefix("."),
            format=profile.format,
            count=count,
            input_bytes=profile.source.stat().st_size,
            output_bytes=sum(sizes) / len(sizes),
            phases=phases,
        )

    async def polls(self, source: Path) -> dict[str, Reading]:
        """What one GET of the progress of a job uses: while it waits, runs, and has ended."""
        converter = self._stage.cluster.converters[0]
        file_id = await self._upload(source)
        converter.stop()
        job_id = await self._client.convert(file_id, "mp3")
        used = {"waiting": await self._phase(POLLS, lambda: self._poll(job_id))}
        converter.resume()
        await self._client.wait_for_stage(job_id, "converting")
        used["running"] = await self._phase(POLLS, lambda: self._poll(job_id))
        await self._client.call("DELETE", f"/api/jobs/{job_id}")
        used["ended"] = await self._phase(POLLS, lambda: self._poll(job_id))
        return used

    async def _poll(self, job_id: str) -> None:
        for _ in range(POLLS):
            await self._client.progress(job_id)

    async def _watched(self, work: Work, job_ids: list[str]) -> None:
        async def watch(job_id: str) -> None:
            async for _ in self._client.events(job_id):
                pass

        async with asyncio.TaskGroup() as group:
            for job_id in job_ids:
                group.create_task(watch(job_id))
            await work()

    async def _expiry(self, jobs: int, uploads: int) -> Reading:
        """A janitor's work on one job and its upload once both are old, and on its tombstone."""

        async def expire(
            sweep: Callable[[Deps], Awaitable[int]], days: float, count: int
        ) -> Reading:
            async with self._stage.janitor(ahead=days * DAY) as deps:

                async def work() -> None:
                    assert await sweep(deps) == count

                return await self._phase(count, work)

        return (
            (await expire(expire_jobs, 2, jobs))
            .plus(await expire(expire_uploads, 2, uploads))
            .plus(await expire(expire_jobs, 20, jobs))
        )

    async def _upload(self, source: Path) -> str:
        if source.stat().st_size <= CHUNK:
            return str((await self._client.upload(source))["fileId"])
        chunks = ChunkedFile(self._client, source, CHUNK)
        file_id = await chunks.open()
        for index in range(chunks.total):
            status, body, _ = await chunks.send_raw(index)
            assert status < 300, body
        status, body, _ = await chunks.complete()
        assert status < 300, body
        return file_id

    async def _phase(self, count: int, work: Work) -> Reading:
        """What a piece of work used, for each of `count`."""
        before = self._stage.read()
        await work()
        used = self._stage.read().since(before)
        return (used.without(self._idle) if self._idle else used).each(count)


def _sweeping(sweep: Callable[[Deps], Awaitable[int]], deps: Deps) -> Work:
    return lambda: sweep(deps)


def _others(watched: Reading, alone: Reading) -> Reading:
    """What a watched conversion used beyond one that nobody watched: all but the converter's."""
    more = watched.since(alone)
    return Reading(
        aws=[row for row in more.aws if row[0] == "gateway"],
        redis_seconds=max(0.0, more.redis_seconds),
        commands={name: use for name, use in more.commands.items() if use[0] > 0.01},
        processors={"gateway": more.processors["gateway"]},
        seconds=watched.seconds,
    )
