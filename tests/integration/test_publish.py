"""Results and inputs on their way between scratch and store: whole, or not at all."""

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from wavemill_common.errors import StorageUnavailable
from wavemill_common.objects import ObjectInfo
from wavemill_common.objects.disk import DiskObjectStore
from wavemill_common.retry import retried
from wavemill_converter.store.publish import fetch, publish

KEY = "conversions/j/1-0-abcdefgh.mp3"


class LosesAReply(DiskObjectStore):
    """Stores the first object, and fails then."""

    lost = False

    async def put(self, key: str, data: AsyncIterator[bytes], **how: Any) -> ObjectInfo:
        stored = await super().put(key, data, **how)
        if not self.lost:
            self.lost = True
            raise StorageUnavailable("the reply was lost")
        return stored


class SendsLess(DiskObjectStore):
    """Ends every read one byte early."""

    async def read(self, key: str, start: int = 0, end: int | None = None) -> AsyncIterator[bytes]:
        size = (await self.stat(key)).size
        async for block in super().read(key, start, size - 1 if end is None else end):
            yield block


async def test_a_result_whose_storing_got_no_reply_is_stored_again(tmp_path: Path) -> None:
    store = LosesAReply(tmp_path / "store")
    source = tmp_path / "result"
    source.write_bytes(b"result")

    stored, _ = await retried(publish, store, KEY, source)

    assert (stored.size, (await store.stat(KEY)).size) == (6, 6)


async def test_an_input_that_comes_short_is_no_short_file(tmp_path: Path) -> None:
    store = SendsLess(tmp_path / "store")
    source = tmp_path / "source"
    source.write_bytes(b"source")
    await publish(store, KEY, source)

    with pytest.raises(StorageUnavailable):
        await fetch(store, KEY, tmp_path / "copy")
