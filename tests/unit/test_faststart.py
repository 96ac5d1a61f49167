"""The index of an MPEG-4 file goes to the front, and every offset with it."""

import struct

import pytest

from wavemill_converter.convert.streaming.faststart import (
    NotMovable,
    boxes,
    index_start,
    moved_head,
    shifted,
)


def box(kind: bytes, content: bytes) -> bytes:
    return struct.pack(">I4s", 8 + len(content), kind) + content


def table(kind: bytes, offsets: list[int]) -> bytes:
    code = "I" if kind == b"stco" else "Q"
    return box(kind, struct.pack(f">II{len(offsets)}{code}", 0, len(offsets), *offsets))


def moov(kind: bytes, offsets: list[int]) -> bytes:
    stbl = box(b"stbl", box(b"stsd", b"opaque") + table(kind, offsets))
    return box(b"moov", box(b"trak", box(b"mdia", box(b"minf", stbl))))


@pytest.mark.parametrize("kind", [b"stco", b"co64"])
def test_every_chunk_offset_is_raised_by_the_length_of_the_index(kind: bytes) -> None:
    assert shifted(moov(kind, [40, 1040]), 500) == moov(kind, [540, 1540])


def test_an_offset_that_no_longer_fits_is_not_forced() -> None:
    with pytest.raises(NotMovable):
        shifted(moov(b"stco", [2**32 - 10]), 500)


def test_the_index_is_found_right_behind_the_audio_though_the_head_ends_before() -> None:
    head = box(b"ftyp", b"M4A ") + box(b"free", b"") + box(b"mdat", b"x" * 5000)[:100]
    assert index_start(head) == 12 + 8 + 5008


def test_a_head_without_audio_is_refused() -> None:
    with pytest.raises(NotMovable):
        index_start(box(b"ftyp", b"M4A "))


def test_the_moved_head_begins_with_the_type_then_the_index() -> None:
    head = box(b"ftyp", b"M4A ") + box(b"free", b"") + box(b"mdat", b"audio")
    index = moov(b"stco", [28])

    moved = moved_head(head, index)

    assert [one.kind for one in boxes(moved)] == [b"ftyp", b"moov", b"free", b"mdat"]
    assert moved == box(b"ftyp", b"M4A ") + shifted(index, len(index)) + head[12:]


@pytest.mark.parametrize("rest", [b"", b"junk", box(b"moov", b"") + box(b"free", b"")])
def test_what_does_not_look_as_expected_is_not_moved(rest: bytes) -> None:
    with pytest.raises(NotMovable):
        moved_head(box(b"ftyp", b"M4A "), rest)
