"""What the S3 adapter promises beyond the shared suite: broken ways, lost replies, refusals."""

import asyncio
import os
import subprocess
import sys
import time
from collections.abc import AsyncIterator
from dataclasses import replace
from itertools import pairwise
from pathlib import Path

import pytest
from aiohttp import web
from hypothesis import given
from hypothesis import strategies as st

from support.faulty import Fault, FaultProxy, error_body, method
from support.ports import free_port
from wavemill_common import retry
from wavemill_common.errors import (
    InsufficientStorage,
    ObjectExists,
    ObjectNotFound,
    StorageForbidden,
    StorageUnavailable,
)
from wavemill_common.objects.s3 import S3ObjectStore
from wavemill_common.objects.s3_compose import MAX_COPY, MOST_OTHERS, plan_parts
from wavemill_common.objects.s3_config import S3Config
from wavemill_common.objects.s3_multiparts import MAX_PARTS, MIN_PART
from wavemill_common.objects.s3_writer import PART, part_sizes

MIB = 1024 * 1024
ALLOWED_GROWTH = 60 * MIB  # of memory, for a file of any size
BIG = 300 * MIB

PUT_AND_READ = """
import asyncio, resource, sys
from wavemill_common.objects.s3 import S3ObjectStore
from wavemill_common.objects.s3_config import S3Config

SIZE = int(sys.argv[2])
peak = lambda: resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024

async def body(size):
    block = bytes(1024 * 1024)
    for _ in range(size // len(block)):
        yield block

async def main():
    config = S3Config(bucket="b", endpoint_url=sys.argv[1], addressing="path",
                      access_key="test", secret_key="test")
    async with S3ObjectStore.open(config) as store:
        await store.put("small", body(1024 * 1024))
        await anext(store.read("small"))
        before = peak()
        assert (await store.put("big", body(SIZE))).size == SIZE
        after_put = peak()
        size = 0
        async for block in store.read("big"):
            size += len(block)
        assert size == SIZE, size
        print(after_put - before, peak() - before)

asyncio.run(main())
"""


@pytest.fixture(autouse=True)
def _impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(retry, "BASE", 0.01)


@pytest.fixture
async def store(bucket: S3Config, proxy: FaultProxy) -> AsyncIterator[S3ObjectStore]:
    async with S3ObjectStore.open(replace(bucket, endpoint_url=proxy.url)) as one:
        yield one


async def stream(*pieces: bytes) -> AsyncIterator[bytes]:
    for piece in pieces:
        yield piece


async def content(store: S3ObjectStore, key: str, start: int = 0, end: int | None = None) -> bytes:
    return b"".join([piece async for piece in store.read(key, start, end)])


async def left_over(store: S3ObjectStore) -> list[str]:
    return [one.key async for one in store.scan_multiparts("")]


# --- reading over a broken way ---


@pytest.mark.parametrize("share", [0.0, 0.1, 0.5, 0.9])
@pytest.mark.parametrize(("start", "end"), [(0, None), (1000, 3 * MIB)])
async def test_a_read_goes_on_at_the_byte_where_its_connection_broke(
    store: S3ObjectStore, proxy: FaultProxy, share: float, start: int, end: int | None
) -> None:
    body = os.urandom(4 * MIB + 17)
    await store.put("key", stream(body))
    proxy.faults = [Fault(method("GET"), cut_at=share)]
    assert await content(store, "key", start, end) == body[start:end]
    assert len(proxy.ranges) == 2


async def test_a_read_that_breaks_again_and_again_ends_as_long_as_some_bytes_come(
    store: S3ObjectStore, proxy: FaultProxy
) -> None:
    body = os.urandom(2 * MIB)
    await store.put("key", stream(body))
    proxy.faults = [Fault(method("GET"), times=12, cut_at=0.3)]
    assert await content(store, "key") == body


async def test_a_read_that_brings_nothing_gives_up(store: S3ObjectStore, proxy: FaultProxy) -> None:
    await store.put("key", stream(b"x" * MIB))
    proxy.faults = [Fault(method("GET"), times=100, cut_at=0.0)]
    with pytest.raises(StorageUnavailable):
        await content(store, "key")
    assert len(proxy.ranges) == retry.TRIES


async def test_another_object_is_never_mixed_into_a_broken_read(
    store: S3ObjectStore, proxy: FaultProxy
) -> None:
    old = os.urandom(4 * MIB)
    await store.put("key", stream(old))
    proxy.faults = [Fault(method("GET"), cut_at=0.5)]
    reading = store.read("key")
    found = await anext(reading)
    await store.put("key", stream(os.urandom(4 * MIB)))
    with pytest.raises(StorageUnavailable, match="was replaced"):  # noqa: PT012 - it takes a loop
        async for block in reading:
            found += block
    assert old.startswith(found)


async def test_a_reader_that_stops_early_gives_its_connection_back(bucket: S3Config) -> None:
    async with S3ObjectStore.open(replace(bucket, pool=1, read_timeout=5)) as store:
        await store.put("key", stream(b"x" * 9 * MIB))
        for _ in range(3):
            reading = store.read("key")
            await anext(reading)
            await reading.aclose()  # type: ignore[attr-defined]
        assert (await store.stat("key")).size == 9 * MIB


# --- tried again ---


@pytest.mark.parametrize("code", ["SlowDown", "ServiceUnavailable", "InternalError"])
async def test_what_s3_says_when_it_is_busy_is_waited_out(
    store: S3ObjectStore, proxy: FaultProxy, code: str
) -> None:
    proxy.faults = [Fault(lambda _: True, times=2, answer=(503, error_body(code)))]
    await store.put("key", stream(b"body"))
    proxy.faults = [Fault(lambda _: True, times=2, answer=(503, error_body(code)))]
    assert await content(store, "key") == b"body"


async def test_an_s3_that_stays_busy_is_unavailable(
    store: S3ObjectStore, proxy: FaultProxy
) -> None:
    proxy.faults = [Fault(lambda _: True, times=99, answer=(503, error_body("SlowDown")))]
    with pytest.raises(StorageUnavailable, match="503"):  # a HEAD's answer has no body
        await store.stat("key")
    with pytest.raises(StorageUnavailable, match="SlowDown"):
        await store.put("key", stream(b"x"))
    assert len(proxy.seen) == 2 * retry.TRIES  # and not botocore's own on top


@pytest.mark.parametrize("code", ["InternalError", "SlowDown"])
async def test_an_error_in_a_completion_that_began_with_200_is_one(
    store: S3ObjectStore, proxy: FaultProxy, code: str
) -> None:
    proxy.faults = [Fault(method("POST", "uploadId"), times=2, answer=(200, error_body(code)))]
    body = os.urandom(PART + 1)
    await store.put("key", stream(body))
    assert await content(store, "key") == body


async def test_an_error_in_a_copy_that_began_with_200_is_one(
    store: S3ObjectStore, proxy: FaultProxy
) -> None:
    await store.put("source", stream(b"x"))
    proxy.faults = [Fault(method("PUT"), times=9, answer=(200, error_body("InternalError")))]
    with pytest.raises(StorageUnavailable):
        await store.compose("whole", ["source"])
    with pytest.raises(ObjectNotFound):
        await store.stat("whole")


async def test_a_reply_cut_in_the_middle_is_asked_for_again(
    store: S3ObjectStore, proxy: FaultProxy
) -> None:
    await store.put("a/key", stream(b"x"))
    proxy.faults = [Fault(method("GET", "list-type"), times=2, cut_at=0.5)]
    assert [one.key async for one in store.scan("a/")] == ["a/key"]


# --- what was done although the reply got lost ---


@pytest.mark.parametrize("size", [5, PART + 5])
async def test_a_put_if_absent_whose_reply_got_lost_knows_its_own_object(
    store: S3ObjectStore, proxy: FaultProxy, size: int
) -> None:
    body = os.urandom(size)
    done = method("PUT") if size < PART else method("POST", "uploadId")
    proxy.faults = [Fault(done, lose_reply=True)]
    info = await store.put("key", stream(body), if_absent=True)
    assert info == replace_time(await store.stat("key"), info.modified)
    assert await content(store, "key") == body


async def test_a_put_if_absent_whose_first_try_failed_does_not_take_another_for_its_own(
    store: S3ObjectStore, proxy: FaultProxy
) -> None:
    await store.put("key", stream(b"another"))
    proxy.faults = [Fault(method("PUT"), answer=(503, error_body("SlowDown")))]
    with pytest.raises(ObjectExists):
        await store.put("key", stream(b"ours"), if_absent=True)


@pytest.mark.parametrize("if_absent", [False, True])
async def test_a_completion_whose_reply_got_lost_finds_its_upload_gone_and_its_object_there(
    store: S3ObjectStore, proxy: FaultProxy, *, if_absent: bool
) -> None:
    upload_id = await store.start_multipart("key")
    parts = [await store.put_part("key", upload_id, n, b"x" * MIN_PART) for n in (1, 2)]
    completion = method("POST", "uploadId")
    proxy.faults = [
        Fault(completion, lose_reply=True),
        Fault(completion, answer=(404, error_body("NoSuchUpload"))),
    ]
    info = await store.complete_multipart("key", upload_id, parts, if_absent=if_absent)
    assert info.etag == (await store.stat("key")).etag


async def test_an_upload_that_was_aborted_is_not_taken_for_completed(
    store: S3ObjectStore, proxy: FaultProxy
) -> None:
    await store.put("key", stream(b"another"))
    upload_id = await store.start_multipart("key")
    part = await store.put_part("key", upload_id, 1, b"x")
    await store.abort_multipart("key", upload_id)
    proxy.faults = [Fault(method("POST", "uploadId"), answer=(503, error_body("SlowDown")))]
    with pytest.raises(ObjectNotFound):
        await store.complete_multipart("key", upload_id, [part])


def replace_time(info: object, modified: float) -> object:
    from msgspec import structs

    return structs.replace(info, modified=modified)  # type: ignore[type-var]


# --- nothing is left ---


async def test_a_large_put_that_fails_leaves_no_parts(store: S3ObjectStore) -> None:
    async def failing() -> AsyncIterator[bytes]:
        yield b"x" * (3 * PART)
        raise ConnectionResetError("the client left")

    with pytest.raises(ConnectionResetError):
        await store.put("key", failing())
    assert await left_over(store) == []


async def test_a_large_put_that_is_cancelled_leaves_no_parts(store: S3ObjectStore) -> None:
    begun, never = asyncio.Event(), asyncio.Event()

    async def stalling() -> AsyncIterator[bytes]:
        yield b"x" * (3 * PART)
        begun.set()
        await never.wait()

    put = asyncio.ensure_future(store.put("key", stalling()))
    await begun.wait()
    put.cancel()
    with pytest.raises(asyncio.CancelledError):
        await put
    assert await left_over(store) == []


async def test_a_large_put_over_what_is_there_leaves_no_parts(store: S3ObjectStore) -> None:
    await store.put("key", stream(b"first"))
    with pytest.raises(ObjectExists):
        await store.put("key", stream(b"x" * (PART + 1)), if_absent=True)
    assert await left_over(store) == []
    assert await content(store, "key") == b"first"


async def test_a_put_whose_parts_a_janitor_took_away_may_be_tried_again(
    store: S3ObjectStore,
) -> None:
    async def robbed() -> AsyncIterator[bytes]:
        yield b"x" * (2 * PART + 1)
        assert await store.clean(time.time() + 60) == 1
        yield b"x" * PART

    with pytest.raises(StorageUnavailable, match="aborted meanwhile"):
        await store.put("key", robbed())
    with pytest.raises(ObjectNotFound):
        await store.stat("key")


# --- refusals say what would help ---


async def test_a_denial_names_the_permission(store: S3ObjectStore, proxy: FaultProxy) -> None:
    proxy.faults = [Fault(lambda _: True, times=9, answer=(403, error_body("AccessDenied")))]
    with pytest.raises(StorageForbidden, match=r"s3:PutObject on arn:aws:s3:::bucket-\w+/key"):
        await store.put("key", stream(b"x"))
    with pytest.raises(StorageForbidden, match="s3:GetObject"):
        await content(store, "key")
    with pytest.raises(StorageForbidden, match=r"s3:GetObject, and s3:ListBucket,"):
        await store.stat("key")
    with pytest.raises(StorageForbidden, match="s3:DeleteObject"):
        await store.delete(["a", "b"])
    with pytest.raises(StorageForbidden, match="s3:ListBucket on"):
        await store.check()
    assert len(proxy.seen) == 5  # a denial is not asked again


async def test_a_denial_for_one_of_many_keys_is_one(
    store: S3ObjectStore, proxy: FaultProxy
) -> None:
    body = (
        "<DeleteResult><Error><Key>b</Key><Code>AccessDenied</Code>"
        "<Message>no</Message></Error></DeleteResult>"
    )
    proxy.faults = [Fault(method("POST", "delete"), answer=(200, body))]
    with pytest.raises(StorageForbidden, match=r"s3:DeleteObject on .*/b"):
        await store.delete(["a", "b"])


async def test_a_full_store_is_insufficient_storage(
    store: S3ObjectStore, proxy: FaultProxy
) -> None:
    proxy.faults = [Fault(method("PUT"), answer=(507, error_body("XMinioStorageFull")))]
    with pytest.raises(InsufficientStorage):
        await store.put("key", stream(b"x"))


@pytest.mark.parametrize(
    ("status", "body", "advice"),
    [
        (400, error_body("AuthorizationHeaderMalformed", Region="eu-north-1"), "AWS_REGION=eu-nor"),
        (301, error_body("PermanentRedirect"), "AWS_REGION=eu-north-1"),
        (403, error_body("InvalidAccessKeyId"), "AWS_ACCESS_KEY_ID"),
        (403, error_body("SignatureDoesNotMatch"), "AWS_SECRET_ACCESS_KEY"),
        (403, error_body("RequestTimeTooSkewed"), "set this machine's time"),
    ],
)
async def test_the_check_says_what_is_wrong(
    store: S3ObjectStore, proxy: FaultProxy, status: int, body: str, advice: str
) -> None:
    where = {"x-amz-bucket-region": "eu-north-1"}  # as AWS always says
    proxy.faults = [Fault(lambda _: True, times=9, answer=(status, body), headers=where)]
    with pytest.raises((StorageUnavailable, StorageForbidden), match=advice):
        await store.check()


async def test_the_check_names_a_missing_bucket(bucket: S3Config) -> None:
    async with S3ObjectStore.open(replace(bucket, bucket="no-such")) as store:
        with pytest.raises(StorageUnavailable, match="no bucket no-such; create it"):
            await store.check()


async def test_the_check_names_a_server_that_is_not_there(bucket: S3Config) -> None:
    away = f"http://127.0.0.1:{free_port()}"
    async with S3ObjectStore.open(replace(bucket, endpoint_url=away)) as store:
        with pytest.raises(StorageUnavailable, match="cannot be reached"):
            await store.check()


async def test_missing_credentials_are_named(
    bucket: S3Config, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_PROFILE"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", str(tmp_path / "none"))
    monkeypatch.setenv("AWS_CONFIG_FILE", str(tmp_path / "none"))
    async with S3ObjectStore.open(replace(bucket, access_key=None, secret_key=None)) as store:
        with pytest.raises(StorageForbidden, match="AWS_ACCESS_KEY_ID"):
            await store.check()


async def test_a_server_that_never_answers_is_unavailable(bucket: S3Config) -> None:
    closing = asyncio.Event()

    async def never(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await closing.wait()
        writer.close()

    silent = await asyncio.start_server(never, "127.0.0.1", 0)
    url = f"http://127.0.0.1:{silent.sockets[0].getsockname()[1]}"
    async with S3ObjectStore.open(replace(bucket, endpoint_url=url, read_timeout=0.2)) as store:
        with pytest.raises(StorageUnavailable):
            await store.stat("key")
    closing.set()
    silent.close()
    await silent.wait_closed()
    await asyncio.sleep(0.05)


def test_secrets_are_not_printed(bucket: S3Config) -> None:
    assert "hidden" not in repr(replace(bucket, secret_key="hidden", session_token="hidden"))  # noqa: S106


# --- parts ---


async def test_small_sources_are_gathered_into_parts_that_s3_takes(store: S3ObjectStore) -> None:
    bodies = [os.urandom(size) for size in (3, MIN_PART + 7, 100, 2 * MIB, 4 * MIB, MIN_PART, 9)]
    for number, body in enumerate(bodies):
        await store.put(f"source/{number}", stream(body))
    info = await store.compose("whole", [f"source/{number}" for number in range(len(bodies))])
    assert info.size == sum(map(len, bodies))
    assert await content(store, "whole") == b"".join(bodies)


async def test_sources_that_are_large_enough_never_pass_here(
    store: S3ObjectStore, proxy: FaultProxy
) -> None:
    for number in range(4):
        await store.put(f"source/{number}", stream(b"x" * MIN_PART))
    await store.put("source/4", stream(b"the end"))
    proxy.seen.clear()
    await store.compose("whole", [f"source/{number}" for number in range(5)])
    assert len([one for one in proxy.seen if one.startswith("GET")]) == 1  # the list of them
    assert len([one for one in proxy.seen if one.startswith("PUT")]) == 1  # what names them
    assert not [one for one in proxy.seen if one.startswith("HEAD")]


async def test_sources_among_many_others_or_far_apart_are_found(store: S3ObjectStore) -> None:
    among = [f"many/{number:04}" for number in range(MOST_OTHERS + 20)]
    await asyncio.gather(*(store.put(key, stream(b"")) for key in among))
    await store.put("many/9999", stream(b"a"))
    await store.put("many/9998", stream(b"b"))
    await store.put("elsewhere", stream(b"c"))
    for sources, body in ((["many/9999", "many/9998"], b"ab"), (["elsewhere", "many/9999"], b"ca")):
        await store.compose("whole", sources)
        assert await content(store, "whole") == body


@given(st.lists(st.integers(0, 4 * MIN_PART) | st.integers(MAX_COPY - 9, 3 * MAX_COPY), max_size=9))
def test_a_plan_takes_every_byte_once_and_in_order(sizes: list[int]) -> None:
    parts = plan_parts(sizes)
    spans = [span for part in parts for span in part]
    for source, size in enumerate(sizes):
        mine = [span for span in spans if span.source == source and span.end > span.start]
        assert sum(span.end - span.start for span in mine) == size
        assert all(a.end == b.start for a, b in pairwise(mine))
    assert [span.source for span in spans] == sorted(span.source for span in spans)
    lengths = [sum(span.end - span.start for span in part) for part in parts]
    assert all(MIN_PART <= length <= MAX_COPY for length in lengths[:-1])
    assert all(
        len(part) == 1 or length <= 2 * MIN_PART
        for part, length in zip(parts, lengths, strict=True)
    )


def test_ten_thousand_parts_hold_the_largest_object_there_is() -> None:
    sizes = part_sizes()
    total = sum(next(sizes) for _ in range(MAX_PARTS))
    assert total > 5 * 1024**4


async def test_many_keys_are_deleted_a_thousand_at_a_time(
    store: S3ObjectStore, proxy: FaultProxy
) -> None:
    await store.put("there", stream(b"x"))
    proxy.seen.clear()
    await store.delete([f"never/{number}" for number in range(2500)] + ["there"])
    assert proxy.seen == ["POST delete"] * 3
    assert [one async for one in store.scan("")] == []


# --- much at once, and much ---


async def test_fifty_at_once_do_not_meet(store: S3ObjectStore) -> None:
    bodies = {f"key/{number}": os.urandom(100_000 + number) for number in range(50)}

    async def there_and_back(key: str) -> bool:
        await store.put(key, stream(bodies[key]))
        return await content(store, key) == bodies[key]

    assert all(await asyncio.gather(*map(there_and_back, bodies)))


class Forgetful:
    """An S3 that counts bytes and keeps none: for what must not stay in our own memory."""

    def __init__(self) -> None:
        self.received = 0
        self.sizes: list[int] = []

    async def handle(self, request: web.Request) -> web.StreamResponse:
        size = 0
        async for block in request.content.iter_any():
            size += len(block)
        if request.method == "PUT":
            self.sizes.append(size)
            return web.Response(headers={"ETag": '"x"'})
        if request.method == "POST" and "uploads" in request.query:
            return web.Response(text="<R><UploadId>u</UploadId></R>", content_type="text/xml")
        if request.method == "POST":
            return web.Response(text='<R><ETag>"x"</ETag></R>', content_type="text/xml")
        total = BIG if request.path.endswith("big") else MIB
        head = {"Content-Range": f"bytes 0-{total - 1}/{total}", "ETag": '"x"'}
        response = web.StreamResponse(status=206, headers=head)
        response.content_length = total
        await response.prepare(request)
        for _ in range(total // MIB):
            await response.write(bytes(MIB))
        return response


async def test_a_large_file_passes_through_little_memory() -> None:
    s3 = Forgetful()
    app = web.Application()
    app.router.add_route("*", "/{path:.*}", s3.handle)
    runner = web.AppRunner(app, shutdown_timeout=0.1)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    url = f"http://127.0.0.1:{runner.addresses[0][1]}"
    command = [sys.executable, "-c", PUT_AND_READ, url, str(BIG)]
    child = await asyncio.create_subprocess_exec(*command, stdout=subprocess.PIPE)
    printed, _ = await child.communicate()
    await runner.cleanup()
    assert child.returncode == 0
    put, both = map(int, printed.split())
    assert sum(s3.sizes) == BIG + MIB
    assert max(s3.sizes) == PART
    print(f"memory: put +{put / MIB:.0f} MiB, put and read +{both / MIB:.0f} MiB")  # noqa: T201
    assert both < ALLOWED_GROWTH
