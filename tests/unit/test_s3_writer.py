"""How a stream becomes the parts that are sent to S3."""

import io
import itertools
import os
import sys
import zlib
from collections.abc import AsyncIterator

import pytest

from wavemill_common.objects.s3_body import SMALL, Pieces, WatchedBody
from wavemill_common.objects.s3_writer import repacked


async def cut(data: bytes, size: int) -> AsyncIterator[bytes]:
    for start in range(0, len(data), size):
        yield data[start : start + size]


@pytest.mark.parametrize("piece", [1, 7, 10, 25, 1000])
@pytest.mark.parametrize("total", [0, 1, 9, 10, 11, 30, 95])
async def test_parts_have_their_sizes_whatever_the_pieces(piece: int, total: int) -> None:
    data = bytes(range(total))
    sizes = [10, 10, 20, 20, 20, 20]
    parts = [part async for part in repacked(cut(data, piece), iter(sizes))]
    assert b"".join(map(joined, parts)) == data
    assert [part.size for part in parts[:-1]] == sizes[: max(0, len(parts) - 1)]
    assert all(part.size for part in parts)


async def test_a_stream_in_the_tiniest_pieces_takes_no_more_memory_than_its_bytes() -> None:
    pieces = Pieces()
    for _ in range(50_000):
        pieces.add(memoryview(b"xy"))
    assert len(pieces._pieces) == 1
    assert sys.getsizeof(pieces._pieces[0]) < 2 * 100_000
    assert joined(pieces) == b"xy" * 50_000


async def test_small_and_large_pieces_keep_their_order() -> None:
    pieces, lengths = Pieces(), [3, SMALL, 5, 2, SMALL + 1, SMALL, 1]
    data = [bytes([number]) * length for number, length in enumerate(lengths)]
    for piece in data:
        pieces.add(memoryview(piece))
    assert joined(pieces) == b"".join(data)


async def test_a_part_that_is_full_is_handed_over_before_more_is_asked_for() -> None:
    taken = itertools.count()

    async def endless() -> AsyncIterator[bytes]:
        for number in taken:
            yield bytes([number]) * 10

    parts = repacked(endless(), itertools.repeat(10))
    assert joined(await anext(parts)) == b"\0" * 10
    assert next(taken) == 1


def joined(pieces: Pieces) -> bytes:
    return b"".join(pieces)


def body_of(*pieces: bytes) -> WatchedBody:
    gathered = Pieces()
    for piece in pieces:
        gathered.add(memoryview(piece))
    return WatchedBody(gathered, lambda: None)


LONG, SHORT = os.urandom(SMALL), os.urandom(7)


@pytest.mark.parametrize("size", [1, 3, 1000, SMALL - 1, SMALL, 3 * SMALL])
@pytest.mark.parametrize("pieces", [(), (SHORT,), (LONG, LONG), (SHORT, LONG, SHORT, SHORT, LONG)])
def test_a_body_is_read_from_its_pieces(pieces: tuple[bytes, ...], size: int) -> None:
    body = body_of(*pieces)
    blocks = list(iter(lambda: body.read(size), b""))
    assert b"".join(blocks) == b"".join(pieces)
    assert all(0 < len(block) <= size for block in blocks)


@pytest.mark.parametrize("place", [0, 1, 7, 8, SMALL, SMALL + 6, SMALL + 7, 2 * SMALL + 14])
def test_a_body_is_read_again_from_any_place(place: int) -> None:
    body, whole = body_of(SHORT, LONG, SHORT, LONG), SHORT + LONG + SHORT + LONG
    body.read(SMALL)
    assert body.seek(place) == body.tell() == place
    assert body.read() == whole[place:]
    assert body.seek(-5, io.SEEK_END) == len(whole) - 5
    assert bytes(body.read(3)) == whole[-5:-2]
    assert body.seek(1, io.SEEK_CUR) == len(whole) - 1


def test_a_body_is_measured_and_read_without_a_copy() -> None:
    body = body_of(LONG, LONG)
    with body.getbuffer() as buffer:
        assert len(buffer) == 2 * SMALL
    assert memoryview(body.read(100)).obj is LONG


def test_the_checksum_of_pieces_is_that_of_their_bytes() -> None:
    pieces = Pieces()
    for piece in (SHORT, LONG, SHORT):
        pieces.add(memoryview(piece))
    assert pieces.crc32() == zlib.crc32(SHORT + LONG + SHORT)
    assert pieces.size == SMALL + 14
