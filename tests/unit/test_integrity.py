"""What was stored is compared with what was sent, however it is cut into pieces."""

import hashlib
from collections.abc import AsyncIterator, Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wavemill_common.errors import StorageUnavailable
from wavemill_common.objects import ObjectInfo
from wavemill_common.objects.disk import DiskObjectStore
from wavemill_converter.store.integrity import mark_of, read_back

CONTENT = st.lists(st.binary(max_size=40), min_size=1, max_size=6)


class Holding(DiskObjectStore):
    """A store of one object, given in pieces, on no disk."""

    def __init__(self, data: bytes, piece: int) -> None:
        """Hold the data."""
        self._data = data
        self._piece = piece

    async def read(self, key: str, start: int = 0, end: int | None = None) -> AsyncIterator[bytes]:
        assert (key, start, end) == ("key", 0, None)
        for at in range(0, len(self._data), self._piece):
            yield self._data[at : at + self._piece]


async def read(data: bytes, sent: Sequence[bytes], piece: int = 7) -> str:
    digests = [(len(one), mark_of(one)) for one in sent]
    return await read_back(Holding(data, piece), ObjectInfo("key", len(data), 0.0, ""), digests)


@given(parts=CONTENT, piece=st.integers(1, 100))
async def test_what_is_as_it_was_sent_has_the_digest_of_the_whole(
    parts: list[bytes], piece: int
) -> None:
    whole = b"".join(parts)
    assert await read(whole, parts, piece) == hashlib.sha256(whole).hexdigest()


@given(parts=CONTENT.filter(any), at=st.integers(0), piece=st.integers(1, 100))
async def test_a_single_wrong_bit_anywhere_is_noticed(
    parts: list[bytes], at: int, piece: int
) -> None:
    stored = bytearray(b"".join(parts))
    stored[at % len(stored)] ^= 1
    with pytest.raises(StorageUnavailable, match="altered"):
        await read(bytes(stored), parts, piece)


@pytest.mark.parametrize("stored", [b"", b"abcd", b"abcdef", b"abcdefghX", b"defabcgh"])
async def test_what_is_short_long_or_in_another_order_is_noticed(stored: bytes) -> None:
    with pytest.raises(StorageUnavailable, match="altered"):
        await read(stored, [b"abc", b"def", b"gh"])
