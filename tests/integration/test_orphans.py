"""Which chunks of a complete upload are orphans: those that its file is not made of."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from support.late import LateStore
from wavemill_common.records.sqlite import SqliteJobStore
from wavemill_common.uploads import Upload
from wavemill_gateway.intake import Intake, UploadLimits
from wavemill_janitor.orphans import look_up

NOW = 1_800_000_000.0
CHUNK = 20
LIMITS = UploadLimits(
    max_bytes=1000, chunk_bytes=CHUNK, min_chunk_bytes=1, max_chunk_bytes=100, ttl=60.0
)
SONG = b"fLaC\x00\x00\x00\x22" + bytes(range(1, 60))


@pytest.fixture
async def records(tmp_path: Path) -> AsyncIterator[SqliteJobStore]:
    async with SqliteJobStore.open(tmp_path / "records.sqlite3") as one:
        yield one


@pytest.fixture
async def upload(late: LateStore, records: SqliteJobStore) -> Upload:
    """A complete upload of several chunks."""
    intake = Intake(late, records, LIMITS, lambda: NOW)
    opened = await intake.open("a.flac", len(SONG), CHUNK)
    for index in range(opened.total_chunks):
        chunk = await intake.find_chunk(opened.file_id, index)
        piece = SONG[index * CHUNK : (index + 1) * CHUNK]
        await intake.receive_chunk(chunk, blocks_of(piece), None)
    return await intake.find(opened.file_id)


async def blocks_of(data: bytes) -> AsyncIterator[bytes]:
    yield data


async def orphans(late: LateStore, records: SqliteJobStore) -> list[str]:
    """What no record and no file needs, as any process may find it."""
    found = await look_up(records, late, [one async for one in late.scan("uploads/")])
    return [one.info.key for one in found if one.orphaned is not None]


async def test_what_a_file_is_made_of_is_none(
    late: LateStore, records: SqliteJobStore, upload: Upload
) -> None:
    assert upload.is_complete
    assert await orphans(late, records) == []


async def test_what_lies_beside_is_one(
    late: LateStore, records: SqliteJobStore, upload: Upload
) -> None:
    extra = f"{upload.chunks_prefix}part-9"
    await late.put(extra, blocks_of(b"late"))
    assert await orphans(late, records) == [extra]


async def test_without_a_record_all_of_it_is(
    late: LateStore, records: SqliteJobStore, upload: Upload
) -> None:
    assert await records.remove_upload(upload)
    assert await orphans(late, records) == [one.key async for one in late.scan("uploads/")]
