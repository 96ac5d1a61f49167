"""Presigned URLs and checksums, against an S3 that checks them (ministack)."""

import asyncio
import os
from collections.abc import AsyncIterator, Iterator
from contextlib import closing
from dataclasses import replace
from uuid import uuid4

import aiohttp
import pytest

from support.ministack import running_ministack
from support.s3 import config_of, raw_client
from wavemill_common import retry
from wavemill_common.errors import StorageUnavailable
from wavemill_common.objects import ObjectStore, Presigner, s3_multiparts, s3_writer
from wavemill_common.objects.disk import DiskObjectStore
from wavemill_common.objects.s3 import S3ObjectStore
from wavemill_common.objects.s3_config import S3Config
from wavemill_common.objects.s3_multiparts import MIN_PART
from wavemill_common.objects.s3_writer import PART

DISPOSITION = "attachment; filename=\"a b.mp3\"; filename*=UTF-8''%C3%A4%20b.mp3"


@pytest.fixture(scope="module")
def address(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with running_ministack(tmp_path_factory.mktemp("ministack")) as url:
        yield url


@pytest.fixture
def config(address: str) -> S3Config:
    name = f"bucket-{uuid4().hex}"
    with closing(raw_client(address)) as client:
        client.create_bucket(Bucket=name)
    return config_of(address, name)


@pytest.fixture
async def store(config: S3Config) -> AsyncIterator[S3ObjectStore]:
    async with S3ObjectStore.open(config) as one:
        yield one


async def stream(*pieces: bytes) -> AsyncIterator[bytes]:
    for piece in pieces:
        yield piece


async def content(store: ObjectStore, key: str) -> bytes:
    return b"".join([piece async for piece in store.read(key)])


async def get_url(store: S3ObjectStore, seconds: float = 60) -> str:
    return await store.presigned_get(
        "key.mp3", seconds=seconds, disposition=DISPOSITION, mime="audio/mpeg"
    )


async def test_who_has_the_url_gets_the_object_with_its_name(
    store: S3ObjectStore, session: aiohttp.ClientSession
) -> None:
    await store.put("key.mp3", stream(b"sound"))
    async with session.get(await get_url(store)) as response:
        assert (response.status, await response.read()) == (200, b"sound")
        assert response.headers["Content-Disposition"] == DISPOSITION
        assert response.headers["Content-Type"] == "audio/mpeg"
        assert response.headers["Cache-Control"] == "private, no-store"


async def test_a_url_is_good_for_five_minutes_at_most(store: S3ObjectStore) -> None:
    url = await get_url(store, seconds=86_400)
    assert "X-Amz-Expires=300" in url
    assert "X-Amz-Algorithm=AWS4-HMAC-SHA256" in url


async def test_a_url_that_expired_or_was_changed_is_refused(
    store: S3ObjectStore, session: aiohttp.ClientSession
) -> None:
    await store.put("key.mp3", stream(b"sound"))
    await store.put("other.mp3", stream(b"other"))
    url = await get_url(store, seconds=1)
    await asyncio.sleep(2.1)
    good = await get_url(store)
    for bad in (
        url,
        good.replace("key.mp3", "other.mp3"),
        good.replace("Expires=60", "Expires=61"),
    ):
        async with session.get(bad) as response:
            assert response.status == 403, bad


async def test_a_signed_part_has_the_signed_length(
    store: S3ObjectStore, session: aiohttp.ClientSession
) -> None:
    upload_id = await store.start_multipart("key")
    url = await store.presigned_part("key", upload_id, 1, seconds=60, size=5)
    assert "content-length" in url
    async with session.put(url, data=b"too long") as response:
        assert response.status == 403
    async with session.put(url, data=b"right") as response:
        assert response.status == 200
    parts = await store.list_parts("key", upload_id)
    await store.complete_multipart("key", upload_id, parts)
    assert await content(store, "key") == b"right"


async def test_a_part_of_any_length_needs_no_header_of_the_browsers(
    store: S3ObjectStore, session: aiohttp.ClientSession
) -> None:
    upload_id = await store.start_multipart("key")
    url = await store.presigned_part("key", upload_id, 1, seconds=60, size=None)
    assert "X-Amz-SignedHeaders=host&" in url
    assert "hecksum" not in url
    async with session.put(url, data=b"any") as response:
        assert response.status == 200


async def test_a_form_takes_what_is_not_too_large(
    store: S3ObjectStore, session: aiohttp.ClientSession
) -> None:
    form = await store.presigned_post("key", seconds=60, max_size=10)

    async def send(body: bytes) -> int:
        data = aiohttp.FormData(form.fields)
        data.add_field("file", body, filename="a.wav")
        async with session.post(form.url, data=data) as response:
            return response.status

    assert await send(b"x" * 11) == 400
    assert await send(b"x" * 10) == 201
    assert await content(store, "key") == b"x" * 10


async def test_browsers_may_know_the_store_by_another_name(config: S3Config) -> None:
    public = replace(config, public_endpoint_url="https://files.example.org")
    async with S3ObjectStore.open(public) as store:
        await store.put("key.mp3", stream(b"x"))
        assert (await get_url(store)).startswith(f"https://files.example.org/{config.bucket}/key")


def test_a_disk_signs_nothing() -> None:
    assert not issubclass(DiskObjectStore, Presigner)
    assert issubclass(S3ObjectStore, Presigner)


async def test_a_wrong_key_is_refused_and_named(config: S3Config) -> None:
    async with S3ObjectStore.open(replace(config, secret_key="wrong")) as store:  # noqa: S106
        url = await get_url(store)
    async with S3ObjectStore.open(config) as store:
        await store.put("key.mp3", stream(b"x"))
    async with aiohttp.ClientSession() as session, session.get(url) as response:
        assert response.status == 403


# --- checksums ---


@pytest.mark.parametrize("size", [0, 5, PART + 5])
async def test_what_is_sent_with_checksums_arrives(config: S3Config, size: int) -> None:
    body = os.urandom(size)
    async with S3ObjectStore.open(replace(config, checksums="when_supported")) as store:
        await store.put("key", stream(body))
        assert await content(store, "key") == body


@pytest.mark.parametrize("size", [5, PART + 5])
async def test_what_arrives_damaged_is_refused(
    config: S3Config, monkeypatch: pytest.MonkeyPatch, size: int
) -> None:
    monkeypatch.setattr(retry, "BASE", 0.01)
    wrong = {"ChecksumAlgorithm": "CRC32", "ChecksumCRC32": "AAAAAA=="}
    for module in (s3_writer, s3_multiparts):
        monkeypatch.setattr(module, "checksum_of", lambda _: wrong)
    async with S3ObjectStore.open(replace(config, checksums="when_supported")) as store:
        with pytest.raises(StorageUnavailable, match="BadDigest"):
            await store.put("key", stream(b"x" * size))
        assert [one async for one in store.scan("")] == []


async def test_chunks_are_composed_there_too(store: S3ObjectStore) -> None:
    bodies = [os.urandom(MIN_PART), os.urandom(MIN_PART + 1), b"end"]
    for number, body in enumerate(bodies):
        await store.put(f"part-{number}", stream(body), if_absent=True)
    await store.compose("whole", [f"part-{number}" for number in range(3)])
    assert await content(store, "whole") == b"".join(bodies)
