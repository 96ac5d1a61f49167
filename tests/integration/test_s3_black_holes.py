"""A peer that accepts and then says nothing: no call to S3 waits for it longer than is stated."""

import asyncio
import os
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from dataclasses import replace
from urllib.parse import urlsplit

import pytest

from support.fault_proxy import FaultProxy, Mode
from wavemill_common import retry
from wavemill_common.errors import StorageUnavailable
from wavemill_common.objects import Part
from wavemill_common.objects.s3 import S3ObjectStore
from wavemill_common.objects.s3_config import S3Config
from wavemill_common.retry import patiently

ANSWER, READ = 0.4, 0.8  # seconds
SLOW = 2.0  # seconds in which a slow way delivers what systems buffer, half a second's worth
BUSY = 2.0  # seconds that a busy machine may add
PART = os.urandom(16 * 1024 * 1024)  # more than the system takes of a connection that is not read
GO_ON = b"HTTP/1.1 100 Continue\r\n\r\n"
KEY = "conversions/job/result.wav"


@pytest.fixture(autouse=True)
def _impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(retry, "BASE", 0.01)


def hurried(config: S3Config, port: int) -> S3Config:
    """The same bucket behind another port, and little patience."""
    way = f"http://127.0.0.1:{port}"
    return replace(config, endpoint_url=way, answer_timeout=ANSWER, read_timeout=READ)


@asynccontextmanager
async def hole(config: S3Config, *, says: bytes) -> AsyncIterator[S3ObjectStore]:
    """A store that takes a request's head, says what is given, and from then on reads nothing."""
    over = asyncio.Event()

    async def accept(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        reader._transport.pause_reading()  # type: ignore[attr-defined]
        writer.write(says)
        await over.wait()
        writer.close()

    server = await asyncio.start_server(accept, "127.0.0.1", 0)
    async with (
        server,
        S3ObjectStore.open(hurried(config, server.sockets[0].getsockname()[1])) as store,
    ):
        yield store
        over.set()


@pytest.mark.parametrize(
    ("says", "bound"),
    [
        pytest.param(b"", ANSWER, id="says-nothing"),
        pytest.param(GO_ON, READ, id="wants-the-body-and-takes-none"),
    ],
)
async def test_a_part_that_nobody_takes_is_given_up_within_the_stated_time(
    bucket: S3Config, says: bytes, bound: float
) -> None:
    async with hole(bucket, says=says) as store, asyncio.timeout(10):
        begun = time.monotonic()
        with pytest.raises(StorageUnavailable, match=f"a byte for {bound:g} s"):
            await store.put_part(KEY, "upload", 1, PART)
        assert bound <= time.monotonic() - begun <= bound + BUSY


async def test_what_a_store_has_no_work_with_is_given_up_soon(
    bucket: S3Config, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(retry, "TRIES", 1)
    async with hole(bucket, says=b"") as store, asyncio.timeout(10):
        begun = time.monotonic()
        with pytest.raises(StorageUnavailable):
            await store.stat(KEY)
        assert time.monotonic() - begun <= ANSWER + BUSY


@pytest.fixture
def proxy(bucket: S3Config) -> Iterator[FaultProxy]:
    port = urlsplit(bucket.endpoint_url or "").port
    assert port
    with FaultProxy(port) as proxy:
        yield proxy


async def test_a_part_that_met_a_black_hole_arrives_by_a_fresh_connection(
    bucket: S3Config, proxy: FaultProxy
) -> None:
    tries = 0
    async with S3ObjectStore.open(hurried(bucket, proxy.port)) as store:
        upload_id = await store.start_multipart(KEY)  # its connection is kept, and dies open
        proxy.become(Mode.DROP)

        async def put() -> Part:
            nonlocal tries
            tries += 1
            if tries == 3:
                proxy.become(Mode.PASS)
            return await store.put_part(KEY, upload_id, 1, PART)

        begun = time.monotonic()
        async with asyncio.timeout(10):
            part = await patiently(put)
        assert time.monotonic() - begun <= 2 * ANSWER + BUSY
        assert tries == 3
        assert await store.list_parts(KEY, upload_id) == [part]


async def test_a_part_is_not_given_up_while_some_of_it_leaves(
    bucket: S3Config, proxy: FaultProxy
) -> None:
    config = replace(hurried(bucket, proxy.port), read_timeout=SLOW)
    async with S3ObjectStore.open(config) as store:
        upload_id = await store.start_multipart(KEY)
        proxy.become(Mode.PASS, delay=0.005)  # for each 64 KiB
        begun = time.monotonic()
        part = await store.put_part(KEY, upload_id, 1, 3 * PART)
        assert time.monotonic() - begun > ANSWER + SLOW
        assert part.size == len(3 * PART)


async def test_a_part_that_fails_again_and_again_fails_within_the_policys_patience(
    bucket: S3Config, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(retry, "PATIENCE", 2 * ANSWER)
    async with hole(bucket, says=b"") as store, asyncio.timeout(10):
        begun = time.monotonic()
        with pytest.raises(StorageUnavailable):
            await patiently(store.put_part, KEY, "upload", 1, PART)
        assert time.monotonic() - begun <= 3 * ANSWER + BUSY
