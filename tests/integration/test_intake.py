"""Intake on real stores: races that no timing over HTTP could bring about reliably."""

import asyncio
import hashlib
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from pathlib import Path
from typing import Any

import msgspec
import pytest

from support.late import LateObjects
from support.records import a_job
from wavemill_common.errors import (
    ChunkConflict,
    InvalidChunk,
    InvalidFormat,
    ObjectExists,
    UploadInUse,
    UploadNotFound,
)
from wavemill_common.jobs import Job
from wavemill_common.objects import ObjectInfo, disk
from wavemill_common.objects.disk import DiskObjectStore
from wavemill_common.records.sqlite import SqliteJobStore
from wavemill_common.submission import Submission
from wavemill_common.uploads import Chunk, Upload
from wavemill_gateway.intake import Intake, UploadLimits

NOW = 1_800_000_000.0
CHUNK = 8
LIMITS = UploadLimits(
    max_bytes=1000, chunk_bytes=CHUNK, min_chunk_bytes=1, max_chunk_bytes=100, ttl=60.0
)
SONG = b"fLaC\x00\x00\x00\x22" + bytes(range(1, 30))
TEXT = b"no song at all, but text"


class HeldObjects(DiskObjectStore):
    """A disk store whose compositions wait until they are let go."""

    def __init__(self, root: Path) -> None:
        super().__init__(root)
        self.composing = asyncio.Event()
        self.go_on = asyncio.Event()
        self.compositions = 0

    async def compose(self, key: str, sources: object) -> ObjectInfo:
        self.compositions += 1
        self.composing.set()
        await self.go_on.wait()
        return await super().compose(key, sources)  # type: ignore[arg-type]


@pytest.fixture
def objects(tmp_path: Path) -> HeldObjects:
    return HeldObjects(tmp_path / "objects")


@pytest.fixture
async def records(tmp_path: Path) -> AsyncIterator[SqliteJobStore]:
    async with SqliteJobStore.open(tmp_path / "records.sqlite3") as one:
        yield one


@pytest.fixture
def intake(objects: HeldObjects, records: SqliteJobStore) -> Intake:
    return Intake(objects, records, LIMITS, lambda: NOW)


async def blocks_of(data: bytes) -> AsyncIterator[bytes]:
    yield data


async def with_all_chunks(intake: Intake, objects: HeldObjects, content: bytes) -> Upload:
    """An upload whose chunks are all stored, but that nobody has begun to complete."""
    upload = await intake.open("a.flac", len(content), CHUNK)
    for index in range(upload.total_chunks):
        piece = content[index * CHUNK : (index + 1) * CHUNK]
        await objects.put(upload.chunk_key(index), blocks_of(piece))
        digest = hashlib.sha256(piece).hexdigest()
        await intake._records.add_chunk(upload, index, digest)
    return upload


async def keys(objects: DiskObjectStore) -> list[str]:
    return [one.key async for one in objects.scan("")]


async def test_more_chunks_than_s3_can_put_together_are_refused_before_any_is_sent(
    objects: HeldObjects, records: SqliteJobStore
) -> None:
    large = msgspec.structs.replace(LIMITS, max_bytes=1_000_000)
    intake = Intake(objects, records, large, lambda: NOW)
    with pytest.raises(InvalidChunk, match=r"10001 chunks .* a chunkSize of at least 9") as refusal:
        await intake.open("a.flac", 80_001, CHUNK)
    assert refusal.value.status == 400
    assert [one async for one in records.all_uploads()] == []
    assert (await intake.open("a.flac", 80_000, CHUNK)).total_chunks == 10_000
    assert (await intake.open("a.flac", 80_001, 9)).total_chunks == 8_889


@pytest.mark.parametrize("gateways", [1, 2])
async def test_finalises_at_once_assemble_once_and_get_one_answer(
    objects: HeldObjects, records: SqliteJobStore, gateways: int
) -> None:
    intakes = [Intake(objects, records, LIMITS, lambda: NOW) for _ in range(gateways)]
    upload = await with_all_chunks(intakes[0], objects, SONG)
    async with asyncio.timeout(10), asyncio.TaskGroup() as group:
        tasks = [
            group.create_task(one.complete(upload.file_id)) for one in intakes for _ in range(3)
        ]
        await objects.composing.wait()
        objects.go_on.set()
    answers = [task.result() for task in tasks]
    assert answers == [answers[0]] * len(tasks)
    assert answers[0].is_complete
    assert objects.compositions == 1
    assert await keys(objects) == [upload.storage_key]


async def test_finalises_at_once_of_no_audio_are_all_told_so(
    objects: HeldObjects, intake: Intake
) -> None:
    upload = await with_all_chunks(intake, objects, TEXT)
    tasks = [asyncio.create_task(intake.complete(upload.file_id)) for _ in range(3)]
    await objects.composing.wait()
    objects.go_on.set()
    answers = await asyncio.gather(*tasks, return_exceptions=True)
    assert [type(answer) for answer in answers] == [InvalidFormat] * 3
    assert await keys(objects) == []
    with pytest.raises(UploadNotFound):
        await intake.find(upload.file_id)


async def test_an_abort_during_the_assembly_leaves_nothing_behind(
    objects: HeldObjects, intake: Intake
) -> None:
    upload = await with_all_chunks(intake, objects, SONG)
    completing = asyncio.create_task(intake.complete(upload.file_id))
    await objects.composing.wait()
    await intake.abort(upload.file_id)
    for index in range(upload.total_chunks):  # as if the assembly had opened them before
        await objects.put(upload.chunk_key(index), blocks_of(b"x" * CHUNK))
    objects.go_on.set()
    with pytest.raises(UploadNotFound):
        await completing
    assert upload.storage_key not in await keys(objects)


async def test_a_chunk_that_was_stored_but_not_recorded_is_taken_up(
    objects: HeldObjects, intake: Intake
) -> None:
    objects.go_on.set()
    upload = await intake.open("a.flac", len(SONG), len(SONG))
    await objects.put(upload.chunk_key(0), blocks_of(SONG))  # its gateway died right here
    received = await intake.receive_chunk(Chunk(upload, 0), blocks_of(SONG), None)
    assert received.completed
    assert received.upload.is_complete


async def test_a_chunk_that_is_stored_once_more_after_the_completion_does_not_stay(
    tmp_path: Path, records: SqliteJobStore
) -> None:
    objects = LateObjects(tmp_path / "objects")
    intake = Intake(objects, records, LIMITS, lambda: NOW)
    upload = await intake.open("a.flac", len(SONG), CHUNK)

    async def send_all() -> None:
        for index in range(upload.total_chunks):
            body = blocks_of(SONG[index * CHUNK : (index + 1) * CHUNK])
            await intake.receive_chunk(Chunk(upload, index), body, None)

    objects.late, objects.meanwhile = upload.chunk_key(0), send_all
    received = await intake.receive_chunk(Chunk(upload, 0), blocks_of(SONG[:CHUNK]), None)
    assert received.upload.is_complete
    assert not received.completed
    assert await keys(objects) == [upload.storage_key]


def files(folder: Path) -> list[Path]:
    return [path for path in folder.rglob("*") if not path.is_dir()]


async def test_on_a_disk_chunks_become_the_file_without_a_copy(
    objects: HeldObjects, intake: Intake, tmp_path: Path
) -> None:
    objects.go_on.set()
    upload = await intake.open("a.flac", len(SONG), CHUNK)
    await intake.receive_chunk(Chunk(upload, 1), blocks_of(SONG[CHUNK : 2 * CHUNK]), None)
    [grown] = (tmp_path / "objects/.wholes").iterdir()
    inode = grown.stat().st_ino

    for index in range(upload.total_chunks):
        body = blocks_of(SONG[index * CHUNK : (index + 1) * CHUNK])
        await intake.receive_chunk(Chunk(upload, index), body, None)

    [whole] = files(tmp_path / "objects")
    assert whole.read_bytes() == SONG
    assert whole.stat().st_ino == inode


async def test_a_first_chunk_that_breaks_off_leaves_nothing_on_the_disk(
    intake: Intake, tmp_path: Path
) -> None:
    async def broken() -> AsyncIterator[bytes]:
        yield SONG[:2]
        raise ConnectionResetError

    upload = await intake.open("a.flac", len(SONG), CHUNK)
    with pytest.raises(ConnectionResetError):
        await intake.receive_first_chunk(Chunk(upload, 0), broken(), None)
    assert files(tmp_path / "objects") == []


async def test_a_chunk_that_comes_after_the_abort_leaves_nothing_on_the_disk(
    tmp_path: Path, records: SqliteJobStore
) -> None:
    objects = LateObjects(tmp_path / "objects")
    intake = Intake(objects, records, LIMITS, lambda: NOW)
    upload = await intake.open("a.flac", len(SONG), CHUNK)
    objects.late = upload.chunk_key(1)
    objects.meanwhile = lambda: intake.abort(upload.file_id)
    with pytest.raises(UploadNotFound):
        await intake.receive_chunk(Chunk(upload, 1), blocks_of(SONG[CHUNK : 2 * CHUNK]), None)
    assert files(tmp_path / "objects") == []


async def test_a_chunk_that_breaks_off_after_the_abort_leaves_nothing_on_the_disk(
    intake: Intake, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What it has written is nobody's: neither a record nor a quota knows of it."""
    monkeypatch.setattr(disk, "WRITE_BLOCK", 1)
    upload = await intake.open("a.flac", len(SONG), CHUNK)

    async def broken() -> AsyncIterator[bytes]:
        await intake.abort(upload.file_id)
        yield SONG[:2]
        raise ConnectionResetError

    with pytest.raises(ConnectionResetError):
        await intake.receive_chunk(Chunk(upload, 0), broken(), None)
    assert files(tmp_path / "objects") == []


async def test_other_bytes_for_a_chunk_after_the_completion_do_not_stay(
    objects: HeldObjects, intake: Intake
) -> None:
    objects.go_on.set()
    upload = await intake.open("a.flac", len(SONG), CHUNK)

    async def others() -> AsyncIterator[bytes]:
        for index in range(upload.total_chunks):
            body = blocks_of(SONG[index * CHUNK : (index + 1) * CHUNK])
            await intake.receive_chunk(Chunk(upload, index), body, None)
        yield b"x" * CHUNK

    with pytest.raises(ChunkConflict):
        await intake.receive_chunk(Chunk(upload, 0), others(), None)
    assert await keys(objects) == [upload.storage_key]


class Doubled(DiskObjectStore):
    """Lets something happen between a chunk's refusal and the look at the one that is there."""

    meanwhile: Callable[[], Awaitable[None]]

    async def put(self, key: str, data: AsyncIterator[bytes], **how: Any) -> ObjectInfo:
        try:
            return await super().put(key, data, **how)
        except ObjectExists:
            await self.meanwhile()
            raise


async def test_a_chunk_sent_twice_is_well_received_though_the_other_completes_the_file(
    tmp_path: Path, records: SqliteJobStore
) -> None:
    async def send(*indexes: int) -> None:
        for index in indexes:
            body = blocks_of(SONG[index * CHUNK : (index + 1) * CHUNK])
            await intake.receive_chunk(Chunk(upload, index), body, None)

    async def twice() -> AsyncIterator[bytes]:
        await send(0)
        yield SONG[:CHUNK]

    objects = Doubled(tmp_path / "objects")
    intake = Intake(objects, records, LIMITS, lambda: NOW)
    upload = await intake.open("a.flac", len(SONG), CHUNK)
    objects.meanwhile = lambda: send(1, 2, 3, 4)
    received = await intake.receive_chunk(Chunk(upload, 0), twice(), None)
    assert received.upload.is_complete


async def test_a_chunk_sent_twice_is_told_that_its_upload_was_aborted_meanwhile(
    tmp_path: Path, records: SqliteJobStore
) -> None:
    async def begin_to_abort() -> None:
        """As an abort does, up to the deletion of chunks; its record is still there."""
        assert await records.save_upload((await records.upload(upload.file_id)).aborted())
        await objects.delete([upload.chunk_key(0), upload.storage_key])

    objects = Doubled(tmp_path / "objects")
    intake = Intake(objects, records, LIMITS, lambda: NOW)
    upload = await intake.open("a.flac", len(SONG), CHUNK)
    await objects.put(upload.chunk_key(0), blocks_of(SONG[:CHUNK]))  # stored, not yet recorded
    objects.meanwhile = begin_to_abort
    with pytest.raises(UploadNotFound):
        await intake.receive_chunk(Chunk(upload, 0), blocks_of(SONG[:CHUNK]), None)


async def test_a_deletion_that_looked_for_a_job_in_vain_looks_again_before_it_deletes(
    objects: HeldObjects,
    intake: Intake,
    records: SqliteJobStore,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    objects.go_on.set()
    upload = await with_all_chunks(intake, objects, SONG)
    await intake.complete(upload.file_id)
    nobody: Any = None
    submission = Submission(records, nobody, nobody, 10.0, 10.0, lambda: NOW)
    job = a_job("job", file_id=upload.file_id)
    await submission.reserve(upload.file_id, job.job_id)
    look = records.jobs

    async def submitted_after_the_look(job_ids: Sequence[str]) -> dict[str, Job]:
        found = await look(job_ids)
        monkeypatch.setattr(records, "jobs", look)
        await records.put_job(job)
        await submission.confirm(job)
        return found

    monkeypatch.setattr(records, "jobs", submitted_after_the_look)
    with pytest.raises(UploadInUse):
        await intake.abort(upload.file_id)
    assert upload.storage_key in await keys(objects)


async def test_a_job_that_is_noted_while_the_file_is_assembled_does_not_disturb_that(
    intake: Intake, objects: HeldObjects, records: SqliteJobStore
) -> None:
    upload = await with_all_chunks(intake, objects, SONG)
    completing = asyncio.create_task(intake.complete(upload.file_id))
    await objects.composing.wait()
    nobody: Any = None
    submission = Submission(records, nobody, nobody, 1000.0, 10.0, lambda: NOW)
    await submission.reserve(upload.file_id, "job")
    objects.go_on.set()
    complete = await completing
    assert (complete.is_complete, complete.job_ids) == (True, ("job",))
    assert complete.expires_at > NOW + 1000
    assert objects.compositions == 1
    assert [one.key async for one in objects.scan(upload.chunks_prefix)] == []


async def test_nothing_is_kept_of_a_file_that_is_no_audio_though_a_job_was_noted_meanwhile(
    intake: Intake, objects: HeldObjects, records: SqliteJobStore
) -> None:
    upload = await with_all_chunks(intake, objects, TEXT)
    completing = asyncio.create_task(intake.complete(upload.file_id))
    await objects.composing.wait()
    nobody: Any = None
    submission = Submission(records, nobody, nobody, 1000.0, 10.0, lambda: NOW)
    await submission.reserve(upload.file_id, "job")
    objects.go_on.set()
    with pytest.raises(InvalidFormat):
        await completing
    assert [one.key async for one in objects.scan("")] == []
    with pytest.raises(UploadNotFound):
        await records.upload(upload.file_id)
