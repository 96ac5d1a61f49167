"""Boxes: where an MP4 file has its index, by what stands at its beginning. Pure."""

HEAD = 64 * 1024  # bytes; an index in front comes right behind the first box
_HEADER = 8  # bytes: length and kind
_LONG_HEADER = 16


def index_is_behind(head: bytes) -> bool:
    """Whether these first bytes are an MP4 file's whose sound comes before its index."""
    if head[4:8] != b"ftyp":
        return False
    at = 0
    while at + _LONG_HEADER <= len(head):
        length, kind = int.from_bytes(head[at : at + 4]), head[at + 4 : at + _HEADER]
        if kind in {b"moov", b"mdat"}:
            return kind == b"mdat"
        if length == 1:
            length = int.from_bytes(head[at + _HEADER : at + _LONG_HEADER])
        if length < _HEADER:
            return False
        at += length
    return False
