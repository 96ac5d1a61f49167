"""Slices on disk: what is written at its place in a whole is neither copied nor spoilt."""

import asyncio
import contextlib
import errno
import os
import random
import re
import signal
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Callable, Coroutine
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from faults import mounted

from wavemill_common.errors import InsufficientStorage, ObjectExists, ObjectNotFound
from wavemill_common.objects import ObjectInfo, Slice, slices
from wavemill_common.objects.disk import DiskObjectStore
from wavemill_common.objects.files import make_durable
from wavemill_common.objects.listing import walk

BACKUPS = Path(__file__).resolve().parents[2] / "docs" / "backup.md"
MIB = 1024 * 1024
SIZE = 2 * MIB  # of a slice: more than one write
WHOLE = "uploads/k7.wav"
FIRST, SECOND, THIRD = (bytes([letter]) * SIZE for letter in b"abc")

ENDLESS_SLICE = """
import asyncio, sys
from pathlib import Path
from wavemill_common.objects import Slice
from wavemill_common.objects.disk import DiskObjectStore
from wavemill_common.objects.files import make_durable
from wavemill_common.objects.listing import walk

async def endless():
    yield b"x" * (1 << 20)
    print("begun", flush=True)
    await asyncio.sleep(1000)

place = Slice("uploads/k7.wav", 0, 2 << 20)
store = DiskObjectStore(Path(sys.argv[1]))
asyncio.run(store.put("uploads/chunks/k7/part-0", endless(), if_absent=True, place=place))
"""


# A `cp` that copies one folder of the objects, has something happen, and then copies the others.
INTERRUPTED_CP = """
import os, subprocess, sys
from pathlib import Path

source, target = map(Path, sys.argv[-2:])
if source.name == "objects" and not target.exists():
    first = source / os.environ["FIRST"]
    target.mkdir()
    subprocess.run(["/bin/cp", "-rp", first, target], check=True)
    subprocess.run([sys.executable, "-c", os.environ["MEANWHILE"], source], check=True)
    others = [path for path in source.iterdir() if path != first]
    subprocess.run(["/bin/cp", "-rp", *others, target], check=True)
else:
    sys.exit(subprocess.run(["/bin/cp", *sys.argv[1:]]).returncode)
"""

MEANWHILE = """
import asyncio, sys
from pathlib import Path
from wavemill_common.objects import Slice
from wavemill_common.objects.disk import DiskObjectStore

async def data():
    yield b"b" * (2 << 20)

async def main(store, whole, keys):
    place = Slice(whole, 2 << 20, 2 << 20)
    await store.put(keys[1], data(), if_absent=True, place=place)
    if "complete" in {does!r}:
        await store.compose(whole, keys)

keys = ["uploads/chunks/k7/part-0", "uploads/chunks/k7/part-1"]
asyncio.run(main(DiskObjectStore(Path(sys.argv[1])), "uploads/k7.wav", keys))
"""


@pytest.fixture
def root(tmp_path: Path) -> Path:
    return tmp_path / "objects"


@pytest.fixture
def store(root: Path) -> DiskObjectStore:
    return DiskObjectStore(root)


def key(index: int) -> str:
    return f"uploads/chunks/k7/part-{index}"


def place(index: int) -> Slice:
    return Slice(WHOLE, index * SIZE, SIZE)


async def stream(*pieces: bytes) -> AsyncIterator[bytes]:
    for piece in pieces:
        yield piece


async def put(store: DiskObjectStore, index: int, data: bytes) -> None:
    await store.put(key(index), stream(data), if_absent=True, place=place(index))


async def content(store: DiskObjectStore, name: str) -> bytes:
    return b"".join([piece async for piece in store.read(name)])


def growing(root: Path) -> list[Path]:
    return list((root / ".wholes").iterdir())


def in_another_thread(work: Coroutine[Any, Any, None]) -> None:
    """Do something to its end, as another process might while this one stands still."""
    with ThreadPoolExecutor(1) as pool:
        pool.submit(asyncio.run, work).result()


class Writer:
    """A put that has written half of a slice, and goes on when it is told to."""

    def __init__(self, store: DiskObjectStore, index: int, data: bytes) -> None:
        self._begun, self._told = asyncio.Event(), asyncio.Event()

        async def halves() -> AsyncIterator[bytes]:
            yield data[:MIB]
            self._begun.set()
            await self._told.wait()
            yield data[MIB:]

        sent = store.put(key(index), halves(), if_absent=True, place=place(index))
        self._put = asyncio.create_task(sent)

    async def has_begun(self) -> None:
        await self._begun.wait()

    async def goes_on(self) -> None:
        self._told.set()
        await self._put


# --- what is usual ---


async def test_slices_make_the_whole_without_a_copy(store: DiskObjectStore, root: Path) -> None:
    for index, data in ((2, THIRD), (0, FIRST), (1, SECOND)):
        await put(store, index, data)
    [grown] = growing(root)
    inode = grown.stat().st_ino

    made = await store.compose(WHOLE, [key(0), key(1), key(2)])

    assert (root / WHOLE).stat().st_ino == inode
    assert await content(store, WHOLE) == FIRST + SECOND + THIRD
    assert made == await store.stat(WHOLE)
    assert growing(root) == []


async def test_a_slice_is_an_object_before_and_after_it_is_part_of_a_whole(
    store: DiskObjectStore,
) -> None:
    await put(store, 1, SECOND)
    before = await store.stat(key(1))
    assert before.size == SIZE
    assert [info async for info in store.scan("uploads/chunks/")] == [before]
    assert await content(store, key(1)) == SECOND
    assert b"".join([part async for part in store.read(key(1), 5, 10)]) == SECOND[5:10]
    assert [part async for part in store.read(key(1), SIZE)] == []

    await put(store, 0, FIRST)
    await store.compose(WHOLE, [key(0), key(1)])

    assert await store.stat(key(1)) == before
    assert await content(store, key(1)) == SECOND
    assert await content(store, key(0)) == FIRST


async def test_the_last_slice_may_be_shorter(store: DiskObjectStore) -> None:
    await put(store, 0, FIRST)
    short = Slice(WHOLE, SIZE, 3)
    await store.put(key(1), stream(b"abc"), if_absent=True, place=short)
    assert (await store.compose(WHOLE, [key(0), key(1)])).size == SIZE + 3


async def test_a_slice_is_no_file_by_itself(store: DiskObjectStore) -> None:
    await put(store, 1, SECOND)
    with pytest.raises(ObjectNotFound):
        store.open_file(key(1))


# --- two who write ---


async def test_of_two_writers_of_a_slice_the_first_that_ends_wins(store: DiskObjectStore) -> None:
    slow = Writer(store, 1, SECOND)
    await slow.has_begun()
    await put(store, 1, THIRD)
    with pytest.raises(ObjectExists):
        await slow.goes_on()
    await put(store, 0, FIRST)

    assert await content(store, key(1)) == THIRD
    await store.compose(WHOLE, [key(0), key(1)])
    assert await content(store, WHOLE) == FIRST + THIRD


async def test_a_slice_again_leaves_the_first_one(store: DiskObjectStore) -> None:
    await put(store, 0, FIRST)
    with pytest.raises(ObjectExists):
        await put(store, 0, SECOND)
    assert await content(store, key(0)) == FIRST


async def test_what_lies_elsewhere_is_copied_to_its_place_and_nothing_else(
    store: DiskObjectStore, root: Path
) -> None:
    await put(store, 0, FIRST)
    await store.put(key(1), stream(SECOND))
    await put(store, 2, THIRD)
    inode = growing(root)[0].stat().st_ino

    await store.compose(WHOLE, [key(0), key(1), key(2)])

    assert (root / WHOLE).stat().st_ino == inode
    assert await content(store, WHOLE) == FIRST + SECOND + THIRD


async def test_a_writer_still_at_work_does_not_spoil_the_whole(
    store: DiskObjectStore, root: Path
) -> None:
    slow = Writer(store, 1, THIRD)
    await slow.has_begun()
    await put(store, 0, FIRST)
    await put(store, 1, SECOND)

    await store.compose(WHOLE, [key(0), key(1)])
    with pytest.raises(ObjectExists):
        await slow.goes_on()

    assert await content(store, WHOLE) == FIRST + SECOND
    assert await content(store, key(0)) == FIRST
    assert growing(root) == []


async def test_a_slice_that_comes_after_all_were_deleted_does_not_spoil_the_whole(
    store: DiskObjectStore, root: Path
) -> None:
    await put(store, 0, FIRST)
    await put(store, 1, SECOND)
    await store.compose(WHOLE, [key(0), key(1)])
    await store.delete([key(0), key(1)])

    await put(store, 1, THIRD)

    assert await content(store, key(1)) == THIRD
    assert await content(store, WHOLE) == FIRST + SECOND
    assert growing(root) == []


async def test_many_writers_in_any_order_make_the_right_whole(root: Path) -> None:
    """Each slice is sent by three, through two stores, as by two gateways; of each one wins."""
    stores, count = [DiskObjectStore(root), DiskObjectStore(root)], 12
    sent = [os.urandom(SIZE) for _ in range(count)]
    orders = [index for index in range(count) for _ in range(3)]
    random.shuffle(orders)

    async def send(number: int, index: int) -> bool:
        try:
            await put(stores[number % 2], index, sent[index])
        except ObjectExists:
            return False
        return True

    won = await asyncio.gather(*(send(number, index) for number, index in enumerate(orders)))
    await stores[0].compose(WHOLE, [key(index) for index in range(count)])

    assert sum(won) == count
    assert await content(stores[1], WHOLE) == b"".join(sent)


class Meanwhile:
    """Has another process do something between the opening of what grows and its locking."""

    def __init__(self, root: Path, patch: pytest.MonkeyPatch) -> None:
        self._root = root
        self._patch = patch
        self._lock = slices._locked

    def let(self, act: Callable[[DiskObjectStore], object]) -> None:
        def locked(fd: int, start: int, size: int) -> bool:
            self._patch.setattr(slices, "_locked", self._lock)
            act(DiskObjectStore(self._root))
            return self._lock(fd, start, size)

        self._patch.setattr(slices, "_locked", locked)


@pytest.fixture
def meanwhile(root: Path, monkeypatch: pytest.MonkeyPatch) -> Meanwhile:
    return Meanwhile(root, monkeypatch)


async def test_of_two_who_compose_at_once_one_finds_it_done(
    store: DiskObjectStore, meanwhile: Meanwhile
) -> None:
    await put(store, 0, FIRST)
    await put(store, 1, SECOND)
    meanwhile.let(lambda other: other._compose(WHOLE, [key(0), key(1)]))
    await store.compose(WHOLE, [key(0), key(1)])
    assert await content(store, WHOLE) == FIRST + SECOND


async def test_a_slice_that_another_has_just_stored_is_not_written_over(
    store: DiskObjectStore, meanwhile: Meanwhile
) -> None:
    def store_first(other: DiskObjectStore) -> None:
        draft = other._slices.draft(key(0), place(0))
        draft.write([FIRST])
        other._publish(key(0), draft, if_absent=True)

    meanwhile.let(store_first)
    with pytest.raises(ObjectExists):
        await put(store, 0, SECOND)
    assert await content(store, key(0)) == FIRST


async def test_a_slice_that_comes_while_the_whole_gets_its_name_does_not_spoil_it(
    store: DiskObjectStore, meanwhile: Meanwhile
) -> None:
    def complete(other: DiskObjectStore) -> None:
        other._compose(WHOLE, [key(0), key(1)])
        other._delete([key(0), key(1)])

    await put(store, 0, FIRST)
    await put(store, 1, SECOND)
    meanwhile.let(complete)
    await store.put(key(2), stream(THIRD), if_absent=True, place=place(0))
    assert await content(store, WHOLE) == FIRST + SECOND
    assert await content(store, key(2)) == THIRD


async def test_a_slice_that_comes_while_all_is_deleted_is_whole_all_the_same(
    store: DiskObjectStore, meanwhile: Meanwhile
) -> None:
    await put(store, 0, FIRST)
    meanwhile.let(lambda other: other._delete([key(0), WHOLE]))
    await put(store, 1, SECOND)
    assert await content(store, key(1)) == SECOND


class BeforeOpening:
    """Has another process do something just before what grows is opened, in one way."""

    def __init__(self, root: Path, patch: pytest.MonkeyPatch) -> None:
        self._root = root
        self._patch = patch
        self._open = os.open

    def let(self, act: Callable[[DiskObjectStore], object], flags: int) -> None:
        def opened(path: Path, how: int, mode: int = 0o777) -> int:
            if Path(path).parent.name == ".wholes" and how & flags == flags:
                self._patch.setattr(os, "open", self._open)
                act(DiskObjectStore(self._root))
            return self._open(path, how, mode)

        self._patch.setattr(os, "open", opened)


@pytest.fixture
def before_opening(root: Path, monkeypatch: pytest.MonkeyPatch) -> BeforeOpening:
    return BeforeOpening(root, monkeypatch)


async def test_a_slice_twice_does_not_empty_a_whole_that_is_composed_again(
    store: DiskObjectStore, before_opening: BeforeOpening
) -> None:
    def complete(other: DiskObjectStore) -> None:
        in_another_thread(put(other, 0, FIRST))
        other._compose(WHOLE, [key(0), key(1)])  # and its process dies before it can record that

    await store.put(key(1), stream(SECOND))  # in a file of its own: another sends it, too
    before_opening.let(complete, os.O_CREAT)
    with pytest.raises(ObjectExists):
        await put(store, 0, FIRST)

    await store.compose(WHOLE, [key(0), key(1)])

    assert await content(store, WHOLE) == FIRST + SECOND
    assert await content(store, key(0)) == FIRST


async def test_a_file_that_began_to_grow_anew_does_not_replace_the_whole(
    store: DiskObjectStore, root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One composes for so long that another takes over; a late slice comes in between."""
    await put(store, 0, FIRST)
    await put(store, 1, SECOND)

    def slowly(fd: int) -> None:
        make_durable(fd)
        DiskObjectStore(root)._compose(WHOLE, [key(0), key(1)])
        (root / ".wholes" / WHOLE.replace("/", "+")).touch()  # it opens this, then sees the whole

    monkeypatch.setattr(slices, "make_durable", slowly)
    await store.compose(WHOLE, [key(0), key(1)])
    assert await content(store, WHOLE) == FIRST + SECOND


async def test_of_two_who_compose_at_once_the_slower_finds_it_done(
    store: DiskObjectStore, root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    await put(store, 0, FIRST)
    await put(store, 1, SECOND)

    def slowly(fd: int) -> None:
        make_durable(fd)
        DiskObjectStore(root)._compose(WHOLE, [key(0), key(1)])

    monkeypatch.setattr(slices, "make_durable", slowly)
    await store.compose(WHOLE, [key(0), key(1)])
    assert await content(store, WHOLE) == FIRST + SECOND
    assert growing(root) == []


async def test_a_slice_is_read_from_the_whole_though_a_late_one_begins_another(
    store: DiskObjectStore, root: Path, before_opening: BeforeOpening
) -> None:
    def complete(other: DiskObjectStore) -> None:
        other._compose(WHOLE, [key(0)])
        (root / ".wholes" / WHOLE.replace("/", "+")).touch()

    await put(store, 0, FIRST)
    before_opening.let(complete, os.O_RDONLY)
    assert await content(store, key(0)) == FIRST


async def test_cleaning_spares_a_slice_that_comes_meanwhile(
    store: DiskObjectStore, root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What broke off long ago has no slice; the first one comes while the store is looked at."""

    def walked(*args: Any) -> list[ObjectInfo]:
        found = list(walk(*args))
        in_another_thread(put(DiskObjectStore(root), 0, FIRST))
        return found

    old = root / ".wholes" / WHOLE.replace("/", "+")
    old.touch()
    os.utime(old, (1, 1))
    monkeypatch.setattr(slices, "walk", walked)
    assert await store.clean(before=time.time() - 60) == 0
    assert await content(store, key(0)) == FIRST


async def test_cleaning_spares_what_somebody_writes_to(store: DiskObjectStore, root: Path) -> None:
    slow = Writer(store, 0, FIRST)
    await slow.has_begun()
    [grown] = growing(root)
    os.utime(grown, (1, 1))
    assert await store.clean(before=time.time() - 60) == 0
    await slow.goes_on()
    assert await content(store, key(0)) == FIRST


# --- what goes wrong ---


async def test_what_broke_off_is_no_object_and_the_next_one_takes_its_place(
    store: DiskObjectStore, root: Path
) -> None:
    async def failing() -> AsyncIterator[bytes]:
        yield b"x" * SIZE
        raise ConnectionResetError

    with pytest.raises(ConnectionResetError):
        await store.put(key(0), failing(), if_absent=True, place=place(0))
    with pytest.raises(ObjectNotFound):
        await store.stat(key(0))
    await put(store, 0, FIRST)

    await store.compose(WHOLE, [key(0)])
    assert await content(store, WHOLE) == FIRST
    assert growing(root) == []


async def test_a_slice_cannot_reach_into_the_next_one(store: DiskObjectStore) -> None:
    await put(store, 1, SECOND)
    with pytest.raises(ValueError, match="more than its"):
        await store.put(key(0), stream(FIRST + b"x"), if_absent=True, place=place(0))
    with pytest.raises(ValueError, match="has 1"):
        await store.put(key(0), stream(b"x"), if_absent=True, place=place(0))
    assert await content(store, key(1)) == SECOND


async def test_a_writer_killed_in_the_middle_gives_its_place_up(
    store: DiskObjectStore, root: Path
) -> None:
    argv = [sys.executable, "-c", ENDLESS_SLICE, str(root)]
    with subprocess.Popen(argv, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout
        assert process.stdout.readline() == "begun\n"
        process.send_signal(signal.SIGKILL)
        process.wait()
    inode = growing(root)[0].stat().st_ino
    await put(store, 0, FIRST)
    await put(store, 1, SECOND)

    await store.compose(WHOLE, [key(0), key(1)])

    assert (root / WHOLE).stat().st_ino == inode
    assert await content(store, WHOLE) == FIRST + SECOND


async def test_composing_again_after_a_crash_gives_the_same_whole(store: DiskObjectStore) -> None:
    await put(store, 0, FIRST)
    await put(store, 1, SECOND)
    for _ in range(2):  # nobody could record the first time
        await store.compose(WHOLE, [key(0), key(1)])
    assert await content(store, WHOLE) == FIRST + SECOND


async def test_slices_in_another_order_are_copied(store: DiskObjectStore) -> None:
    await put(store, 0, FIRST)
    await put(store, 1, SECOND)
    await store.compose("other", [key(1), key(0)])
    assert await content(store, "other") == SECOND + FIRST
    assert await content(store, key(0)) == FIRST
    await store.compose(WHOLE, [key(1), key(0)])
    assert await content(store, WHOLE) == SECOND + FIRST


async def test_a_missing_slice_makes_nothing(store: DiskObjectStore) -> None:
    await put(store, 0, FIRST)
    with pytest.raises(ObjectNotFound):
        await store.compose(WHOLE, [key(0), key(1)])
    with pytest.raises(ObjectNotFound):
        await store.stat(WHOLE)
    await put(store, 1, SECOND)
    await store.compose(WHOLE, [key(0), key(1)])
    assert await content(store, WHOLE) == FIRST + SECOND


async def test_deleting_the_whole_deletes_what_grew_to_be_it(
    store: DiskObjectStore, root: Path
) -> None:
    await put(store, 0, FIRST)
    await store.delete([key(0), WHOLE])
    assert [path for path in root.rglob("*") if not path.is_dir()] == []


async def test_cleaning_spares_what_a_slice_lies_in(store: DiskObjectStore, root: Path) -> None:
    await put(store, 0, FIRST)
    assert await store.clean(before=time.time() + 60) == 0
    assert await content(store, key(0)) == FIRST
    await store.delete([key(0)])
    assert await store.clean(before=time.time() - 60) == 0
    assert await store.clean(before=time.time() + 60) == 1
    assert growing(root) == []


async def test_a_full_disk_is_told_and_what_is_stored_stays(tmp_path: Path) -> None:
    with mounted(tmp_path / "small", 7 * MIB) as small:
        store = DiskObjectStore(small)
        await put(store, 0, FIRST)
        await put(store, 1, SECOND)
        with pytest.raises(InsufficientStorage):
            await asyncio.gather(put(store, 2, THIRD), put(store, 3, THIRD))
        assert await content(store, key(0)) == FIRST
        stored = [info.key async for info in store.scan("")]
        await store.delete([*stored, WHOLE])
        await store.put("key", stream(b"x" * 4 * MIB))  # the room is free again


async def test_where_what_grew_was_lost_its_slices_are_not_there_and_never_zeros(
    store: DiskObjectStore, root: Path
) -> None:
    """As in a copy without dot files."""
    await put(store, 0, FIRST)
    growing(root)[0].unlink()

    await put(store, 1, SECOND)

    assert await content(store, key(1)) == SECOND
    with pytest.raises(ObjectNotFound):
        await content(store, key(0))
    with pytest.raises(ObjectNotFound):
        await store.stat(key(0))
    with pytest.raises(ObjectNotFound):
        await store.compose(WHOLE, [key(0), key(1)])


@pytest.mark.parametrize("first", [".wholes", "uploads"])
@pytest.mark.parametrize("does", ["one more", "complete"])
async def test_a_backup_made_while_slices_come_has_the_bytes_of_each(
    tmp_path: Path, first: str, does: str
) -> None:
    data, backup = tmp_path / "data", tmp_path / "backup"
    store = DiskObjectStore(data / "objects")
    await put(store, 0, FIRST)
    (data / "secret").touch()
    (tmp_path / "bin").mkdir()
    (tmp_path / "bin/cp").write_text(f"#!{sys.executable}\n{INTERRUPTED_CP}")
    (tmp_path / "bin/cp").chmod(0o755)
    backup.mkdir()
    lines = re.findall(r"```sh\n(# backup\n.*?)```", BACKUPS.read_text(), re.DOTALL)[0]
    environ = {
        **os.environ, "PATH": f"{tmp_path}/bin:{os.environ['PATH']}", "FIRST": first,
        "MEANWHILE": MEANWHILE.format(does=does), "DATA_DIR": str(data), "BACKUP": str(backup),
    }  # fmt: skip
    subprocess.run(["bash", "-eu", "-c", lines], env=environ, check=True)

    restored = DiskObjectStore(backup / "objects")
    with contextlib.suppress(ObjectExists):
        await put(restored, 1, SECOND)  # no record says that it was there
    assert await content(restored, key(0)) == FIRST
    assert await content(restored, key(1)) == SECOND
    await restored.compose(WHOLE, [key(0), key(1)])
    assert await content(restored, WHOLE) == FIRST + SECOND


# --- where the system can less ---


async def test_where_nothing_can_be_locked_slices_are_files(
    store: DiskObjectStore, root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(slices, "_SET_LOCK", None)
    await put(store, 0, FIRST)
    await put(store, 1, SECOND)
    await store.compose(WHOLE, [key(0), key(1)])
    assert await content(store, WHOLE) == FIRST + SECOND
    assert growing(root) == []


async def test_where_there_are_no_links_slices_are_files(
    store: DiskObjectStore, root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object) -> None:
        raise OSError(errno.EPERM, "Operation not permitted")

    monkeypatch.setattr(Path, "symlink_to", refuse)
    await put(store, 0, FIRST)
    await put(store, 1, SECOND)
    with pytest.raises(ObjectExists):
        await put(store, 1, THIRD)
    await store.compose(WHOLE, [key(0), key(1)])
    assert await content(store, WHOLE) == FIRST + SECOND
    assert list((root / ".tmp").iterdir()) == []


async def test_a_whole_with_a_very_long_key_has_slices_too(
    store: DiskObjectStore, root: Path
) -> None:
    whole = "/".join(["x" * 150] * 3)
    await store.put(key(0), stream(FIRST), if_absent=True, place=Slice(whole, 0, SIZE))
    assert len(growing(root)) == 1
    await store.compose(whole, [key(0)])
    assert await content(store, whole) == FIRST
