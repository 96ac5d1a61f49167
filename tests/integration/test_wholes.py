"""Objects that S3 has only as a manifest of others, and what the gateway makes of them."""

import asyncio
import os
from collections.abc import AsyncIterator
from contextlib import aclosing
from dataclasses import replace

import pytest

from support.faulty import Fault, FaultProxy, error_body, method
from support.s3 import raw_client
from wavemill_common import retry
from wavemill_common.errors import ObjectNotFound, StorageUnavailable
from wavemill_common.objects.in_turn import AHEAD
from wavemill_common.objects.s3 import S3ObjectStore
from wavemill_common.objects.s3_config import S3Config
from wavemill_common.objects.s3_manifest import SIZE, encode, manifest_of
from wavemill_common.objects.s3_multiparts import MIN_PART

SOURCES = ["chunks/0", "chunks/1", "chunks/2"]
BODIES = [os.urandom(MIN_PART), os.urandom(MIN_PART + 9), os.urandom(17)]
WHOLE = b"".join(BODIES)
A, B = MIN_PART, 2 * MIN_PART + 9  # where the second and the third source begin


@pytest.fixture(autouse=True)
def _impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(retry, "BASE", 0.01)


@pytest.fixture
async def maker(bucket: S3Config) -> AsyncIterator[S3ObjectStore]:
    """The store by which the whole was made."""
    async with S3ObjectStore.open(bucket) as store:
        for key, body in zip(SOURCES, BODIES, strict=True):
            await store.put(key, stream(body))
        await store.compose("whole", SOURCES)
        yield store


@pytest.fixture
async def store(
    bucket: S3Config,
    proxy: FaultProxy,
    maker: S3ObjectStore,  # noqa: ARG001 - it has made the whole
) -> AsyncIterator[S3ObjectStore]:
    """Another process's store, which knows nothing of the whole yet."""
    async with S3ObjectStore.open(replace(bucket, endpoint_url=proxy.url)) as one:
        yield one


async def stream(*pieces: bytes) -> AsyncIterator[bytes]:
    for piece in pieces:
        yield piece


async def content(store: S3ObjectStore, key: str, start: int = 0, end: int | None = None) -> bytes:
    return b"".join([piece async for piece in store.read(key, start, end)])


# --- reading ---


@pytest.mark.parametrize(
    ("start", "end"),
    [
        *((0, None), (0, 1), (0, A), (5, A - 1), (A - 1, A + 1), (A, None), (A, B), (A + 3, B - 3)),
        *((B - 1, B + 1), (B, None), (B + 16, B + 17), (len(WHOLE) - 1, None), (3, len(WHOLE))),
        *((0, 10 * len(WHOLE)), (len(WHOLE), None), (len(WHOLE) + 5, None), (7, 7), (9, 3)),
    ],
)
async def test_any_range_is_that_of_the_whole(
    store: S3ObjectStore, maker: S3ObjectStore, start: int, end: int | None
) -> None:
    for one in (store, maker):
        assert await content(one, "whole", start, end) == WHOLE[start:end]


async def test_it_tells_the_size_of_the_whole(store: S3ObjectStore, maker: S3ObjectStore) -> None:
    made = await maker.compose("whole", SOURCES)
    for one in (store, maker):
        info = await one.stat("whole")
        assert (info.key, info.size, info.etag) == ("whole", len(WHOLE), made.etag)


async def test_it_tells_what_it_cannot_be_read_without(
    store: S3ObjectStore, maker: S3ObjectStore
) -> None:
    await maker.put("alone", stream(b"x" * 100))
    await maker.compose("copy", [SOURCES[2]])
    for one in (store, maker):
        assert await one.sources("whole") == SOURCES
        assert await one.sources("alone") == ()
        assert await one.sources("copy") == ()
        with pytest.raises(ObjectNotFound):
            await one.sources("nothing")


async def test_a_manifest_is_asked_for_once(store: S3ObjectStore, proxy: FaultProxy) -> None:
    await content(store, "whole")
    proxy.seen.clear()
    await content(store, "whole")
    assert len(proxy.seen) == len(SOURCES)


async def test_other_objects_cost_no_call_more(
    store: S3ObjectStore, maker: S3ObjectStore, proxy: FaultProxy
) -> None:
    await maker.put("plain", stream(b"x" * 100))
    assert await content(store, "plain", 50) == b"x" * 50
    assert len(proxy.seen) == 1


async def test_the_next_source_is_asked_for_before_the_last_byte_of_one(
    store: S3ObjectStore, proxy: FaultProxy
) -> None:
    await store.sources("whole")
    proxy.seen.clear()
    async with aclosing(store.read("whole")) as reading:  # type: ignore[type-var]
        taken = 0
        while taken < A - AHEAD:
            taken += len(await anext(reading))
        assert len(proxy.seen) == 1
        await anext(reading)
        async with asyncio.timeout(5):
            while len(proxy.seen) < 2:
                await asyncio.sleep(0.01)
        assert taken < A


async def test_a_broken_connection_is_made_up_for(store: S3ObjectStore, proxy: FaultProxy) -> None:
    await store.sources("whole")
    proxy.faults.append(Fault(method("GET"), times=2, cut_at=0.5))
    proxy.faults.append(Fault(method("GET"), times=2, answer=(503, error_body("SlowDown"))))
    assert await content(store, "whole") == WHOLE


# --- what may have changed ---


async def test_without_a_source_there_is_no_whole(store: S3ObjectStore) -> None:
    await content(store, "whole")
    await store.delete([SOURCES[1]])
    with pytest.raises(ObjectNotFound, match="whole is not stored whole"):
        await content(store, "whole", A)


async def test_a_whole_that_another_has_deleted_is_gone_with_its_sources(
    store: S3ObjectStore, maker: S3ObjectStore
) -> None:
    await content(store, "whole")
    await maker.delete(["whole", *SOURCES])
    with pytest.raises(ObjectNotFound):
        await content(store, "whole")
    with pytest.raises(ObjectNotFound):
        await store.stat("whole")
    with pytest.raises(ObjectNotFound):
        await store.sources("whole")


async def test_who_was_told_that_a_whole_is_gone_does_not_read_it_any_more(
    store: S3ObjectStore, maker: S3ObjectStore
) -> None:
    await store.delete(["whole"])
    with pytest.raises(ObjectNotFound):
        await maker.stat("whole")
    with pytest.raises(ObjectNotFound):
        await maker.sources("whole")
    with pytest.raises(ObjectNotFound):
        await content(maker, "whole")


async def test_who_deleted_a_whole_does_not_find_it(maker: S3ObjectStore) -> None:
    await maker.delete(["whole"])
    with pytest.raises(ObjectNotFound):
        await content(maker, "whole")
    assert await content(maker, SOURCES[2]) == BODIES[2]


async def test_other_bytes_in_the_place_of_a_source_are_not_taken_for_it(
    store: S3ObjectStore, maker: S3ObjectStore
) -> None:
    await maker.put(SOURCES[1], stream(bytes(len(BODIES[1]))))
    with pytest.raises(StorageUnavailable, match="replaced"):
        await content(store, "whole", A)


@pytest.mark.parametrize("how", ["composed", "copied", "put", "in parts"])
async def test_who_asks_for_the_size_first_reads_what_has_come_in_its_place(
    store: S3ObjectStore, maker: S3ObjectStore, how: str
) -> None:
    await content(store, "whole")
    new = {
        "composed": BODIES[1] + BODIES[0],
        "copied": BODIES[2],
        "put": b"x" * 100,
        "in parts": b"y" * 100,
    }[how]
    if how == "composed":
        await maker.compose("whole", [SOURCES[1], SOURCES[0]])
    elif how == "copied":
        await maker.compose("whole", [SOURCES[2]])
    elif how == "put":
        await maker.put("whole", stream(new))
    else:
        upload_id = await maker.start_multipart("whole")
        part = await maker.put_part("whole", upload_id, 1, new)
        await maker.complete_multipart("whole", upload_id, [part])
    for one in (store, maker):
        assert (await one.stat("whole")).size == len(new)
        assert await content(one, "whole") == new


async def test_a_damaged_manifest_is_no_whole(
    store: S3ObjectStore, maker: S3ObjectStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("wavemill_common.objects.s3_wholes.encode", lambda _: b"RIFF")
    await maker.compose("whole", SOURCES)
    with pytest.raises(StorageUnavailable, match="damaged"):
        await content(store, "whole")


async def test_what_a_client_has_marked_as_a_manifest_is_nothing_but_bytes_once_it_is_copied(
    bucket: S3Config, store: S3ObjectStore
) -> None:
    """Who sends a file to the bucket by a form sets its metadata, too, where a store lets them."""
    forged = encode(manifest_of([await store.stat(SOURCES[2])]))
    assert bucket.endpoint_url
    client = raw_client(bucket.endpoint_url)
    client.put_object(Bucket=bucket.bucket, Key="sent", Body=forged, Metadata={SIZE: "17"})
    assert (await store.compose("copy", ["sent"])).size == len(forged)
    assert (await store.stat("copy")).size == len(forged)
    assert await content(store, "copy") == forged
    assert await store.sources("copy") == ()
