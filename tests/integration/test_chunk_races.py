"""One chunk against everything that may happen while it comes in, on each job store."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path

import pytest

from support.aws import dynamo_store
from support.late import LateObjects
from wavemill_common.errors import ChunkConflict, UploadNotFound
from wavemill_common.objects import ObjectInfo, Slice
from wavemill_common.objects.disk import DiskObjectStore
from wavemill_common.records import JobStore
from wavemill_common.records.sqlite import SqliteJobStore
from wavemill_common.uploads import Upload
from wavemill_gateway.bodies import Exact
from wavemill_gateway.intake import Intake, Received, UploadLimits

NOW = 1_800_000_000.0
CHUNK = 8
LIMITS = UploadLimits(
    max_bytes=1000, chunk_bytes=CHUNK, min_chunk_bytes=1, max_chunk_bytes=100, ttl=60.0
)
SONG = b"fLaC\x00\x00\x00\x22" + bytes(range(1, 30))
OTHER = b"x" * CHUNK


class MeetingObjects(DiskObjectStore):
    """A disk store that acknowledges two of its objects together."""

    together: tuple[str, ...] = ()

    def __init__(self, root: Path) -> None:
        super().__init__(root)
        self._both = asyncio.Barrier(2)

    async def put(
        self,
        key: str,
        data: AsyncIterator[bytes],
        *,
        if_absent: bool = False,
        place: Slice | None = None,
    ) -> ObjectInfo:
        stored = await super().put(key, data, if_absent=if_absent, place=place)
        if key in self.together:
            await self._both.wait()
        return stored


@pytest.fixture(params=["sqlite", "dynamodb"])
async def records(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[JobStore]:
    if request.param == "sqlite":
        async with SqliteJobStore.open(tmp_path / "records.db") as opened:
            yield opened
    else:
        async with dynamo_store(request.getfixturevalue("moto"), NOW) as opened:
            yield opened


@pytest.fixture
def objects(tmp_path: Path) -> LateObjects:
    return LateObjects(tmp_path / "objects")


@pytest.fixture
def intake(objects: LateObjects, records: JobStore) -> Intake:
    return Intake(objects, records, LIMITS, lambda: NOW)


async def blocks_of(data: bytes) -> AsyncIterator[bytes]:
    yield data


async def send(intake: Intake, upload: Upload, index: int, data: bytes | None = None) -> Received:
    """Send a chunk, as a request does."""
    piece = SONG[index * CHUNK : (index + 1) * CHUNK] if data is None else data
    chunk = await intake.find_chunk(upload.file_id, index)
    return await intake.receive_chunk(chunk, blocks_of(piece), None)


async def send_all(intake: Intake, upload: Upload) -> None:
    for index in range(upload.total_chunks):
        await send(intake, upload, index)


async def opened(intake: Intake) -> Upload:
    return await intake.open("a.flac", len(SONG), CHUNK)


async def keys(objects: DiskObjectStore) -> list[str]:
    """What is stored, and that no file lies there beside it: chunks may share one."""
    found = [one.key async for one in objects.scan("")]
    files = [one for one in objects._root.rglob("*") if one.is_file() and not one.is_symlink()]
    assert len(files) <= len(found)
    return found


def while_stored(
    objects: LateObjects, upload: Upload, index: int, happens: Callable[[], Awaitable[None]]
) -> None:
    objects.late, objects.meanwhile = upload.chunk_key(index), happens


@pytest.mark.parametrize("index", [0, 1])
async def test_an_abort_while_a_chunk_is_stored_leaves_nothing(
    intake: Intake, objects: LateObjects, records: JobStore, index: int
) -> None:
    upload = await opened(intake)
    await send(intake, upload, 2)
    while_stored(objects, upload, index, lambda: intake.abort(upload.file_id))
    with pytest.raises(UploadNotFound):
        await send(intake, upload, index)
    assert await keys(objects) == []
    assert await records.chunks(upload) == {}
    with pytest.raises(UploadNotFound):
        await send(intake, upload, index)


async def test_a_chunk_that_is_stored_while_an_abort_is_carried_out_does_not_stay(
    intake: Intake, objects: LateObjects, records: JobStore
) -> None:
    upload = await opened(intake)

    async def begun() -> None:  # its chunks were looked for; the record is about to be removed
        assert await records.save_upload(upload.aborted())

    while_stored(objects, upload, 0, begun)
    with pytest.raises(UploadNotFound):
        await send(intake, upload, 0)
    assert await keys(objects) == []
    assert await records.remove_upload(upload.aborted())
    assert await records.chunks(upload) == {}


async def test_the_last_chunks_at_two_gateways_at_once_make_the_file_once(
    tmp_path: Path, records: JobStore
) -> None:
    objects = MeetingObjects(tmp_path / "objects")
    intakes = [Intake(objects, records, LIMITS, lambda: NOW) for _ in range(2)]
    upload = await opened(intakes[0])
    for index in range(2, upload.total_chunks):
        await send(intakes[0], upload, index)
    objects.together = (upload.chunk_key(0), upload.chunk_key(1))
    async with asyncio.timeout(10):
        answers = await asyncio.gather(
            *(send(one, upload, index) for index, one in enumerate(intakes))
        )
    assert sum(one.completed for one in answers) == 1
    assert (await intakes[0].find(upload.file_id)).is_complete
    assert await keys(objects) == [upload.storage_key]


async def test_a_repeat_of_the_last_chunk_completes_what_a_dead_gateway_left(
    intake: Intake, objects: LateObjects, records: JobStore
) -> None:
    upload = await opened(intake)
    for index in range(upload.total_chunks - 1):
        await send(intake, upload, index)
    last = upload.total_chunks - 1
    piece = SONG[last * CHUNK :]
    await objects.put(upload.chunk_key(last), blocks_of(piece))
    await records.add_chunk(upload, last, await marked(piece))
    received = await send(intake, upload, last)
    assert received.completed
    assert await keys(objects) == [upload.storage_key]


async def test_a_repeat_after_the_completion_is_answered_like_the_first(
    intake: Intake, objects: LateObjects
) -> None:
    upload = await opened(intake)
    await send_all(intake, upload)
    received = await send(intake, upload, 1)
    assert (received.completed, received.upload.is_complete) == (False, True)
    assert received.indexes == set(range(upload.total_chunks))
    assert await keys(objects) == [upload.storage_key]


@pytest.mark.parametrize("chunks", [2, 5])
async def test_other_bytes_are_refused_whether_or_not_the_file_is_whole(
    intake: Intake, objects: LateObjects, chunks: int
) -> None:
    upload = await opened(intake)
    for index in range(chunks):
        await send(intake, upload, index)
    before = await keys(objects)
    with pytest.raises(ChunkConflict):
        await send(intake, upload, 1, OTHER)
    assert await keys(objects) == before


async def test_other_bytes_that_are_stored_after_the_completion_are_refused_and_do_not_stay(
    intake: Intake, objects: LateObjects
) -> None:
    upload = await opened(intake)

    async def meanwhile() -> None:
        await objects.delete([upload.chunk_key(1)])  # the one that is stored once more
        await send_all(intake, upload)

    while_stored(objects, upload, 1, meanwhile)
    with pytest.raises(ChunkConflict):
        await send(intake, upload, 1, OTHER)
    assert await keys(objects) == [upload.storage_key]


async def test_other_bytes_that_are_stored_but_not_recorded_are_refused(
    intake: Intake, objects: LateObjects, records: JobStore
) -> None:
    upload = await opened(intake)
    await objects.put(upload.chunk_key(1), blocks_of(OTHER))
    with pytest.raises(ChunkConflict):
        await send(intake, upload, 1)
    assert await records.chunks(upload) == {}


async def marked(data: bytes) -> str:
    body = Exact(blocks_of(data), len(data))
    await body.drain()
    return body.mark
