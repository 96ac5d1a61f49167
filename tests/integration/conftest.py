"""Fixtures for tests against a real Redis: one for all, emptied in between, and ones to kill."""

from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import pytest

from support.redis import TestRedis, raw_client
from support.s3 import Moto
from wavemill_common.objects.s3_config import S3Config
from wavemill_common.queue.jobs import JobQueue


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
def s3_server() -> Iterator[Moto]:
    """An S3 in a thread of this process."""
    server = Moto()
    server.start()
    yield server
    server.close()


@pytest.fixture
def bucket(s3_server: Moto) -> Iterator[S3Config]:
    """An empty bucket of the test's own."""
    with s3_server.bucket() as config:
        yield config
