"""One chunk against everything that may happen while it comes in, on each kind of store."""

from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path

import pytest

from support.aws import dynamo_store
from support.late import MANIFEST_FROM, LateBucket, LateObjects, LateStore, files
from wavemill_common.errors import ChunkConflict, UploadNotFound
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


@pytest.fixture(params=["laptop", "AWS"])
def kind(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
async def records(
    request: pytest.FixtureRequest, tmp_path: Path, kind: str
) -> AsyncIterator[JobStore]:
    if kind == "laptop":
        async with SqliteJobStore.open(tmp_path / "records.db") as opened:
            yield opened
    else:
        async with dynamo_store(request.getfixturevalue("moto"), NOW) as opened:
            yield opened


@pytest.fixture
async def objects(
    request: pytest.FixtureRequest, tmp_path: Path, kind: str, monkeypatch: pytest.MonkeyPatch
) -> AsyncIterator[LateStore]:
    if kind == "laptop":
        yield LateObjects(tmp_path / "objects")
    else:
        monkeypatch.setattr(MANIFEST_FROM, 1)
        async with LateBucket.open(request.getfixturevalue("bucket")) as opened:
            yield opened


@pytest.fixture
def intake(objects: LateStore, records: JobStore) -> Intake:
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


async def keys(objects: LateStore) -> list[str]:
    """What is stored; a whole is read, and on disk no file lies beside: chunks may share one."""
    found = await files(objects)
    for key, content in found.items():
        assert "/chunks/" in key or content == SONG
    if isinstance(objects, LateObjects):
        lying = [one for one in objects._root.rglob("*") if one.is_file() and not one.is_symlink()]
        assert len(lying) <= len(found)
    return list(found)


def while_stored(
    objects: LateStore, upload: Upload, index: int, happens: Callable[[], Awaitable[None]]
) -> None:
    objects.late, objects.meanwhile = upload.chunk_key(index), happens


@pytest.mark.parametrize("index", [0, 1])
async def test_an_abort_while_a_chunk_is_stored_leaves_nothing(
    intake: Intake, objects: LateStore, records: JobStore, index: int
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
    intake: Intake, objects: LateStore, records: JobStore
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
    intake: Intake, objects: LateStore, records: JobStore
) -> None:
    other = Intake(objects, records, LIMITS, lambda: NOW)
    upload = await opened(intake)
    for index in range(2, upload.total_chunks):
        await send(intake, upload, index)
    answers: list[Received] = []

    async def meanwhile() -> None:
        answers.append(await send(other, upload, 1))

    objects.again = False
    while_stored(objects, upload, 0, meanwhile)
    answers.append(await send(intake, upload, 0))
    assert sum(one.completed for one in answers) == 1
    assert (await intake.find(upload.file_id)).is_complete
    assert await keys(objects) == [upload.storage_key]


@pytest.mark.parametrize("index", [0, 2, 4])
async def test_a_chunk_that_is_told_of_after_the_completion_is_part_of_the_file(
    intake: Intake, objects: LateStore, records: JobStore, index: int
) -> None:
    """Its gateway stood still after it had stored it; the client sent it to another one."""
    other = Intake(objects, records, LIMITS, lambda: NOW)
    upload = await opened(intake)
    objects.again = False
    while_stored(objects, upload, index, lambda: send_all(other, upload))
    assert (await send(intake, upload, index)).upload.is_complete
    assert await keys(objects) == [upload.storage_key]


async def test_a_repeat_of_the_last_chunk_completes_what_a_dead_gateway_left(
    intake: Intake, objects: LateStore, records: JobStore
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
    intake: Intake, objects: LateStore
) -> None:
    upload = await opened(intake)
    await send_all(intake, upload)
    received = await send(intake, upload, 1)
    assert (received.completed, received.upload.is_complete) == (False, True)
    assert received.indexes == set(range(upload.total_chunks))
    assert await keys(objects) == [upload.storage_key]


@pytest.mark.parametrize("chunks", [2, 5])
async def test_other_bytes_are_refused_whether_or_not_the_file_is_whole(
    intake: Intake, objects: LateStore, chunks: int
) -> None:
    upload = await opened(intake)
    for index in range(chunks):
        await send(intake, upload, index)
    before = await keys(objects)
    with pytest.raises(ChunkConflict):
        await send(intake, upload, 1, OTHER)
    assert await keys(objects) == before


async def test_other_bytes_that_are_stored_after_the_completion_are_refused_and_do_not_stay(
    intake: Intake, objects: LateStore
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
    intake: Intake, objects: LateStore, records: JobStore
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
