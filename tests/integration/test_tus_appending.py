"""Appending on real stores: what no timing over HTTP could bring about reliably."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from support.late import LateStore, files
from wavemill_common.errors import InvalidChunk, UploadNotFound
from wavemill_common.objects.disk import DiskObjectStore
from wavemill_common.records.sqlite import SqliteJobStore
from wavemill_common.uploads import Upload
from wavemill_gateway.intake import Intake, UploadLimits
from wavemill_gateway.tus.appending import Appender, Sent
from wavemill_gateway.tus.errors import OffsetConflict, UploadInterrupted
from wavemill_gateway.tus.pieces import MAX_PIECES, piece_key, whole_key
from wavemill_gateway.tus.stored import settled

NOW = 1_800_000_000.0
CHUNK = 2000
LIMITS = UploadLimits(
    max_bytes=100_000, chunk_bytes=CHUNK, min_chunk_bytes=1, max_chunk_bytes=CHUNK, ttl=60.0
)
SONG = b"fLaC\x00\x00\x00\x22" + bytes(range(1, 251)) * 20


@pytest.fixture
def objects(tmp_path: Path) -> DiskObjectStore:
    return DiskObjectStore(tmp_path / "objects")


@pytest.fixture
async def records(tmp_path: Path) -> AsyncIterator[SqliteJobStore]:
    async with SqliteJobStore.open(tmp_path / "records.sqlite3") as one:
        yield one


@pytest.fixture
def intake(objects: DiskObjectStore, records: SqliteJobStore) -> Intake:
    return Intake(objects, records, LIMITS, lambda: NOW)


@pytest.fixture
def appender(objects: DiskObjectStore, records: SqliteJobStore) -> Appender:
    return Appender(objects, records)


@pytest.fixture
async def upload(intake: Intake) -> Upload:
    return await intake.open_tus("a.flac", len(SONG), "")


async def blocks_of(*blocks: bytes) -> AsyncIterator[bytes]:
    for block in blocks:
        yield block


def sent(offset: int, data: bytes) -> Sent:
    return Sent(offset, blocks_of(data), len(data), None)


async def names(objects: DiskObjectStore, upload: Upload) -> set[str]:
    found = [one.key async for one in objects.scan("uploads/") if upload.file_id in one.key]
    return {key.rpartition("/")[2] for key in found}


async def test_very_many_tiny_pieces_are_refused_but_the_rest_is_not(
    intake: Intake, appender: Appender, upload: Upload
) -> None:
    for offset in range(MAX_PIECES):
        current = await intake.find(upload.file_id)
        await appender.append(current, sent(offset, SONG[offset : offset + 1]))
    current = await intake.find(upload.file_id)
    with pytest.raises(InvalidChunk, match="at least 1000 bytes"):
        await appender.append(current, sent(MAX_PIECES, b"x"))
    rest = SONG[MAX_PIECES:]
    assert await appender.append(current, sent(MAX_PIECES, rest)) == len(SONG)
    assert (await intake.complete(upload.file_id)).is_complete


async def test_pieces_whose_gateway_died_before_it_joined_them_are_joined_by_the_next_look(
    objects: DiskObjectStore, records: SqliteJobStore, appender: Appender, upload: Upload
) -> None:
    for start, end in ((0, 5), (5, 900), (900, CHUNK)):
        await objects.put(piece_key(upload, start), blocks_of(SONG[start:end]))
    assert await appender.offset(upload) == CHUNK
    assert await names(objects, upload) == {"whole-0"}
    read = [
        block async for block in objects.read((await settled(objects, records, upload)).chunks[0])
    ]
    assert b"".join(read) == SONG[:CHUNK]


async def test_a_file_whose_gateway_died_before_it_completed_it_is_completed(
    objects: DiskObjectStore, intake: Intake, upload: Upload
) -> None:
    for start in range(0, len(SONG), CHUNK):
        end = min(start + CHUNK, len(SONG))
        for first, last in ((start, start + 7), (start + 7, end)):
            await objects.put(piece_key(upload, first), blocks_of(SONG[first:last]))
    done = await intake.complete(upload.file_id)
    assert (done.is_complete, done.size) == (True, len(SONG))
    assert await names(objects, upload) == {f"{upload.file_id}.flac"}


async def test_a_request_that_a_newer_one_has_replaced_stores_no_more(
    objects: DiskObjectStore, intake: Intake, appender: Appender, upload: Upload
) -> None:
    async def slow() -> AsyncIterator[bytes]:
        yield SONG[:100]
        current = await intake.find(upload.file_id)
        assert await appender.append(current, sent(0, SONG[:300])) == 300
        yield SONG[100:200]

    with pytest.raises(UploadInterrupted):
        await appender.append(upload, Sent(0, slow(), len(SONG), None))
    assert await appender.offset(await intake.find(upload.file_id)) == 300
    assert await names(objects, upload) == {"part-0"}


@pytest.mark.parametrize("again", [False, True])
async def test_a_piece_that_is_told_of_after_the_completion_is_in_the_file_and_nowhere_else(
    late: LateStore, records: SqliteJobStore, *, again: bool
) -> None:
    intake, appender = Intake(late, records, LIMITS, lambda: NOW), Appender(late, records)
    upload = await intake.open_tus("a.flac", len(SONG), "")

    async def complete() -> None:
        current = await intake.find(upload.file_id)
        await appender.append(current, sent(CHUNK, SONG[CHUNK:]))
        await intake.complete(upload.file_id)

    late.again = again
    late.late, late.meanwhile = piece_key(upload, 0), complete
    with pytest.raises(OffsetConflict):
        await appender.append(upload, sent(0, SONG[:CHUNK]))
    assert await files(late) == {upload.storage_key: SONG}


@pytest.mark.parametrize("again", [False, True])
async def test_a_chunk_that_is_joined_after_the_completion_is_in_the_file_and_nowhere_else(
    late: LateStore, records: SqliteJobStore, *, again: bool
) -> None:
    intake, appender = Intake(late, records, LIMITS, lambda: NOW), Appender(late, records)
    upload = await intake.open_tus("a.flac", len(SONG), "")
    await appender.append(upload, sent(0, SONG[:40]))

    async def complete() -> None:
        current = await intake.find(upload.file_id)
        await appender.append(current, sent(CHUNK, SONG[CHUNK:]))
        await intake.complete(upload.file_id)

    late.again = again
    late.late, late.meanwhile = whole_key(upload, 0), complete
    await appender.append(await intake.find(upload.file_id), sent(40, SONG[40:CHUNK]))
    assert await files(late) == {upload.storage_key: SONG}


async def test_a_removed_file_takes_the_chunks_with_it_that_it_was_made_of(
    late: LateStore, records: SqliteJobStore
) -> None:
    intake, appender = Intake(late, records, LIMITS, lambda: NOW), Appender(late, records)
    upload = await intake.open_tus("a.flac", len(SONG), "")
    await appender.append(upload, sent(0, SONG))
    await intake.complete(upload.file_id)
    assert await files(late) == {upload.storage_key: SONG}
    await intake.abort(upload.file_id)
    assert [one.key async for one in late.scan("")] == []


async def test_a_place_that_is_taken_meanwhile_is_not_taken_again(
    objects: DiskObjectStore, records: SqliteJobStore, appender: Appender, upload: Upload
) -> None:
    async def slow() -> AsyncIterator[bytes]:
        yield SONG[:100]
        await objects.put(piece_key(upload, 0), blocks_of(SONG[:40]))  # by one from long ago

    with pytest.raises(OffsetConflict):
        await appender.append(upload, Sent(0, slow(), None, None))
    assert (await settled(objects, records, upload)).offset == 40


async def test_what_arrives_after_an_abort_is_not_kept(
    objects: DiskObjectStore, intake: Intake, appender: Appender, upload: Upload
) -> None:
    async def slow() -> AsyncIterator[bytes]:
        yield SONG[:100]
        await intake.abort(upload.file_id)

    with pytest.raises(UploadNotFound):
        await appender.append(upload, Sent(0, slow(), None, None))
    assert await names(objects, upload) == set()
