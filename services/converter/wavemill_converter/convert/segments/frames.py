"""Frames of FLAC: give them other numbers. Source: RFC 9639, section 9.1."""

from collections.abc import Iterator
from typing import Final

from wavemill_converter.convert.segments.crc import crc8, crc16, crc16_followed

_SYNC: Final = b"\xff\xf8"  # of a stream whose blocks all have one size
_NUMBER: Final = 4  # where a frame's number begins
_BLOCK_BYTES: Final = {6: 1, 7: 2}  # by the code of the block's size: bytes behind the number
_RATE_BYTES: Final = {12: 1, 13: 2, 14: 2}  # by the code of the rate
_FOOTER: Final = 2
_ASCII: Final = 0x80
_MOST: Final = 1 << 31


class FrameError(ValueError):
    """What should be a frame of FLAC is none."""


def coded_number(number: int) -> bytes:
    """Write a frame's number as UTF-8 writes a character; up to 31 bits, which UTF-8 has not."""
    if number < _ASCII:
        return bytes([number])
    if number >= _MOST:
        raise FrameError(f"there is no frame {number}")
    tail = []
    room = 0x3F  # what the first byte could hold
    while number > room:
        tail.append(0x80 | number & 0x3F)
        number >>= 6
        room >>= 1
    lead = (0xFF << (7 - len(tail))) & 0xFF
    return bytes([lead | number, *reversed(tail)])


def renumbered(
    frames: memoryview, sizes: list[int], before: int, after: int
) -> Iterator[bytes | memoryview]:
    """Number frames from `after`, that have numbers from `before`; yields them in pieces.

    Raises:
        FrameError: one of them is no frame, or has another number.
    """
    start = 0
    for count, size in enumerate(sizes):
        yield from _renumbered(frames[start : start + size], before + count, after + count)
        start += size


def _renumbered(frame: memoryview, before: int, after: int) -> Iterator[bytes | memoryview]:
    header = header_of(frame, before)
    if before == after:
        yield frame
        return
    number = _NUMBER + len(coded_number(before))
    changed = header[:_NUMBER] + coded_number(after) + header[number:-1]
    changed += bytes([crc8(changed)])
    body = frame[len(header) : -_FOOTER]
    difference = crc16_followed(crc16(header) ^ crc16(changed), len(body))
    checksum = int.from_bytes(frame[-_FOOTER:], "big") ^ difference
    yield changed
    yield body
    yield checksum.to_bytes(_FOOTER, "big")


def header_of(frame: memoryview | bytes, number: int) -> bytes:
    """The header of frame `number`, its checksum included.

    Raises:
        FrameError: it is not there.
    """
    coded = coded_number(number)
    behind = _NUMBER + len(coded)
    start = bytes(frame[:behind])
    if start[:2] != _SYNC or start[_NUMBER:] != coded:
        raise FrameError(f"frame {number} is not where it should be")
    codes = start[2]
    end = behind + _BLOCK_BYTES.get(codes >> 4, 0) + _RATE_BYTES.get(codes & 0xF, 0) + 1
    header = bytes(frame[:end])
    if len(frame) < end + _FOOTER or crc8(header):
        raise FrameError(f"the header of frame {number} is damaged")
    return header
