"""Which chunks of a complete upload are orphans: those that its file is not made of."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from support.late import MANIFEST_FROM
from wavemill_common.objects import ObjectStore
from wavemill_common.objects.disk import DiskObjectStore
from wavemill_common.objects.s3 import S3ObjectStore
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


@pytest.fixture(params=["disk", "S3"])
async def objects(
    request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> AsyncIterator[ObjectStore]:
    if request.param == "disk":
        yield DiskObjectStore(tmp_path / "objects")
        return
    monkeypatch.setattr(MANIFEST_FROM, 1)
    async with S3ObjectStore.open(request.getfixturevalue("bucket")) as opened:
        yield opened


@pytest.fixture
async def records(tmp_path: Path) -> AsyncIterator[SqliteJobStore]:
    async with SqliteJobStore.open(tmp_path / "records.sqlite3") as one:
        yield one


@pytest.fixture
async def upload(objects: ObjectStore, records: SqliteJobStore) -> Upload:
    """A complete upload of several chunks."""
    intake = Intake(objects, records, LIMITS, lambda: NOW)
    opened = await intake.open("a.flac", len(SONG), CHUNK)
    for index in range(opened.total_chunks):
        chunk = await intake.find_chunk(opened.file_id, index)
        piece = SONG[index * CHUNK : (index + 1) * CHUNK]
        await intake.receive_chunk(chunk, blocks_of(piece), None)
    return await intake.find(opened.file_id)


async def blocks_of(data: bytes) -> AsyncIterator[bytes]:
    yield data


async def orphans(objects: ObjectStore, records: SqliteJobStore) -> list[str]:
    """What no record and no file needs, as any process may find it."""
    found = await look_up(records, objects, [one async for one in objects.scan("uploads/")])
    return [one.info.key for one in found if one.orphaned is not None]


async def test_what_a_file_is_made_of_is_none(
    objects: ObjectStore, records: SqliteJobStore, upload: Upload
) -> None:
    assert upload.is_complete
    assert await orphans(objects, records) == []


async def test_what_lies_beside_is_one(
    objects: ObjectStore, records: SqliteJobStore, upload: Upload
) -> None:
    late = f"{upload.chunks_prefix}part-9"
    await objects.put(late, blocks_of(b"late"))
    assert await orphans(objects, records) == [late]


async def test_without_a_record_all_of_it_is(
    objects: ObjectStore, records: SqliteJobStore, upload: Upload
) -> None:
    assert await records.remove_upload(upload)
    assert await orphans(objects, records) == [one.key async for one in objects.scan("uploads/")]
