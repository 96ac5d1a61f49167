"""What the bytes of a picture are is read from them, whatever they claim or lack."""

import base64
import io

import pytest
from hypothesis import given
from hypothesis import strategies as st
from media_files import run
from mutagen.flac import Picture

from wavemill_common.media import Cover
from wavemill_converter.transcode.pictures import describe_picture, picture_tag


def a_picture(codec: str) -> bytes:
    source = ["-f", "lavfi", "-i", "testsrc=s=120x80", "-frames:v", "1", "-c:v", codec]
    return run(*source, "-f", "image2pipe", "pipe:1")


@pytest.mark.parametrize(("codec", "mime"), [("png", "image/png"), ("mjpeg", "image/jpeg")])
def test_a_picture_is_described_and_wrapped_as_mutagen_reads_it(codec: str, mime: str) -> None:
    data = a_picture(codec)
    cover = describe_picture(data)
    assert cover == Cover(mime, size=len(data), width=120, height=80)
    block: Picture = Picture(base64.b64decode(picture_tag(data, cover)))  # type: ignore[no-untyped-call]
    assert (block.type, block.mime, block.width, block.height) == (3, mime, 120, 80)
    assert block.data == data


@pytest.mark.parametrize("data", [b"", b"GIF89a", b"\xff\xd8\xff", b"\x89PNG\r\n\x1a\n"])
def test_what_is_no_picture_is_none(data: bytes) -> None:
    assert describe_picture(data) is None


@given(st.binary(max_size=200))
def test_no_bytes_break_the_reader(data: bytes) -> None:
    for begin in (b"\xff\xd8\xff", b"\x89PNG\r\n\x1a\n", b""):
        found = describe_picture(begin + data)
        assert found is None or found.size == io.BytesIO(begin + data).getbuffer().nbytes
