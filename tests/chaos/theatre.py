"""Theatre: a cluster on whose members a test plays a named fault, and the figure it costs."""

import asyncio
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import Any, NamedTuple

import aiohttp
import imageio_ffmpeg

from support.client import Client
from support.cluster import Cluster, Member
from support.server import eventually
from wavemill_common.connections import connect
from wavemill_common.queue.jobs import JobQueue

SCALE = 0.1  # of all times of the protocol
SLACK = 6.0  # seconds that a busy machine may add: starting ffmpeg, scheduling, fsync
ACCEPTED = 202
PLAYED = 60.0  # seconds that no step of a play takes

# A stand-in for ffmpeg that does what a file says, and else becomes ffmpeg itself.
FFMPEG_SCRIPT = """#!/bin/sh
case "$*" in
  *-progress*) mode=$(cat '{mode}' 2>/dev/null);;
  *) mode=;;
esac
case "$mode" in
  hang) exec sleep 600;;
  segfault) kill -SEGV $$;;
  segfault-once) rm '{mode}'; kill -SEGV $$;;
  poison) case "$*" in *"-f flac"*) kill -KILL $PPID; sleep 1;; esac;;
esac
exec '{ffmpeg}' "$@"
"""


class Figure(NamedTuple):
    """What a fault cost, and the bound that the test has checked."""

    fault: str
    figure: str
    bound: str

    def __str__(self) -> str:
        return f"FAULT {self.fault} {self.figure} (bound: {self.bound})"


class Report:
    """Takes the figures of one test."""

    def __init__(self, figures: list[Figure]) -> None:
        self._figures = figures

    def seconds(self, fault: str, taken: float, bound: float, *, slack: float = SLACK) -> None:
        """Note how long something took; more than the bound and the machine's slack fails."""
        self.note(fault, f"{taken:.1f} s", f"{bound:.1f} s")
        assert taken <= bound + slack, f"{fault} took {taken:.1f} s, not {bound:.1f} s"

    def note(self, fault: str, figure: str, bound: str) -> None:
        """Note what came of a fault where time is not the point."""
        self._figures.append(Figure(fault, figure, bound))


MakeTheatre = Callable[..., "Theatre"]


class Theatre:
    """A cluster whose members have crash points, and a scripted ffmpeg."""

    def __init__(self, folder: Path, **options: Any) -> None:
        self.folder = folder
        self.points = folder / "points"
        self.points.mkdir(parents=True)
        self.ffmpeg_mode = folder / "ffmpeg-mode"
        self.ffmpeg = folder / "ffmpeg"
        self.install_ffmpeg()
        scale = options.setdefault("scale", SCALE)
        patches = f"quick={scale} crash_points={self.points} {options.pop('patches', '')}"
        variables = {"WAVEMILL_FFMPEG": str(self.ffmpeg), "WAVEMILL_WEBHOOK_PRIVATE": "1"}
        variables["WAVEMILL_MAX_SSE_PER_CLIENT"] = "1000"  # all watchers come from one address
        self.cluster = Cluster(folder / "members", patches=patches, **(variables | options))
        self.session: aiohttp.ClientSession

    @property
    def client(self) -> Client:
        """A client of the first gateway."""
        return self.client_of(self.cluster.gateways[0])

    def client_of(self, gateway: Member) -> Client:
        """A client of this gateway."""
        return Client(self.session, gateway.url)

    @asynccontextmanager
    async def performance(self) -> AsyncIterator[None]:
        """Play with everyone well at the beginning, and well again at the end."""
        async with aiohttp.ClientSession() as self.session:
            yield
        for path in (*self.points.iterdir(), self.ffmpeg_mode):
            path.unlink(missing_ok=True)
        for member in self.cluster.members:
            if member.stopped:
                member.resume()
            if not member.is_running:
                member.start()
        await self.ready()

    async def ready(self) -> None:
        """Wait until every member that runs is at work."""
        await asyncio.to_thread(self.cluster.wait_until_ready)

    def install_ffmpeg(self) -> None:
        """Put the scripted ffmpeg in its place."""
        real = imageio_ffmpeg.get_ffmpeg_exe()
        self.ffmpeg.write_text(FFMPEG_SCRIPT.format(mode=self.ffmpeg_mode, ffmpeg=real))
        self.ffmpeg.chmod(0o755)

    def arm(self, point: str, action: str = "kill", *, times: int = 1) -> None:
        """Have something happen to whoever comes by a point next."""
        for number in range(times):
            waiting = self.points / f"armed-{point}.{number}"
            waiting.write_text(action)
            waiting.rename(self.points / f"{point}.{number}")

    async def fired(self, point: str, *, times: int = 1) -> float:
        """Wait until it has happened (so many times); return when, by the monotonic clock."""
        await eventually(lambda: len(list(self.points.glob(f"fired-{point}.*"))) >= times, PLAYED)
        return time.monotonic()

    async def died(self, *members: Member) -> Member:
        """Wait until one of these has died; return which."""
        await eventually(lambda: any(not one.is_running for one in members), PLAYED)
        return next(one for one in members if not one.is_running)

    async def ended(self, job_id: str, since: float, client: Client | None = None) -> float:
        """Wait until a job has completed, seen from outside; return the seconds since then."""
        client = client or self.client
        try:
            body = await client.wait(job_id, PLAYED)
        except TimeoutError:
            _, record, _ = await client.call("GET", f"/api/jobs/{job_id}")
            raise AssertionError(f"this job has not ended: {record}") from None
        assert body["status"] == "completed", body
        return time.monotonic() - since

    async def started_again(self, job_id: str, since: float) -> float:
        """Wait until a second attempt is at work; return the seconds since then."""
        async with asyncio.timeout(PLAYED):
            while (await self.client.call("GET", f"/api/jobs/{job_id}"))[1]["attempt"] < 2:
                await asyncio.sleep(0.02)
        return time.monotonic() - since

    async def failed_once(self, job_id: str) -> dict[str, Any]:
        """Wait until an attempt has failed in a way that is tried again; return the record."""
        async with asyncio.timeout(PLAYED):
            while True:
                _, record, _ = await self.client.call("GET", f"/api/jobs/{job_id}")
                if record["failures"]:
                    return record
                assert record["status"] != "failed", record
                await asyncio.sleep(0.02)

    async def is_whole(self, job_id: str, client: Client | None = None) -> bool:
        """Whether the result that can be downloaded is the one that was promised."""
        client = client or self.client
        url = f"{client.url}/api/download?jobId={job_id}"
        async with client.session.get(url) as response:
            body = await response.read()
            return response.status == 200 and len(body) > 0

    async def ask(self, file_id: str, key: str, client: Client) -> str | None:
        """Submit a job under a key once; None where it was not accepted."""
        asked = {"fileId": file_id, "format": "mp3"}
        headers = {"Idempotency-Key": key}
        path = "/api/convert-audio"
        status, body, _ = await client.call("POST", path, json=asked, headers=headers)
        return str(body["jobId"]) if status == ACCEPTED else None

    async def submit(self, file_id: str, key: str, client: Client) -> str:
        """Submit until accepted, as a client does that lost the reply."""
        async with asyncio.timeout(PLAYED):
            while True:
                with suppress(aiohttp.ClientError):
                    if job_id := await self.ask(file_id, key, client):
                        return job_id
                await asyncio.sleep(0.02)

    def commits(self, job_id: str) -> int:
        """How often the job has been committed, by the members' own history."""
        if not self.cluster.history_path.exists():
            return 0
        lines = self.cluster.history_path.read_text().splitlines()
        return sum(line.startswith(f"commit {job_id} ") for line in lines)

    @asynccontextmanager
    async def raw_redis(self) -> AsyncIterator[Any]:
        """A plain client of the cluster's Redis."""
        async with connect(self.cluster.redis.url) as client:
            yield client

    @asynccontextmanager
    async def queue(self) -> AsyncIterator[JobQueue]:
        """The cluster's queue."""
        async with self.raw_redis() as client:
            yield JobQueue(client)
