"""BlockReader: whoever reads, and from where, gets the object's bytes."""

import asyncio
from collections.abc import AsyncIterator

from wavemill_common.objects import ObjectInfo
from wavemill_common.objects.disk import DiskObjectStore
from wavemill_converter.store.blocks import BLOCK, BlockReader

DATA = bytes(index % 251 for index in range(9 * BLOCK + 1000))


class Hesitant(DiskObjectStore):
    """A store that lets others go first before each piece of some length that it gives."""

    def __init__(self, piece: int = 1000) -> None:
        """Hold one object, on no disk."""
        self._piece = piece
        self.given = 0

    async def read(self, key: str, start: int = 0, end: int | None = None) -> AsyncIterator[bytes]:
        assert (key, end) == ("key", None)
        for at in range(start, len(DATA), self._piece):
            await asyncio.sleep(0)
            data = DATA[at : at + self._piece]
            self.given += len(data)
            yield data


async def read(reader: BlockReader, start: int, end: int) -> bytes:
    return b"".join([piece async for piece in reader.read(start, end)])


async def test_readers_at_several_places_at_once_do_not_mix_their_bytes() -> None:
    reader = BlockReader(Hesitant(), ObjectInfo("key", len(DATA), 0.0, ""))
    ranges = [(0, len(DATA)), (2 * BLOCK + 7, len(DATA)), (BLOCK - 5, BLOCK + 5), (9, 10)]
    found = await asyncio.gather(*(read(reader, start, end) for start, end in ranges))
    assert found == [DATA[start:end] for start, end in ranges]


async def test_reading_on_takes_one_request() -> None:
    reader = BlockReader(Hesitant(), ObjectInfo("key", len(DATA), 0.0, ""))
    assert await read(reader, 0, len(DATA)) == DATA
    assert reader.requests == 1


async def test_no_more_than_a_piece_is_held_beyond_what_was_asked_for() -> None:
    store = Hesitant(piece=2 * BLOCK)
    reader = BlockReader(store, ObjectInfo("key", len(DATA), 0.0, ""))
    position = 0
    async for piece in reader.read(0, len(DATA)):
        position += len(piece)
        assert store.given - position < 2 * BLOCK
