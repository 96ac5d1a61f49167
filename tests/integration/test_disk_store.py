"""What the disk adapter promises beyond the shared suite: crashes, full disks, permissions."""

import errno
import hashlib
import os
import resource
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from faults import mounted, unprivileged

from wavemill_common.errors import (
    InsufficientStorage,
    ObjectNotFound,
    StorageForbidden,
    StorageUnavailable,
)
from wavemill_common.objects.disk import DiskObjectStore
from wavemill_common.objects.faults import storage_fault

MIB = 1024 * 1024
DEADLINE = 20.0  # seconds

ENDLESS_PUT = """
import asyncio, sys
from pathlib import Path
from wavemill_common.objects.disk import DiskObjectStore

async def endless():
    while True:
        yield b"x" * 100_000

asyncio.run(DiskObjectStore(Path(sys.argv[1])).put("uploads/key", endless()))
"""

TORN_PART = """
import asyncio, os, signal, sys
from pathlib import Path
from wavemill_common.objects.disk import DiskObjectStore
from wavemill_common.objects.files import Draft

async def main():
    store = DiskObjectStore(Path(sys.argv[1]))
    upload_id = await store.start_multipart("uploads/key")
    await store.put_part("uploads/key", upload_id, 1, b"whole")
    Draft.publish = lambda *_, **__: os.kill(os.getpid(), signal.SIGKILL)
    await store.put_part("uploads/key", upload_id, 2, b"torn")

asyncio.run(main())
"""

MANY_PUTS = """
import asyncio, hashlib, os, sys
from pathlib import Path
from wavemill_common.objects.disk import DiskObjectStore

async def body(data):
    yield data

async def put_many(store, worker):
    for number in range(100_000):
        data = os.urandom(20_000)
        key = f"{hashlib.sha256(data).hexdigest()}/{worker}-{number}"
        await store.put(key, body(data))
        print(key, flush=True)

async def main():
    store = DiskObjectStore(Path(sys.argv[1]))
    await asyncio.gather(*(put_many(store, worker) for worker in range(4)))

asyncio.run(main())
"""


@pytest.fixture
def root(tmp_path: Path) -> Path:
    return tmp_path / "objects"


@pytest.fixture
def store(root: Path) -> DiskObjectStore:
    return DiskObjectStore(root)


async def stream(*pieces: bytes) -> AsyncIterator[bytes]:
    for piece in pieces:
        yield piece


async def content(store: DiskObjectStore, key: str) -> bytes:
    return b"".join([piece async for piece in store.read(key)])


async def keys(store: DiskObjectStore) -> list[str]:
    return sorted([info.key async for info in store.scan("")])


def drafts(root: Path) -> list[Path]:
    return list((root / ".tmp").iterdir())


@contextmanager
def child(code: str, root: Path) -> Iterator[subprocess.Popen[str]]:
    process = subprocess.Popen(
        [sys.executable, "-c", code, str(root)], stdout=subprocess.PIPE, text=True
    )
    try:
        yield process
    finally:
        process.kill()
        process.communicate()


# --- crashes ---


async def test_a_writer_killed_in_the_middle_leaves_no_half_object(root: Path) -> None:
    store = DiskObjectStore(root)
    with child(ENDLESS_PUT, root) as process:
        deadline = time.monotonic() + DEADLINE
        while not any(draft.stat().st_size > MIB for draft in drafts(root)):
            assert process.poll() is None
            assert time.monotonic() < deadline
        process.send_signal(signal.SIGKILL)
        process.wait()
    assert await keys(store) == []
    with pytest.raises(ObjectNotFound):
        await store.stat("uploads/key")
    assert await store.clean(before=time.time() + 60) == 1
    assert drafts(root) == []


async def test_a_part_torn_by_a_kill_is_no_part_and_goes_with_its_upload(root: Path) -> None:
    with child(TORN_PART, root) as process:
        assert process.wait(DEADLINE) == -signal.SIGKILL
    store = DiskObjectStore(root)
    [upload] = [one async for one in store.scan_multiparts("")]
    parts = await store.list_parts(upload.key, upload.upload_id)
    assert [(one.number, one.size) for one in parts] == [(1, 5)]

    await store.abort_multipart(upload.key, upload.upload_id)

    assert [path for path in root.rglob("*") if path.is_file()] == []


@pytest.mark.parametrize("acknowledged", [1, 10, 57])
async def test_what_was_acknowledged_before_a_kill_is_there_and_everything_is_whole(
    root: Path, acknowledged: int
) -> None:
    with child(MANY_PUTS, root) as process:
        assert process.stdout
        told = [process.stdout.readline().strip() for _ in range(acknowledged)]
        process.kill()
        told += process.stdout.read().split("\n")[:-1]
    store = DiskObjectStore(root)
    stored = await keys(store)
    assert set(told) <= set(stored)
    for key in stored:
        assert hashlib.sha256(await content(store, key)).hexdigest() == key.split("/")[0]


async def test_a_failed_put_leaves_no_file_behind(store: DiskObjectStore, root: Path) -> None:
    async def failing() -> AsyncIterator[bytes]:
        yield b"x" * 2 * MIB
        raise ConnectionResetError

    with pytest.raises(ConnectionResetError):
        await store.put("key", failing())
    assert drafts(root) == []


async def test_cleaning_spares_a_draft_that_is_being_written(
    store: DiskObjectStore, root: Path
) -> None:
    async def watched() -> AsyncIterator[bytes]:
        yield b"x" * 2 * MIB
        assert len(drafts(root)) == 1
        assert await store.clean(before=time.time() - 3600) == 0

    assert (await store.put("key", watched())).size == 2 * MIB


# --- no room ---


@contextmanager
def file_size_limit(limit: int) -> Iterator[None]:
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (limit, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


async def test_a_file_that_may_not_grow_is_insufficient_storage(
    store: DiskObjectStore, root: Path
) -> None:
    with file_size_limit(MIB), pytest.raises(InsufficientStorage):
        await store.put("key", stream(b"x" * 3 * MIB))
    assert drafts(root) == []
    assert await keys(store) == []


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    with mounted(tmp_path / "small", MIB * 4) as place:
        yield place


async def test_a_full_disk_is_insufficient_storage_and_what_is_there_stays(
    small_disk: Path,
) -> None:
    store = DiskObjectStore(small_disk)
    await store.put("kept", stream(b"x" * 2 * MIB))
    with pytest.raises(InsufficientStorage):
        await store.put("key", stream(b"x" * 3 * MIB))
    with pytest.raises(InsufficientStorage):
        await store.compose("key", ["kept", "kept"])
    upload_id = await store.start_multipart("key")
    with pytest.raises(InsufficientStorage):
        await store.put_part("key", upload_id, 1, b"x" * 3 * MIB)
    assert await store.list_parts("key", upload_id) == []
    assert await keys(store) == ["kept"]
    assert drafts(small_disk) == []
    await store.put("key", stream(b"x" * MIB))  # the room that the failures took is free again


async def test_a_full_disk_fails_the_check(small_disk: Path) -> None:
    store = DiskObjectStore(small_disk)
    filler = small_disk / "filler"
    with filler.open("wb") as file:
        os.posix_fallocate(file.fileno(), 0, shutil.disk_usage(small_disk).free)
    with pytest.raises(InsufficientStorage):
        await store.check()
    filler.unlink()
    await store.check()


# --- not allowed, not there ---


async def test_a_missing_permission_names_the_path_and_the_permission(tmp_path: Path) -> None:
    root = tmp_path / "objects"
    store = DiskObjectStore(root)
    root.chmod(0o755)
    await store.put("key", stream(b"x"))
    (root / ".tmp").chmod(0o555)
    (root / "key").chmod(0o200)
    with unprivileged(tmp_path):
        with pytest.raises(StorageForbidden, match=r"objects/\.tmp lacks the permission w"):
            await store.check()
        with pytest.raises(StorageForbidden, match="objects/key lacks the permission r"):
            await content(store, "key")
        with pytest.raises(StorageForbidden, match="lacks the permission w"):
            DiskObjectStore(root / "new")
    root.chmod(0o600)
    with (
        unprivileged(tmp_path),
        pytest.raises(StorageForbidden, match="objects lacks the permission x"),
    ):
        await store.put("key", stream(b"x"))


def test_a_read_only_file_system_is_named() -> None:
    fault = storage_fault(OSError(errno.EROFS, "Read-only file system", "/data/objects/.tmp/x"))
    assert isinstance(fault, StorageForbidden)
    assert fault.message == "/data/objects/.tmp/x lies on a read-only file system"


async def test_a_root_that_vanished_is_not_made_again(store: DiskObjectStore, root: Path) -> None:
    away = root.rename(root.with_name("away"))
    with pytest.raises(StorageUnavailable):
        await store.put("key", stream(b"x"))
    with pytest.raises(StorageUnavailable):
        await store.check()
    root.mkdir()  # an empty mount point
    with pytest.raises(StorageUnavailable):
        await store.put("key", stream(b"x"))
    root.rmdir()
    away.rename(root)
    await store.put("key", stream(b"x"))


async def test_a_key_below_another_key_is_a_mistake_of_ours(store: DiskObjectStore) -> None:
    await store.put("a/b", stream(b"x"))
    with pytest.raises(ValueError, match="above or below"):
        await store.put("a", stream(b"x"))
    with pytest.raises(ValueError, match="above or below"):
        await store.put("a/b/c", stream(b"x"))


async def test_an_upload_id_belongs_to_its_key(store: DiskObjectStore) -> None:
    upload_id = await store.start_multipart("mine")
    with pytest.raises(ObjectNotFound):
        await store.put_part("other", upload_id, 1, b"x")
    for wild in ("../.tmp", "", ".", "x" * 65):
        with pytest.raises(ObjectNotFound):
            await store.list_parts("mine", wild)
    await store.abort_multipart("other", upload_id)
    assert [one.upload_id async for one in store.scan_multiparts("")] == [upload_id]


# --- cheap where the file system lets it be ---


async def test_composing_one_source_is_a_link(store: DiskObjectStore, root: Path) -> None:
    await store.put("source", stream(b"x" * MIB))
    await store.compose("whole", ["source"])
    assert (root / "whole").samefile(root / "source")


@pytest.mark.parametrize("sources", [["source"], ["source", "source"]])
async def test_where_the_kernel_cannot_link_or_copy_files_bytes_are_copied(
    store: DiskObjectStore, monkeypatch: pytest.MonkeyPatch, sources: list[str]
) -> None:
    def refuse(*_: object) -> int:
        raise OSError(errno.EOPNOTSUPP, "Operation not supported")

    await store.put("source", stream(b"x" * 3 * MIB))
    monkeypatch.setattr(os, "link", refuse)
    monkeypatch.setattr(os, "copy_file_range", refuse)
    await store.compose("whole", sources)
    assert await content(store, "whole") == b"x" * 3 * MIB * len(sources)


async def test_folders_that_a_deletion_leaves_empty_are_removed(
    store: DiskObjectStore, root: Path
) -> None:
    await store.put("uploads/chunks/a/part-0", stream(b"x"))
    await store.put("uploads/chunks/b/part-0", stream(b"x"))
    await store.delete(["uploads/chunks/a/part-0"])
    assert [path.name for path in (root / "uploads/chunks").iterdir()] == ["b"]
    await store.delete(["uploads/chunks/b/part-0"])
    assert sorted(path.name for path in root.iterdir()) == [".multipart", ".tmp", ".wholes"]


async def test_a_store_opened_again_finds_what_the_last_one_stored(root: Path) -> None:
    first = DiskObjectStore(root)
    await first.put("key", stream(b"x"))
    upload_id = await first.start_multipart("big")
    part = await first.put_part("big", upload_id, 1, b"part")
    second = DiskObjectStore(root)
    assert await content(second, "key") == b"x"
    await second.complete_multipart("big", upload_id, [part])
    assert await content(second, "big") == b"part"


async def test_an_object_that_is_open_as_a_file_stays_what_it_was(store: DiskObjectStore) -> None:
    await store.put("conversions/job/1.mp3", stream(b"first"))
    with open(store.open_file("conversions/job/1.mp3"), "rb") as file:  # noqa: PTH123
        await store.put("conversions/job/1.mp3", stream(b"second"))
        await store.delete(["conversions/job/1.mp3"])
        assert file.read() == b"first"


async def test_what_is_no_object_cannot_be_opened_as_a_file(store: DiskObjectStore) -> None:
    with pytest.raises(ObjectNotFound):
        store.open_file("conversions/job/1.mp3")
