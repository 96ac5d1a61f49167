"""Fixtures for tests against a real Redis: one for all, emptied in between, and ones to kill."""

from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from support.audio import make_sweep
from support.converters import House
from support.faulty import FaultProxy
from support.late import MANIFEST_FROM, LateBucket, LateObjects, LateStore
from support.moto_server import running_moto
from support.redis import TestRedis, raw_client
from support.s3 import Moto
from wavemill_common.connections import connect
from wavemill_common.objects.disk import DiskObjectStore
from wavemill_common.objects.s3_config import S3Config
from wavemill_common.progress.store import ProgressStore
from wavemill_common.queue.jobs import JobQueue
from wavemill_common.records.sqlite import SqliteJobStore


@pytest.fixture(scope="session")
def moto() -> Iterator[str]:
    """The address of a server that speaks S3 and DynamoDB; tests take names of their own."""
    with running_moto() as url:
        yield url


@pytest.fixture(scope="session")
def shared_redis(tmp_path_factory: pytest.TempPathFactory) -> Iterator[TestRedis]:
    """A server whose directory's name is as awkward as a user's may be."""
    server = TestRedis(tmp_path_factory.mktemp('a "strange" name'))
    server.start()
    yield server
    server.close()


@pytest.fixture
def redis_server(shared_redis: TestRedis) -> TestRedis:
    """An empty Redis that the test must not stop."""
    shared_redis.flush()
    return shared_redis


@pytest.fixture
def own_redis(tmp_path: Path) -> Iterator[TestRedis]:
    """A Redis that the test may kill."""
    server = TestRedis(tmp_path)
    server.start()
    yield server
    server.close()


@pytest.fixture
async def raw(redis_server: TestRedis) -> AsyncIterator[Any]:
    """A plain client of the empty Redis."""
    async with raw_client(redis_server.url) as client:
        yield client


@pytest.fixture
async def queue(raw: Any) -> JobQueue:
    """The job queue of the empty Redis."""
    queue = JobQueue(raw)
    await queue.prepare()
    return queue


@pytest.fixture(scope="session")
def clip(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A second of audio."""
    return make_sweep(tmp_path_factory.mktemp("clips") / "clip.wav", 1.0)


@pytest.fixture
async def house(redis_server: TestRedis, tmp_path: Path) -> AsyncIterator[House]:
    """The stores that converters and janitors share."""
    async with open_house(redis_server, tmp_path) as house:
        yield house


@pytest.fixture
async def own_house(own_redis: TestRedis, tmp_path: Path) -> AsyncIterator[House]:
    """The same, with a Redis that the test may kill."""
    async with open_house(own_redis, tmp_path) as house:
        yield house


@asynccontextmanager
async def open_house(server: TestRedis, folder: Path) -> AsyncIterator[House]:
    """Open stores of a test's own."""
    async with (
        connect(server.url) as client,
        SqliteJobStore.open(folder / "records.sqlite3") as jobs,
    ):
        queue = JobQueue(client)
        await queue.prepare()
        yield House(
            folder=folder,
            redis_url=server.url,
            jobs=jobs,
            objects=DiskObjectStore(folder / "objects"),
            queue=queue,
            progress=ProgressStore(client),
        )


@pytest.fixture(scope="session")
def s3_server() -> Iterator[Moto]:
    """An S3 in a thread of this process."""
    server = Moto()
    server.start()
    yield server
    server.close()


@pytest.fixture(params=["disk", "S3"])
async def late(
    request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> AsyncIterator[LateStore]:
    """Each kind of store, with one PUT that may be answered late; in S3, lists of small chunks."""
    if request.param == "disk":
        yield LateObjects(tmp_path / "late")
        return
    monkeypatch.setattr(MANIFEST_FROM, 1)
    async with LateBucket.open(request.getfixturevalue("bucket")) as opened:
        yield opened


@pytest.fixture
async def proxy(bucket: S3Config) -> AsyncIterator[FaultProxy]:
    """What stands before the bucket, and fails as it is told."""
    assert bucket.endpoint_url
    async with FaultProxy.before(bucket.endpoint_url) as one:
        yield one


@pytest.fixture
def bucket(s3_server: Moto) -> Iterator[S3Config]:
    """An empty bucket of the test's own."""
    with s3_server.bucket() as config:
        yield config
