"""The checksums of FLAC's frames, and how a change at the front changes them. RFC 9639, section 9.

A CRC is linear: what changes in the first bytes changes it by a value that depends on these bytes
and on how many follow, not on what these are. So no frame is summed up anew, which would take
Python minutes for an hour of sound.
"""

from typing import Final

_CRC8: Final = 0x07
_CRC16: Final = 0x8005


def _table(polynomial: int, bits: int) -> list[int]:
    top, mask = 1 << (bits - 1), (1 << bits) - 1
    table = []
    for byte in range(256):
        value = byte << (bits - 8)
        for _ in range(8):
            value = ((value << 1) ^ (polynomial if value & top else 0)) & mask
        table.append(value)
    return table


_TABLE8: Final = _table(_CRC8, 8)
_TABLE16: Final = _table(_CRC16, 16)
_powers: Final = [1]  # x to the 8n, modulo the polynomial of CRC-16


def crc8(data: bytes) -> int:
    """The checksum of a frame's header; 0 of one that ends with its checksum."""
    value = 0
    for byte in data:
        value = _TABLE8[value ^ byte]
    return value


def crc16(data: bytes) -> int:
    """The checksum of a frame; 0 of one that ends with its checksum."""
    value = 0
    for byte in data:
        value = _zero_added(value) ^ _TABLE16[byte]
    return value


def crc16_followed(value: int, length: int) -> int:
    """What a checksum is once `length` zero bytes follow."""
    while len(_powers) <= length:
        _powers.append(_zero_added(_powers[-1]))
    return _product(value, _powers[length])


def _zero_added(value: int) -> int:
    return ((value << 8) & 0xFFFF) ^ _TABLE16[value >> 8]


def _product(one: int, other: int) -> int:
    """Multiply two polynomials over GF(2), modulo that of CRC-16."""
    result = 0
    while other:
        if other & 1:
            result ^= one
        one = (one << 1) ^ (0x10000 | _CRC16) if one & 0x8000 else one << 1
        other >>= 1
    return result
