"""Frames of FLAC get other numbers, and are then what an encoder would have written."""

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wavemill_converter.convert.segments.crc import crc8, crc16, crc16_followed
from wavemill_converter.convert.segments.frames import (
    FrameError,
    coded_number,
    header_of,
    renumbered,
)
from wavemill_converter.convert.segments.head import HeadError, Whole, completed, head_length

NUMBERS = st.integers(0, (1 << 31) - 1)
BODIES = st.binary(min_size=1, max_size=400)
CODES = st.sampled_from([b"\xc9\x18", b"\x79\xa8", b"\x6c\x08", b"\x7d\x98", b"\xce\x1c"])
EXTRA = {0xC9: 0, 0x79: 2, 0x6C: 2, 0x7D: 4, 0xCE: 2}
CHECKED = b"123456789"  # of which all catalogues of checksums tell the checksum


def frame(number: int, codes: bytes, body: bytes) -> bytes:
    """A frame as an encoder writes it: header and checksums are right, its body is noise."""
    header = b"\xff\xf8" + codes + coded_number(number) + bytes(range(EXTRA[codes[0]]))
    whole = header + bytes([crc8(header)]) + body
    return whole + crc16(whole).to_bytes(2, "big")


def test_the_checksums_are_those_of_the_catalogues() -> None:
    assert (crc8(CHECKED), crc16(CHECKED)) == (0xF4, 0xFEE8)


@given(st.binary(max_size=50), st.integers(0, 3000))
def test_zeros_that_follow_change_a_checksum_as_if_they_were_summed_up(
    data: bytes, length: int
) -> None:
    assert crc16_followed(crc16(data), length) == crc16(data + bytes(length))


@given(st.integers(0, 0xD7FF))
def test_a_number_is_coded_as_utf_8_codes_a_character(number: int) -> None:
    assert coded_number(number) == chr(number).encode()


def test_numbers_go_on_where_utf_8_ends() -> None:
    borders = [1 << bits for bits in (7, 11, 16, 21, 26)]
    lengths = [(len(coded_number(one - 1)), len(coded_number(one))) for one in borders]
    assert lengths == list(pairwise(range(1, 7)))
    assert coded_number((1 << 31) - 1) == b"\xfd" + b"\xbf" * 5
    with pytest.raises(FrameError):
        coded_number(1 << 31)


@given(NUMBERS, NUMBERS, CODES, BODIES)
def test_a_renumbered_frame_is_what_an_encoder_would_have_written(
    before: int, after: int, codes: bytes, body: bytes
) -> None:
    one = frame(before, codes, body)
    made = b"".join(renumbered(memoryview(one), [len(one)], before, after))
    assert made == frame(after, codes, body)


@given(st.lists(BODIES, min_size=1, max_size=5), st.integers(0, 300), st.integers(0, 70_000))
def test_frames_are_numbered_one_after_the_other(
    bodies: list[bytes], before: int, after: int
) -> None:
    there = [frame(before + count, b"\xc9\x18", body) for count, body in enumerate(bodies)]
    wanted = [frame(after + count, b"\xc9\x18", body) for count, body in enumerate(bodies)]
    sizes = [len(one) for one in there]
    made = renumbered(memoryview(b"".join(there)), sizes, before, after)
    assert b"".join(made) == b"".join(wanted)


@pytest.mark.parametrize("at", [0, 1, 4, 5])
def test_what_is_no_frame_of_that_number_is_refused(at: int) -> None:
    damaged = bytearray(frame(7, b"\xc9\x18", b"sound"))
    damaged[at] ^= 1
    with pytest.raises(FrameError):
        header_of(bytes(damaged), 7)


def test_a_frame_that_is_cut_is_refused() -> None:
    with pytest.raises(FrameError):
        header_of(frame(7, b"\xc9\x18", b"sound")[:6], 7)


INFO = bytes.fromhex("1000 1000 000010 000020 0ac442f0 00000064") + bytes(16)
HEAD = b"fLaC\x00\x00\x00\x22" + INFO + b"\x81\x00\x00\x04" + b"pad!"


@pytest.mark.parametrize("length", range(len(HEAD) + 5))
def test_a_head_is_as_long_as_its_blocks_say_once_all_of_their_lengths_are_there(
    length: int,
) -> None:
    there = (HEAD + b"frame")[:length]
    assert head_length(there) == (len(HEAD) if length >= len(HEAD) - len(b"pad!") else None)


def test_what_begins_otherwise_is_no_flac_file() -> None:
    with pytest.raises(HeadError):
        head_length(b"RIFF....")


def test_the_head_of_the_whole_has_its_length_its_digest_and_its_frame_sizes() -> None:
    whole = Whole(samples=0x3_0000_0001, md5="0123456789abcdef" * 2, smallest=11, largest=9000)
    made = completed(HEAD, whole)
    wanted = bytes.fromhex("1000 1000 00000b 002328 0ac442f3 00000001" + whole.md5)
    assert made == HEAD[:8] + wanted + HEAD[42:]


def test_a_length_that_does_not_fit_is_not_told() -> None:
    made = completed(HEAD, Whole(samples=1 << 36, md5="00" * 16, smallest=1, largest=1))
    assert made[18:26] == bytes.fromhex("0ac442f000000000")
