"""tus without a network: what a listing says, and what headers say."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wavemill_common.errors import RequestError
from wavemill_common.uploads import ByTus, Upload
from wavemill_gateway.tus.headers import file_name, read_metadata
from wavemill_gateway.tus.pieces import chunk_end, layout_of, piece_key, whole_key

CHUNK = 10


def upload_of(size: int) -> Upload:
    return Upload(
        file_id="f",
        file_name="a.wav",
        size=size,
        chunk_size=CHUNK,
        storage_key="uploads/f.wav",
        created_at=0.0,
        expires_at=1.0,
        tus=ByTus(),
    )


def stored(upload: Upload, lengths: list[int], *, joined: bool) -> tuple[dict[str, int], int]:
    """What lies there after bodies of these lengths, and how many bytes that is."""
    sizes: dict[str, int] = {}
    offset, size = 0, upload.size or 0
    for length in lengths:
        end = min(offset + length, size)
        while offset < end:
            stop = min(end, chunk_end(upload, offset))
            sizes[piece_key(upload, offset)] = stop - offset
            if joined and stop == chunk_end(upload, offset):
                index = offset // CHUNK
                sizes[whole_key(upload, index)] = upload.chunk_length(index)
            offset = stop
    return sizes, offset


@given(st.integers(1, 60), st.lists(st.integers(0, 25)))
def test_a_listing_tells_how_many_bytes_are_kept(size: int, lengths: list[int]) -> None:
    upload = upload_of(size)
    sizes, kept = stored(upload, lengths, joined=True)
    layout = layout_of(upload, sizes)
    assert layout.offset == kept
    assert len(layout.chunks) == (-(-size // CHUNK) if kept == size else kept // CHUNK)
    assert sum(sizes[key] for key in (*layout.chunks, *layout.pieces)) == kept


@given(st.lists(st.integers(1, 25)))
def test_bytes_behind_a_chunk_that_is_not_joined_yet_do_not_count(lengths: list[int]) -> None:
    upload = upload_of(60)
    layout = layout_of(upload, stored(upload, lengths, joined=False)[0])
    assert layout.offset <= chunk_end(upload, len(layout.chunks) * CHUNK) or not layout.pieces


def test_what_a_late_request_left_behind_a_joined_chunk_does_not_count() -> None:
    upload = upload_of(30)
    prefix = upload.chunks_prefix
    sizes = {f"{prefix}whole-0": 10, f"{prefix}part-0": 4, f"{prefix}piece-4": 3}
    sizes |= {f"{prefix}part-1": 2, f"{prefix}piece-13": 4, f"{prefix}staged-x": 30}
    layout = layout_of(upload, sizes)
    assert layout.chunks == (f"{prefix}whole-0",)
    assert layout.pieces == (f"{prefix}part-1",)
    assert layout.offset == 12


def test_metadata_are_read_as_uppy_and_others_write_them() -> None:
    assert read_metadata("") == {}
    found = read_metadata("relativePath bnVsbA==,name w5wud2F2, type YXVkaW8vd2F2,flag")
    assert found == {"relativePath": "null", "name": "Ü.wav", "type": "audio/wav", "flag": ""}
    assert file_name(found) == "Ü.wav"
    assert file_name({"filename": "b.mp3", "name": "c"}) == "b.mp3"
    assert file_name({}) == ""


@pytest.mark.parametrize("text", ["a b c", "a YQ", "a YQ==,,b YQ==", "a YQ==,a YQ=="])
def test_malformed_metadata_are_refused(text: str) -> None:
    with pytest.raises(RequestError):
        read_metadata(text)
