"""GrowingUpload on real stores: what has not arrived is waited for, and no byte is another."""

import asyncio
import random
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from msgspec import structs

from wavemill_common.errors import ObjectNotFound, StorageUnavailable
from wavemill_common.following import INDEX_BEHIND, READ_FROM_END
from wavemill_common.ids import new_id
from wavemill_common.objects import ObjectStore
from wavemill_common.objects.disk import DiskObjectStore
from wavemill_common.objects.s3 import S3ObjectStore
from wavemill_common.objects.s3_config import S3Config
from wavemill_common.records.sqlite import SqliteJobStore
from wavemill_common.uploads import ByTus, Upload
from wavemill_converter.store import growing
from wavemill_converter.store.blocks import BLOCK, BlockReader
from wavemill_converter.store.growing import GrowingUpload, UploadBrokenOff
from wavemill_converter.store.publish import fetch

CHUNK = 700_001  # no multiple of a block
DATA = random.Random(7).randbytes(5 * CHUNK + 1234)
LAST = 5
SOON = 5.0  # seconds


@pytest.fixture(params=["disk", "s3"])
async def objects(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[ObjectStore]:
    if request.param == "disk":
        yield DiskObjectStore(tmp_path / "objects")
        return
    config: S3Config = request.getfixturevalue("bucket")
    async with S3ObjectStore.open(config) as store:
        yield store


@pytest.fixture
async def records(tmp_path: Path) -> AsyncIterator[SqliteJobStore]:
    async with SqliteJobStore.open(tmp_path / "records.sqlite3") as one:
        yield one


@pytest.fixture
def unaided(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nobody looks by himself: only a message helps."""
    monkeypatch.setattr(growing, "LOOK_EVERY", 600.0)


class Sender:
    """Sends an upload chunk by chunk, as gateways store them."""

    def __init__(self, objects: ObjectStore, records: SqliteJobStore, upload: Upload) -> None:
        self.objects = objects
        self.records = records
        self.upload = upload

    async def send(self, *indexes: int) -> None:
        for index in indexes:
            data = DATA[index * CHUNK : (index + 1) * CHUNK]
            await self.objects.put(self.upload.chunk_key(index), once(data))

    async def complete(self) -> None:
        """Assemble the file, say so, and delete the chunks, in this order."""
        keys = [self.upload.chunk_key(index) for index in range(LAST + 1)]
        await self.objects.compose(self.upload.storage_key, keys)
        claimed = self.upload.completing(1.0)
        assert await self.records.save_upload(claimed)
        assert await self.records.save_upload(claimed.completed(len(DATA), None, None))
        await self.objects.delete(keys)


@pytest.fixture
async def sender(objects: ObjectStore, records: SqliteJobStore) -> Sender:
    file_id = new_id()
    upload = Upload(
        file_id=file_id,
        file_name="a.wav",
        size=len(DATA),
        chunk_size=CHUNK,
        storage_key=f"uploads/{file_id}.wav",
        created_at=0.0,
        expires_at=1e12,
    )
    await records.put_upload(upload)
    return Sender(objects, records, upload)


@pytest.fixture
def grown(sender: Sender) -> GrowingUpload:
    return GrowingUpload(sender.objects, sender.records, sender.upload)


async def once(data: bytes) -> AsyncIterator[bytes]:
    yield data


async def content(source: GrowingUpload, key: str, start: int = 0, end: int | None = None) -> bytes:
    return b"".join([data async for data in source.read(key, start, end)])


@asynccontextmanager
async def reading(
    source: GrowingUpload, key: str, start: int = 0, end: int | None = None
) -> AsyncIterator["asyncio.Task[bytes]"]:
    """Read in the background, until it waits."""
    task = asyncio.create_task(content(source, key, start, end))
    async with asyncio.timeout(SOON):
        while not (source.waiting.in_one_go or task.done()):
            await asyncio.sleep(0.005)
    yield task
    task.cancel()
    await asyncio.wait([task])


async def test_the_bytes_are_the_file_s_however_it_arrives(
    sender: Sender, grown: GrowingUpload
) -> None:
    async with reading(grown, sender.upload.storage_key) as task:
        for index in (1, 0, LAST, 2, 4):
            await sender.send(index)
            grown.wake()
        assert not task.done()
        await sender.send(3)
        grown.wake()
        assert await asyncio.wait_for(task, SOON) == DATA


async def test_its_size_is_known_before_it_is_there(sender: Sender, grown: GrowingUpload) -> None:
    assert (await grown.stat(sender.upload.storage_key)).size == len(DATA)
    with pytest.raises(ObjectNotFound):
        await grown.stat("uploads/another.wav")


@pytest.mark.usefixtures("unaided")
async def test_what_is_there_is_read_without_waiting(sender: Sender, grown: GrowingUpload) -> None:
    await sender.send(2, 3)
    wanted = (2 * CHUNK + 5, 4 * CHUNK)
    assert await content(grown, sender.upload.storage_key, *wanted) == DATA[slice(*wanted)]
    assert grown.waiting.in_all == 0


@pytest.mark.usefixtures("unaided")
async def test_a_message_ends_the_wait(sender: Sender, grown: GrowingUpload) -> None:
    async with reading(grown, sender.upload.storage_key, 0, 10) as task:
        await sender.send(0)
        grown.wake()
        assert await asyncio.wait_for(task, SOON) == DATA[:10]


async def test_a_lost_message_costs_no_more_than_the_next_look(
    sender: Sender, grown: GrowingUpload
) -> None:
    async with reading(grown, sender.upload.storage_key, 0, 10) as task:
        await sender.send(0)
        assert await asyncio.wait_for(task, SOON) == DATA[:10]


async def test_reading_goes_on_in_the_whole_file_when_the_chunks_are_gone(
    sender: Sender, grown: GrowingUpload
) -> None:
    await sender.send(0, 1)
    assert await content(grown, sender.upload.storage_key, 0, CHUNK) == DATA[:CHUNK]
    async with reading(grown, sender.upload.storage_key) as task:
        await sender.send(2, 3, 4, LAST)
        await sender.complete()
        grown.wake()
        assert await asyncio.wait_for(task, SOON) == DATA
    # Also by one who has seen the chunks, and nothing of the end.
    again = GrowingUpload(sender.objects, sender.records, sender.upload)
    again._keys[0] = sender.upload.chunk_key(0)
    assert await content(again, sender.upload.storage_key) == DATA
    assert (await again.stat(sender.upload.storage_key)).size == len(DATA)


async def test_completion_is_what_the_record_says_and_not_that_all_chunks_are_there(
    sender: Sender, grown: GrowingUpload
) -> None:
    await sender.send(*range(LAST + 1))
    completion = asyncio.create_task(grown.completion())
    assert await content(grown, sender.upload.storage_key) == DATA
    assert not completion.done()
    await sender.complete()
    grown.wake()
    await asyncio.wait_for(completion, SOON)


@pytest.mark.parametrize("how", ["aborted", "removed"])
async def test_whoever_waits_hears_that_the_upload_is_given_up(
    sender: Sender, grown: GrowingUpload, how: str
) -> None:
    async with reading(grown, sender.upload.storage_key) as task:
        aborted = sender.upload.aborted()
        assert await sender.records.save_upload(aborted)
        if how == "removed":
            assert await sender.records.remove_upload(aborted)
        grown.wake()
        with pytest.raises(UploadBrokenOff):
            await asyncio.wait_for(task, SOON)


async def test_another_size_than_announced_is_no_file_to_go_on_with(
    sender: Sender, grown: GrowingUpload
) -> None:
    claimed = sender.upload.completing(1.0)
    assert await sender.records.save_upload(claimed)
    assert await sender.records.save_upload(claimed.completed(len(DATA) + 1, None, None))
    with pytest.raises(StorageUnavailable):
        await content(grown, sender.upload.storage_key)


async def test_chunks_that_came_by_tus_in_pieces_are_read_once_they_are_joined(
    sender: Sender, objects: ObjectStore
) -> None:
    upload = structs.replace(sender.upload, tus=ByTus())
    grown = GrowingUpload(objects, sender.records, upload)
    await objects.put(upload.chunk_key(0), once(DATA[:1000]))  # but the beginning of it
    async with reading(grown, upload.storage_key, 0, CHUNK) as task:
        await objects.put(f"{upload.chunks_prefix}whole-0", once(DATA[:CHUNK]))
        await objects.delete([upload.chunk_key(0)])
        grown.wake()
        assert await asyncio.wait_for(task, SOON) == DATA[:CHUNK]


async def test_who_seeks_to_the_end_waits_for_something_far(
    sender: Sender, grown: GrowingUpload
) -> None:
    await sender.send(0)
    async with reading(grown, sender.upload.storage_key, CHUNK, CHUNK + 1):
        assert not grown.waiting.for_the_end
    async with reading(grown, sender.upload.storage_key, len(DATA) - 128):
        assert grown.waiting.for_the_end


async def test_it_says_why_a_file_is_read_from_its_end(
    objects: ObjectStore, records: SqliteJobStore, sender: Sender
) -> None:
    grown = GrowingUpload(objects, records, sender.upload)
    assert await grown.why_from_its_end() == READ_FROM_END
    head = (16).to_bytes(4) + b"ftyp" + bytes(8) + (9999).to_bytes(4) + b"mdat"
    await objects.put(sender.upload.chunk_key(0), once(head.ljust(CHUNK, b"\0")))
    assert await grown.has_begun()
    assert await grown.why_from_its_end() == INDEX_BEHIND


# --- as what converts reads it ---


async def test_who_waits_keeps_nobody_else_from_reading(
    sender: Sender, grown: GrowingUpload
) -> None:
    await sender.send(0)
    reader = BlockReader(grown, await grown.stat(sender.upload.storage_key))
    waits = asyncio.create_task(joined(reader, CHUNK, CHUNK + 10))
    async with asyncio.timeout(SOON):
        while not grown.waiting.in_one_go:
            await asyncio.sleep(0.005)
        assert await joined(reader, 0, BLOCK) == DATA[:BLOCK]
    await sender.send(1)
    grown.wake()
    assert await asyncio.wait_for(waits, SOON) == DATA[CHUNK : CHUNK + 10]


async def test_a_block_reader_reads_all_of_it_once_and_knows_its_failure(
    sender: Sender, grown: GrowingUpload
) -> None:
    reader = BlockReader(grown, await grown.stat(sender.upload.storage_key))
    whole = asyncio.create_task(joined(reader, 0, reader.size))
    for index in range(LAST + 1):
        await sender.send(index)
        grown.wake()
    assert await asyncio.wait_for(whole, SOON) == DATA
    assert (reader.requests, reader.failure) == (1, None)
    await sender.records.save_upload(sender.upload.aborted())
    broken = BlockReader(GrowingUpload(sender.objects, sender.records, sender.upload), reader._info)
    await sender.objects.delete([sender.upload.chunk_key(0)])
    with pytest.raises(UploadBrokenOff):
        await joined(broken, 0, 10)
    assert isinstance(broken.failure, UploadBrokenOff)


async def test_a_copy_in_scratch_is_the_whole_file(
    sender: Sender, grown: GrowingUpload, tmp_path: Path
) -> None:
    copying = asyncio.create_task(fetch(grown, sender.upload.storage_key, tmp_path / "copy"))
    for index in range(LAST + 1):
        await sender.send(index)
        grown.wake()
    assert await asyncio.wait_for(copying, SOON) == len(DATA)
    assert (tmp_path / "copy").read_bytes() == DATA


async def joined(reader: BlockReader, start: int, end: int) -> bytes:
    return b"".join([piece async for piece in reader.read(start, end)])
