"""What every ObjectStore promises; each adapter passes this same suite."""

import asyncio
import os
from collections.abc import AsyncIterator
from contextlib import suppress
from itertools import pairwise
from pathlib import Path

import pytest

from wavemill_common.errors import ObjectExists, ObjectNotFound
from wavemill_common.objects import ObjectInfo, ObjectStore, Part
from wavemill_common.objects.disk import DiskObjectStore
from wavemill_common.objects.s3 import S3ObjectStore
from wavemill_common.objects.s3_config import S3Config
from wavemill_common.objects.seekable import BLOCK, MAX_BLOCKS, SeekableObject

MIB = 1024 * 1024
SMALLEST_PART = 5 * MIB  # S3's rule for all parts but the last


@pytest.fixture(params=["disk", "s3"])
async def store(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[ObjectStore]:
    if request.param == "disk":
        yield DiskObjectStore(tmp_path / "objects")
        return
    config: S3Config = request.getfixturevalue("bucket")
    async with S3ObjectStore.open(config) as store:
        yield store


async def stream(*pieces: bytes) -> AsyncIterator[bytes]:
    for piece in pieces:
        yield piece


async def content(store: ObjectStore, key: str, start: int = 0, end: int | None = None) -> bytes:
    return b"".join([piece async for piece in store.read(key, start, end)])


def identity(info: ObjectInfo) -> tuple[str, int, str]:
    return info.key, info.size, info.etag  # the times of two replies may differ in their grain


async def keys(store: ObjectStore, prefix: str) -> list[str]:
    return sorted([info.key async for info in store.scan(prefix)])


async def upload_ids(store: ObjectStore, prefix: str) -> set[str]:
    return {one.upload_id async for one in store.scan_multiparts(prefix)}


# --- put, stat ---


async def test_what_was_put_is_read_back(store: ObjectStore) -> None:
    info = await store.put("uploads/a.wav", stream(b"one", b"", b"two"))
    assert (info.key, info.size) == ("uploads/a.wav", 6)
    assert await content(store, "uploads/a.wav") == b"onetwo"
    assert identity(await store.stat("uploads/a.wav")) == identity(info)


async def test_an_object_may_be_empty(store: ObjectStore) -> None:
    assert (await store.put("empty", stream())).size == 0
    assert await content(store, "empty") == b""
    assert (await store.stat("empty")).size == 0


async def test_pieces_of_any_size_make_the_same_object(store: ObjectStore) -> None:
    pieces = [os.urandom(size) for size in (1, 3 * MIB, 0, 700_001, 2)]
    await store.put("pieces", stream(*pieces))
    assert await content(store, "pieces") == b"".join(pieces)


async def test_thousands_of_tiny_pieces_are_stored_in_order(store: ObjectStore) -> None:
    pieces = [number.to_bytes(2, "big") for number in range(5000)]
    await store.put("tiny", stream(*pieces))
    assert await content(store, "tiny") == b"".join(pieces)


async def test_a_second_put_replaces_the_first(store: ObjectStore) -> None:
    first = await store.put("key", stream(b"first"))
    second = await store.put("key", stream(b"other"))
    assert await content(store, "key") == b"other"
    assert second.etag != first.etag


async def test_an_etag_stays_while_the_content_stays(store: ObjectStore) -> None:
    await store.put("key", stream(b"content"))
    await store.put("elsewhere", stream(b"x"))
    assert (await store.stat("key")).etag == (await store.stat("key")).etag


async def test_put_if_absent_leaves_what_is_there(store: ObjectStore) -> None:
    await store.put("key", stream(b"first"), if_absent=True)
    with pytest.raises(ObjectExists):
        await store.put("key", stream(b"second"), if_absent=True)
    assert await content(store, "key") == b"first"


async def test_of_many_puts_if_absent_one_wins(store: ObjectStore) -> None:
    bodies = [bytes([number]) * 1000 for number in range(8)]
    outcomes = await asyncio.gather(
        *(store.put("key", stream(body), if_absent=True) for body in bodies),
        return_exceptions=True,
    )
    winners = [index for index, one in enumerate(outcomes) if isinstance(one, ObjectInfo)]
    losers = [one for one in outcomes if isinstance(one, ObjectExists)]
    assert (len(winners), len(losers)) == (1, 7)
    assert await content(store, "key") == bodies[winners[0]]


async def test_a_put_whose_data_fails_stores_nothing(store: ObjectStore) -> None:
    async def failing() -> AsyncIterator[bytes]:
        yield b"x" * 2 * MIB
        raise ConnectionResetError("the client left")

    with pytest.raises(ConnectionResetError):
        await store.put("key", failing())
    with pytest.raises(ObjectNotFound):
        await store.stat("key")


async def test_a_failed_put_leaves_the_object_before_it(store: ObjectStore) -> None:
    async def failing() -> AsyncIterator[bytes]:
        yield b"x" * 2 * MIB
        raise ConnectionResetError("the client left")

    await store.put("key", stream(b"before"))
    with pytest.raises(ConnectionResetError):
        await store.put("key", failing())
    assert await content(store, "key") == b"before"


async def test_an_object_is_not_there_before_it_is_whole(store: ObjectStore) -> None:
    seen: list[list[str]] = []

    async def watched() -> AsyncIterator[bytes]:
        for _ in range(3):
            yield b"x" * MIB
            seen.append(await keys(store, ""))

    await store.put("key", watched())
    assert seen == [[], [], []]


async def test_a_cancelled_put_stores_nothing(store: ObjectStore) -> None:
    begun, never = asyncio.Event(), asyncio.Event()

    async def stalling() -> AsyncIterator[bytes]:
        yield b"x" * 2 * MIB
        begun.set()
        await never.wait()

    put = asyncio.ensure_future(store.put("key", stalling()))
    await begun.wait()
    put.cancel()
    with pytest.raises(asyncio.CancelledError):
        await put
    assert await keys(store, "") == []


@pytest.mark.parametrize(
    "key", ["", "/", "/etc/passwd", "../up", "a/../b", "a//b", "a/", ".tmp/x", "a/.b", "ä", "a\0b"]
)
async def test_a_malformed_key_is_a_mistake_of_ours(store: ObjectStore, key: str) -> None:
    with pytest.raises(ValueError, match="malformed"):
        await store.put(key, stream(b"x"))
    with pytest.raises(ValueError, match="malformed"):
        await store.stat(key)
    with pytest.raises(ValueError, match="malformed"):
        await content(store, key)
    with pytest.raises(ValueError, match="malformed"):
        await store.delete([key])
    with pytest.raises(ValueError, match="malformed"):
        await store.compose("fine", [key])


# --- read ---


@pytest.mark.parametrize(
    ("start", "end", "expected"),
    [
        (0, None, b"0123456789"),
        (3, None, b"3456789"),
        (3, 5, b"34"),
        (9, 10, b"9"),
        (8, 99, b"89"),
        (5, 5, b""),
        (10, None, b""),
        (50, 60, b""),
    ],
)
async def test_a_range_is_half_open_and_ends_with_the_object(
    store: ObjectStore, start: int, end: int | None, expected: bytes
) -> None:
    await store.put("key", stream(b"0123456789"))
    assert await content(store, "key", start, end) == expected


async def test_ranges_of_a_large_object_fit_together(store: ObjectStore) -> None:
    body = os.urandom(3 * MIB + 17)
    await store.put("key", stream(body))
    cuts = [0, 1, MIB - 1, 2 * MIB + 5, len(body)]
    parts = [await content(store, "key", a, b) for a, b in pairwise(cuts)]
    assert b"".join(parts) == body


async def test_reading_what_is_not_there_fails_at_the_first_step(store: ObjectStore) -> None:
    reading = store.read("nothing/here")
    with pytest.raises(ObjectNotFound):
        await anext(reading)


async def test_a_folder_of_keys_is_no_object(store: ObjectStore) -> None:
    await store.put("folder/key", stream(b"x"))
    with pytest.raises(ObjectNotFound):
        await store.stat("folder")
    with pytest.raises(ObjectNotFound):
        await content(store, "folder")
    with pytest.raises(ObjectNotFound):
        await store.stat("folder/key/below")


async def test_a_reader_is_not_disturbed_by_a_replacement(store: ObjectStore) -> None:
    old, new = os.urandom(4 * MIB), os.urandom(4 * MIB)
    await store.put("key", stream(old))
    reading = store.read("key")
    found = await anext(reading)
    await store.put("key", stream(new))
    async for piece in reading:
        found += piece
    assert found == old


# --- delete, scan ---


async def test_deleted_objects_are_gone_and_others_stay(store: ObjectStore) -> None:
    for key in ("a/1", "a/2", "b"):
        await store.put(key, stream(b"x"))
    await store.delete(["a/1", "b"])
    assert await keys(store, "") == ["a/2"]
    with pytest.raises(ObjectNotFound):
        await store.stat("a/1")


async def test_deleting_what_is_not_there_succeeds(store: ObjectStore) -> None:
    await store.put("key", stream(b"x"))
    await store.delete(["never/was", "key", "key"])
    await store.delete(["key"])
    await store.delete([])
    assert await keys(store, "") == []


async def test_a_key_can_be_stored_again_after_its_deletion(store: ObjectStore) -> None:
    await store.put("deep/down/key", stream(b"x"))
    await store.delete(["deep/down/key"])
    await store.put("deep/down/key", stream(b"y"))
    assert await content(store, "deep/down/key") == b"y"


async def test_puts_and_deletes_in_one_folder_do_not_disturb_each_other(
    store: ObjectStore,
) -> None:
    async def come_and_go(name: str) -> None:
        for _ in range(25):
            await store.put(f"busy/place/{name}", stream(b"x"))
            await store.delete([f"busy/place/{name}"])
        await store.put(f"busy/place/{name}", stream(b"last"))

    await asyncio.gather(*(come_and_go(name) for name in "abcd"))
    assert await keys(store, "busy/") == [f"busy/place/{name}" for name in "abcd"]


async def test_a_scan_lists_the_keys_that_begin_with_the_prefix(store: ObjectStore) -> None:
    for key in ("uploads/ab", "uploads/abc/1", "uploads/b", "upload", "other"):
        await store.put(key, stream(b"x"))
    assert await keys(store, "uploads/ab") == ["uploads/ab", "uploads/abc/1"]
    assert await keys(store, "uploads/abc/") == ["uploads/abc/1"]
    assert await keys(store, "upload") == ["upload", "uploads/ab", "uploads/abc/1", "uploads/b"]
    assert await keys(store, "nothing/") == []


async def test_a_scan_tells_what_stat_tells(store: ObjectStore) -> None:
    await store.put("a/key", stream(b"12345"))
    (found,) = [info async for info in store.scan("a/")]
    assert identity(found) == identity(await store.stat("a/key"))


async def test_a_scan_lists_more_than_one_page(store: ObjectStore) -> None:
    names = [f"many/{number:04}" for number in range(1100)]
    for start in range(0, len(names), 100):
        await asyncio.gather(*(store.put(name, stream(b"")) for name in names[start : start + 100]))
    assert await keys(store, "many/") == names


# --- compose ---


async def test_compose_joins_the_sources_in_their_order(store: ObjectStore) -> None:
    bodies = [os.urandom(SMALLEST_PART), os.urandom(SMALLEST_PART), b"the end"]
    for number, body in enumerate(bodies):
        await store.put(f"chunks/{number}", stream(body))
    info = await store.compose("whole", ["chunks/1", "chunks/0", "chunks/2"])
    assert identity(info) == identity(await store.stat("whole"))
    assert await content(store, "whole") == bodies[1] + bodies[0] + bodies[2]


async def test_compose_leaves_its_sources(store: ObjectStore) -> None:
    source = identity(await store.put("source", stream(b"bytes")))
    await store.compose("whole", ["source"])
    assert identity(await store.stat("source")) == source
    await store.delete(["source"])
    assert await content(store, "whole") == b"bytes"


async def test_replacing_a_source_does_not_change_what_was_composed(store: ObjectStore) -> None:
    await store.put("source", stream(b"bytes"))
    await store.compose("whole", ["source"])
    await store.put("source", stream(b"other"))
    assert await content(store, "whole") == b"bytes"


@pytest.mark.parametrize("count", [1, 2])
async def test_composing_again_gives_the_same_object(store: ObjectStore, count: int) -> None:
    await store.put("source", stream(b"x" * SMALLEST_PART))
    for _ in range(2):
        await store.compose("whole", ["source"] * count)
    assert await content(store, "whole") == b"x" * SMALLEST_PART * count
    assert await keys(store, "") == ["source", "whole"]


@pytest.mark.parametrize("sources", [["missing"], ["there", "missing"]])
async def test_composing_with_a_missing_source_makes_nothing(
    store: ObjectStore, sources: list[str]
) -> None:
    await store.put("there", stream(b"x" * SMALLEST_PART))
    with pytest.raises(ObjectNotFound):
        await store.compose("whole", sources)
    assert await keys(store, "") == ["there"]


# --- multipart uploads ---


async def test_parts_in_any_order_make_one_object(store: ObjectStore) -> None:
    bodies = {1: os.urandom(SMALLEST_PART), 2: os.urandom(SMALLEST_PART), 3: b"the end"}
    upload_id = await store.start_multipart("big")
    parts = [await store.put_part("big", upload_id, n, bodies[n]) for n in (3, 1, 2)]
    assert await store.list_parts("big", upload_id) == sorted(parts, key=lambda part: part.number)
    assert await keys(store, "") == []
    info = await store.complete_multipart("big", upload_id, parts)
    assert identity(info) == identity(await store.stat("big"))
    assert await content(store, "big") == bodies[1] + bodies[2] + bodies[3]
    assert await upload_ids(store, "") == set()


async def test_one_part_makes_an_object(store: ObjectStore) -> None:
    upload_id = await store.start_multipart("one")
    part = await store.put_part("one", upload_id, 1, b"all")
    assert (part.number, part.size) == (1, 3)
    await store.complete_multipart("one", upload_id, [part])
    assert await content(store, "one") == b"all"


async def test_a_part_sent_again_replaces_the_first(store: ObjectStore) -> None:
    upload_id = await store.start_multipart("key")
    old = await store.put_part("key", upload_id, 1, b"old")
    new = await store.put_part("key", upload_id, 1, b"new")
    assert old.etag != new.etag
    assert await store.list_parts("key", upload_id) == [new]
    await store.complete_multipart("key", upload_id, [new])
    assert await content(store, "key") == b"new"


async def test_a_part_that_was_replaced_or_never_came_cannot_be_completed(
    store: ObjectStore,
) -> None:
    upload_id = await store.start_multipart("key")
    old = await store.put_part("key", upload_id, 1, b"old")
    new = await store.put_part("key", upload_id, 1, b"new")
    with pytest.raises(ObjectNotFound):
        await store.complete_multipart("key", upload_id, [old])
    with pytest.raises(ObjectNotFound):
        await store.complete_multipart("key", upload_id, [new, Part(2, 3, new.etag)])
    await store.complete_multipart("key", upload_id, [new])


async def test_a_multipart_upload_ends_when_it_is_completed(store: ObjectStore) -> None:
    upload_id = await store.start_multipart("key")
    part = await store.put_part("key", upload_id, 1, b"x")
    info = await store.complete_multipart("key", upload_id, [part])
    with pytest.raises(ObjectNotFound):
        await store.put_part("key", upload_id, 2, b"y")
    with pytest.raises(ObjectNotFound):
        await store.list_parts("key", upload_id)
    with suppress(ObjectNotFound):  # S3 may remember it, and say the same again
        again = await store.complete_multipart("key", upload_id, [part])
        assert identity(again) == identity(info)
    await store.abort_multipart("key", upload_id)
    assert await content(store, "key") == b"x"


async def test_an_aborted_multipart_upload_is_gone(store: ObjectStore) -> None:
    upload_id = await store.start_multipart("key")
    part = await store.put_part("key", upload_id, 1, b"x")
    await store.abort_multipart("key", upload_id)
    await store.abort_multipart("key", upload_id)
    with pytest.raises(ObjectNotFound):
        await store.put_part("key", upload_id, 1, b"x")
    with pytest.raises(ObjectNotFound):
        await store.complete_multipart("key", upload_id, [part])
    assert await upload_ids(store, "") == set()
    assert await keys(store, "") == []


async def test_completing_if_absent_keeps_the_object_and_the_parts(store: ObjectStore) -> None:
    await store.put("key", stream(b"first"))
    upload_id = await store.start_multipart("key")
    part = await store.put_part("key", upload_id, 1, b"second")
    with pytest.raises(ObjectExists):
        await store.complete_multipart("key", upload_id, [part], if_absent=True)
    assert await content(store, "key") == b"first"
    assert await store.list_parts("key", upload_id) == [part]
    await store.delete(["key"])
    await store.complete_multipart("key", upload_id, [part], if_absent=True)
    assert await content(store, "key") == b"second"


async def test_two_uploads_of_one_key_do_not_meet(store: ObjectStore) -> None:
    first, second = [await store.start_multipart("key") for _ in range(2)]
    parts = [await store.put_part("key", one, 1, one.encode()) for one in (first, second)]
    await store.complete_multipart("key", first, [parts[0]])
    assert await content(store, "key") == first.encode()
    await store.complete_multipart("key", second, [parts[1]])
    assert await content(store, "key") == second.encode()


async def test_unfinished_multipart_uploads_are_listed_by_prefix(store: ObjectStore) -> None:
    ids = {key: await store.start_multipart(key) for key in ("a/1", "a/2", "b/1")}
    assert await upload_ids(store, "a/") == {ids["a/1"], ids["a/2"]}
    assert await upload_ids(store, "") == set(ids.values())
    found = [one async for one in store.scan_multiparts("b/")]
    assert [(one.key, one.upload_id) for one in found] == [("b/1", ids["b/1"])]


# --- upkeep ---


async def test_cleaning_drops_multipart_uploads_that_began_before(store: ObjectStore) -> None:
    upload_id = await store.start_multipart("key")
    await store.put("kept", stream(b"x"))
    (upload,) = [one async for one in store.scan_multiparts("")]
    assert await store.clean(before=upload.started - 60) == 0
    assert await upload_ids(store, "") == {upload_id}
    assert await store.clean(before=upload.started + 60) == 1
    assert await upload_ids(store, "") == set()
    assert await keys(store, "") == ["kept"]


async def test_a_store_that_works_passes_its_check_and_shows_nothing_of_it(
    store: ObjectStore,
) -> None:
    await store.check()
    assert await keys(store, "") == []


# --- as a file ---


async def test_an_object_can_be_used_as_a_file(store: ObjectStore) -> None:
    body = os.urandom(3 * BLOCK + 100)
    info = await store.put("key", stream(body))
    file = SeekableObject(store, info, asyncio.get_running_loop())

    def use() -> None:
        assert file.readable()
        assert file.seekable()
        assert not file.writable()
        assert file.read(10) == body[:10]
        assert file.seek(BLOCK - 5) == BLOCK - 5
        assert file.read(10) == body[BLOCK - 5 : BLOCK + 5]  # whole, over a block's edge
        assert file.seek(-7, os.SEEK_END) == len(body) - 7
        assert file.read(100) == body[-7:]
        assert file.read(1) == b""
        assert file.seek(5) == 5
        assert file.seek(3, os.SEEK_CUR) == file.tell() == 8
        assert file.read() == body[8:]
        with pytest.raises(OSError, match="cannot seek"):
            file.seek(-1)

    await asyncio.to_thread(use)


async def test_a_file_view_reads_a_block_once_while_it_remembers_it(store: ObjectStore) -> None:
    info = await store.put("key", stream(os.urandom((MAX_BLOCKS + 2) * BLOCK)))
    file = SeekableObject(store, info, asyncio.get_running_loop())

    def first_bytes(blocks: range) -> list[bytes]:
        return [file.read(1) for block in blocks if file.seek(block * BLOCK) >= 0]

    before = await asyncio.to_thread(first_bytes, range(MAX_BLOCKS))
    await store.delete(["key"])  # so that whatever is fetched again fails
    assert await asyncio.to_thread(first_bytes, range(MAX_BLOCKS)) == before
    with pytest.raises(ObjectNotFound):
        await asyncio.to_thread(first_bytes, range(MAX_BLOCKS, MAX_BLOCKS + 1))


async def test_reading_a_file_view_on_the_loop_itself_is_refused(store: ObjectStore) -> None:
    info = await store.put("key", stream(b"x"))
    file = SeekableObject(store, info, asyncio.get_running_loop())
    with pytest.raises(RuntimeError, match="worker thread"):
        file.read(1)
