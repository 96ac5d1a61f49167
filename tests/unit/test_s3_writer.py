"""How a stream becomes the parts that are sent to S3."""

import itertools
import sys
from collections.abc import AsyncIterator

import pytest

from wavemill_common.objects.s3_patience import WatchedBody
from wavemill_common.objects.s3_writer import SMALL, Pieces, repacked


async def cut(data: bytes, size: int) -> AsyncIterator[bytes]:
    for start in range(0, len(data), size):
        yield data[start : start + size]


@pytest.mark.parametrize("piece", [1, 7, 10, 25, 1000])
@pytest.mark.parametrize("total", [0, 1, 9, 10, 11, 30, 95])
async def test_parts_have_their_sizes_whatever_the_pieces(piece: int, total: int) -> None:
    data = bytes(range(total))
    sizes = [10, 10, 20, 20, 20, 20]
    parts = [part async for part in repacked(cut(data, piece), iter(sizes))]
    assert b"".join(parts) == data
    assert [len(part) for part in parts[:-1]] == sizes[: max(0, len(parts) - 1)]
    assert all(parts)


async def test_a_stream_in_the_tiniest_pieces_takes_no_more_memory_than_its_bytes() -> None:
    pieces = Pieces()
    for _ in range(50_000):
        pieces.add(memoryview(b"xy"))
    assert len(pieces._pieces) == 1
    assert sys.getsizeof(pieces._pieces[0]) < 2 * 100_000
    assert pieces.joined() == b"xy" * 50_000


async def test_small_and_large_pieces_keep_their_order() -> None:
    pieces, lengths = Pieces(), [3, SMALL, 5, 2, SMALL + 1, SMALL, 1]
    data = [bytes([number]) * length for number, length in enumerate(lengths)]
    for piece in data:
        pieces.add(memoryview(piece))
    assert pieces.joined() == b"".join(data)


async def test_a_part_that_is_full_is_handed_over_before_more_is_asked_for() -> None:
    taken = itertools.count()

    async def endless() -> AsyncIterator[bytes]:
        for number in taken:
            yield bytes([number]) * 10

    parts = repacked(endless(), itertools.repeat(10))
    assert await anext(parts) == b"\0" * 10
    assert next(taken) == 1


def test_a_body_is_counted_without_a_copy() -> None:
    data = b"x" * 100
    body = WatchedBody(data, lambda: None)
    assert body.getbuffer().obj is data
    assert (body.read(60), body.tell(), len(body.getbuffer())) == (data[:60], 60, 100)
