"""The reader of uploads on a real store: many at once do not wait for each other."""

import asyncio
import os
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from wavemill_common.objects import ObjectInfo, ObjectStore
from wavemill_common.objects.disk import DiskObjectStore
from wavemill_common.objects.seekable import BLOCK
from wavemill_gateway import media_reader
from wavemill_gateway.media_reader import read_media

MANY = 5 * ((os.cpu_count() or 1) + 4)  # the loop's own threads are fewer


@pytest.fixture
async def stored(tmp_path: Path, lena: Path) -> tuple[ObjectStore, ObjectInfo]:
    async def blocks() -> AsyncIterator[bytes]:
        yield (lena / "lena.mp3").read_bytes()

    store = DiskObjectStore(tmp_path)
    return store, await store.put("uploads/lena.mp3", blocks())


async def test_many_uploads_that_are_complete_at_once_are_all_read(
    stored: tuple[ObjectStore, ObjectInfo],
) -> None:
    async with asyncio.timeout(20):
        found = await asyncio.gather(*(read_media(*stored) for _ in range(MANY)))
    assert {one.codec if one else None for one in found} == {"mp3"}


async def test_a_reader_that_is_held_up_holds_up_no_upload(
    stored: tuple[ObjectStore, ObjectInfo], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(media_reader, "READ_FOR", 0.0)
    assert await read_media(*stored) is None


async def test_what_was_read_already_is_not_read_again(
    stored: tuple[ObjectStore, ObjectInfo], monkeypatch: pytest.MonkeyPatch
) -> None:
    store, info = stored
    found, read, starts = await read_media(store, info), store.read, list[int]()
    head = b"".join([block async for block in read(info.key, 0, BLOCK)])

    def noted(key: str, start: int = 0, end: int | None = None) -> AsyncIterator[bytes]:
        starts.append(start)
        return read(key, start, end)

    monkeypatch.setattr(store, "read", noted)
    assert await read_media(store, info, head) == found is not None
    assert 0 not in starts
    assert await read_media(store, info, head[:-1]) == found  # what is no whole block is not used
    assert 0 in starts
