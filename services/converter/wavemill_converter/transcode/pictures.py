"""Pictures: tell what the bytes of a cover are, and wrap them as Ogg's tags hold them. Pure."""

import base64
import struct
from collections.abc import Iterator

from wavemill_common.media import Cover

PICTURE_TAG = "METADATA_BLOCK_PICTURE"
_FRONT_COVER = 3
_PNG = b"\x89PNG\r\n\x1a\n"
_PNG_HEADER = 24  # bytes up to the end of the size, which stands first
_JPEG = b"\xff\xd8\xff"
_SIZED = frozenset(range(0xC0, 0xD0)) - {0xC4, 0xC8, 0xCC}  # markers of frames, which tell a size
_ALONE = frozenset({0x01, *range(0xD0, 0xD9)})  # markers without a length


def describe_picture(data: bytes) -> Cover | None:
    """Read a picture's header; None if it is neither JPEG nor PNG, or has no size."""
    size = _png_size(data) if data.startswith(_PNG) else _jpeg_size(data)
    if size is None or not all(size):
        return None
    mime = "image/png" if data.startswith(_PNG) else "image/jpeg"
    return Cover(mime, size=len(data), width=size[0], height=size[1])


def _png_size(data: bytes) -> tuple[int, int] | None:
    if len(data) < _PNG_HEADER or data[12:16] != b"IHDR":
        return None
    width, height = struct.unpack(">II", data[16:_PNG_HEADER])
    return width, height


def _jpeg_size(data: bytes) -> tuple[int, int] | None:
    for marker, body in _segments(data):
        if marker in _SIZED and len(body) >= 5:  # noqa: PLR2004 - depth, height, width
            height, width = struct.unpack(">HH", body[1:5])
            return width, height
    return None


def _segments(data: bytes) -> Iterator[tuple[int, bytes]]:
    at = 2 if data.startswith(_JPEG) else len(data)
    while at + 4 <= len(data) and data[at] == 0xFF:  # noqa: PLR2004 - what begins a marker
        marker = data[at + 1]
        if marker in _ALONE or marker == 0xFF:  # noqa: PLR2004 - padding
            at += 1 if marker == 0xFF else 2  # noqa: PLR2004
            continue
        length = int.from_bytes(data[at + 2 : at + 4], "big")
        yield marker, data[at + 4 : at + 2 + length]
        at += 2 + max(length, 2)


def picture_tag(data: bytes, cover: Cover) -> str:
    """Wrap a front cover as FLAC's picture block in base64: https://xiph.org/flac/format.html."""
    mime = cover.mime.encode()
    block = [
        struct.pack(">II", _FRONT_COVER, len(mime)),
        mime,
        struct.pack(">IIIIII", 0, cover.width or 0, cover.height or 0, 24, 0, len(data)),
        data,
    ]
    return base64.b64encode(b"".join(block)).decode()
