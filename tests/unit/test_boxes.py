"""Boxes: an MP4 file tells at its beginning whether its index comes at its end."""

import pytest

from wavemill_converter.store.boxes import index_is_behind


def box(kind: bytes, length: int = 16) -> bytes:
    return length.to_bytes(4) + kind + bytes(length - 8)


FTYP = box(b"ftyp", 28)
LONG = (1).to_bytes(4) + b"wide" + (40).to_bytes(8) + bytes(24)


@pytest.mark.parametrize(
    ("head", "behind"),
    [
        (FTYP + box(b"mdat"), True),
        (FTYP + box(b"free") + box(b"mdat"), True),
        (FTYP + LONG + box(b"mdat"), True),
        (FTYP + box(b"moov"), False),
        (FTYP + box(b"free") + box(b"moov"), False),
        (FTYP + (3).to_bytes(4) + b"odd " + bytes(8), False),
        (FTYP + box(b"free", 4096)[:100], False),
        (b"RIFF" + bytes(100), False),
        (b"", False),
    ],
)
def test_the_index_is_behind_the_sound_where_the_sound_comes_first(
    head: bytes,
    behind: bool,  # noqa: FBT001 - a parameter
) -> None:
    assert index_is_behind(head) is behind
