"""Head: what a FLAC file begins with, and what of it only the whole knows. RFC 9639, section 8."""

from typing import Final

from msgspec import Struct

_MAGIC: Final = b"fLaC"
_BLOCK_HEADER: Final = 4
_LAST: Final = 0x80
_INFO: Final = len(_MAGIC) + _BLOCK_HEADER  # where STREAMINFO begins, which is always the first
_INFO_LENGTH: Final = 34
_FRAME_SIZES = slice(_INFO + 4, _INFO + 10)
_RATE_TO_TOTAL = slice(_INFO + 10, _INFO + 18)
_MD5 = slice(_INFO + 18, _INFO + 34)
_TOTAL_BITS: Final = 36


class HeadError(ValueError):
    """What should be the head of a FLAC file is none."""


class Whole(Struct, frozen=True):
    """What only the whole knows: its samples, their MD5 (hex), its smallest and largest frame."""

    samples: int
    md5: str
    smallest: int
    largest: int


def head_length(data: bytes) -> int | None:
    """How long the head of a file is; None while there is too little of the file to tell.

    Raises:
        HeadError: it is no FLAC file.
    """
    if data[: len(_MAGIC)] != _MAGIC[: len(data)]:
        raise HeadError("this is no FLAC file")
    at = len(_MAGIC)
    while at + _BLOCK_HEADER <= len(data):
        last = data[at] & _LAST
        at += _BLOCK_HEADER + int.from_bytes(data[at + 1 : at + _BLOCK_HEADER], "big")
        if last:
            return at
    return None


def completed(head: bytes, whole: Whole) -> bytes:
    """The head of the first segment as that of the whole."""
    if head[len(_MAGIC)] & ~_LAST or len(head) < _INFO + _INFO_LENGTH:
        raise HeadError("the file does not begin with STREAMINFO")
    made = bytearray(head)
    made[_FRAME_SIZES] = whole.smallest.to_bytes(3, "big") + whole.largest.to_bytes(3, "big")
    kept = int.from_bytes(head[_RATE_TO_TOTAL], "big") >> _TOTAL_BITS << _TOTAL_BITS
    total = whole.samples if whole.samples < 1 << _TOTAL_BITS else 0
    made[_RATE_TO_TOTAL] = (kept | total).to_bytes(8, "big")
    made[_MD5] = bytes.fromhex(whole.md5)
    return bytes(made)
