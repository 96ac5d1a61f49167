"""Wave: how to look at a WAV in less time, where its beginning shows that nothing is missed by it.

What WAV calls 16-bit PCM may be DTS or the like. To tell, ffmpeg lets all of its demuxers look at a
growing heap of up to 32 packets, 25 ms of computing. One packet that holds as much as those of
ffmpeg 5 to 8 together is looked at once. Those of ffmpeg 9 reach further, up to 3.2 seconds: so
the sound must begin early, and a DTS frame may begin nowhere in what only they could reach.
"""

import struct
from typing import Final

HEAD: Final = 1 << 20  # bytes of a file that are looked at here
_REACH: Final = 3.2  # seconds; ffmpeg 9 takes 32 packets of up to a tenth of a second
_EARLY: Final = 16 * 1024  # bytes within which something other than silence must come
_ENOUGH: Final = 33 * 4096  # bytes of one packet; 32 of 4 KiB, and what rounding to frames takes
_SURE: Final = 64 * 1024  # bytes; DTS that begins in them goes on for many frames in that packet
_ONE_PACKET: Final = ("-max_size", str(_ENOUGH), "-max_probe_packets", "1")
_FIRST_CHUNK, _CHUNK = 12, 8  # bytes before the first chunk, and of each one's name and size
_FORMAT: Final = struct.Struct("<HHIIHH")  # tag, channels, Hz, bytes a second, bytes a frame, bits
_BITS: Final = 16  # only those are taken for anything else
# DTS as 16 or 14 bits in either order of bytes, and its extensions. Source: ETSI TS 102 114.
_DTS: Final = tuple(
    bytes.fromhex(word) for word in ("7ffe8001", "fe7f0180", "1fffe800", "ff1f00e8", "64582025")
)


def look_options(head: bytes) -> tuple[str, ...]:
    """The demuxer's options for a short look at a file with this head; () for the usual look. Pure.

    `head` are its first HEAD bytes, all of them if it is shorter.
    """
    start, reach = _sound(head)
    early = head[start : start + _EARLY].strip(b"\0")
    if not start or not early or start + reach > HEAD:
        return ()
    later = (start + _SURE, start + reach)
    return () if any(head.find(word, *later) >= 0 for word in _DTS) else _ONE_PACKET


def _sound(head: bytes) -> tuple[int, int]:
    """Where 16-bit sound begins, and how many bytes ffmpeg may look at; 0, 0 if there is none."""
    if head[:4] != b"RIFF" or head[8:_FIRST_CHUNK] != b"WAVE":
        return 0, 0
    at, reach = _FIRST_CHUNK, 0
    while at + _CHUNK <= len(head):
        name, size = struct.unpack_from("<4sI", head, at)
        at += _CHUNK
        if name == b"data":
            return (at, reach) if reach else (0, 0)
        if name == b"fmt " and at + _FORMAT.size <= len(head):
            _, _, rate, _, frame, bits = _FORMAT.unpack_from(head, at)
            reach = int(_REACH * rate) * frame if bits == _BITS else 0
        at += size + size % 2
    return 0, 0
