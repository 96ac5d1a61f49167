"""The stage: one gateway and one converter on counted stores, and a janitor's sweeps by hand."""

import asyncio
import os
import signal
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path
from typing import Any

import redis
from msgspec import structs

from bench.costs.counting import COUNTS
from bench.costs.meters import Reading, read
from support.cluster import TESTS, Cluster
from support.kept import InAws
from support.ports import free_port
from support.server import wait_until
from wavemill_common.queue.scripts import INDEX
from wavemill_common.settings import Settings
from wavemill_common.tether import tether
from wavemill_janitor.deps import Deps
from wavemill_janitor.main import open_deps

PATIENCE = 900.0  # seconds
SETTLING = 0.5  # seconds in which the last progress of an ended job is published
SERVICES = ("gateway", "converter")


class Stage:
    """What a measurement works on."""

    def __init__(self, cluster: Cluster, kept: InAws, url: str) -> None:
        self.cluster = cluster
        self._kept = kept
        self._url = url
        self._tables: Any = kept.service("dynamodb")

    @property
    def url(self) -> str:
        """The gateway's address."""
        return self.cluster.gateways[0].url

    def read(self) -> Reading:
        """All meters, now."""
        with urllib.request.urlopen(f"{self._url}{COUNTS}", timeout=30) as reply:  # noqa: S310
            return read(self.cluster, reply.read())

    async def ended(self, job_ids: list[str]) -> None:
        """Wait for the end of jobs, without asking any service of ours."""
        async with asyncio.timeout(PATIENCE):
            while not all(self._has_ended(job_id) for job_id in job_ids):
                await asyncio.sleep(0.2)
            with redis.Redis.from_url(self.cluster.redis.url) as client:
                while client.hlen(INDEX):
                    await asyncio.sleep(0.05)
        await asyncio.sleep(SETTLING)

    @asynccontextmanager
    async def janitor(self, ahead: float = 0.0) -> AsyncIterator[Deps]:
        """What a janitor's sweeps work on, its clock so many seconds ahead."""
        settings = Settings.from_environ({**self.cluster.environ, "AWS_ACCESS_KEY_ID": "janitor"})
        async with open_deps(settings) as deps:
            yield structs.replace(deps, now=lambda: time.time() + ahead)

    def _has_ended(self, job_id: str) -> bool:
        found = self._tables.get_item(
            TableName=self._kept.jobs_table, Key={"jobId": {"S": job_id}}, ConsistentRead=True
        )
        status = found["Item"]["status"]["S"]
        assert status in {"created", "processing", "completed"}, found
        return bool(status == "completed")


@asynccontextmanager
async def staged() -> AsyncIterator[Stage]:
    """Run everything for the time of a block."""
    with tempfile.TemporaryDirectory() as folder, counted_moto() as url:
        kept = InAws(url)
        none: dict[str, Any] = {"gateways": 0, "converters": 0, "janitors": 0, "scale": 1.0}
        cluster = Cluster(Path(folder) / "cluster", kept=kept, **none)
        for service in SERVICES:
            cluster.add(service, AWS_ACCESS_KEY_ID=service)
        try:
            await cluster.start_async()
            yield Stage(cluster, kept, url)
        finally:
            cluster.close()


@contextmanager
def counted_moto() -> Iterator[str]:
    """Run moto's server with its meter for the time of a block; its address."""
    port = free_port()
    url = f"http://127.0.0.1:{port}"
    command = [sys.executable, "-m", "bench.costs.counting", str(port)]
    environ = {**os.environ, "PYTHONPATH": f"{TESTS}:{os.environ.get('PYTHONPATH', '')}"}
    process = subprocess.Popen(command, env=environ, preexec_fn=tether(signal.SIGKILL))
    try:
        wait_until(lambda: _answers(url), PATIENCE)
        yield url
    finally:
        process.terminate()
        process.wait(PATIENCE)


def _answers(url: str) -> bool:
    try:
        with urllib.request.urlopen(f"{url}{COUNTS}", timeout=5):  # noqa: S310
            return True
    except OSError:
        return False
