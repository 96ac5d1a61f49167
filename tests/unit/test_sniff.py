"""Sniff: what is positively no audio is refused; in doubt a file is let in."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wavemill_common.errors import InvalidFormat
from wavemill_gateway.sniff import HEAD_BYTES, describe_no_audio, is_text, refuse_no_audio


@pytest.mark.parametrize(
    ("head", "what"),
    [
        (b"", "empty"),
        (b"x", "text"),
        (b"Hello\n", "text"),
        ("Grüße, 世界\n".encode(), "text"),
        ("Grüße".encode("utf-16"), "text"),
        (b"\xef\xbb\xbfHello", "text"),
        (b"#!/bin/sh\n", "text"),
        (b"#EXTM3U\n", "a playlist"),
        (b"\n #extm3u\n", "a playlist"),
        (b"\xef\xbb\xbf#EXTM3U\n", "a playlist"),
        (b"[Playlist]\nFile1=x", "a playlist"),
        (b"ffconcat version 1.0\n", "a playlist"),
        (b"\x89PNG\r\n\x1a\n" + bytes(20), "an image"),
        (b"\xff\xd8\xff\xe0" + bytes(20), "an image"),
        (b"PK\x03\x04" + bytes(40), "a document or an archive"),
        (b"%PDF-1.7\n\xe2\xe3", "a document or an archive"),
        (b"\x1f\x8b\x08" + bytes(20), "a document or an archive"),
        (b"MZ" + bytes(100), "a document or an archive"),
    ],
)
def test_what_is_no_audio_is_named(head: bytes, what: str) -> None:
    assert describe_no_audio(head) == what
    with pytest.raises(InvalidFormat, match=what) as refused:
        refuse_no_audio(head)
    assert "flac" in refused.value.members["supportedFormats"]


@pytest.mark.parametrize(
    "head",
    [
        b"#!AMR\n\x3c\x08",
        b"#!AMR\n" + b"<" * 40,  # frames that look like letters
        b"#!AMR-WB\n" + b"<" * 40,
        b"ID3\x03\x00\x00\x00\x00\x00\x00",
        b"\xff\xfb\x90\x64" + bytes(400),
        b"RIFF\x24\x08\x00\x00WAVEfmt ",
        b"RF64\xff\xff\xff\xffWAVEds64",
        b"FORM\x00\x00\x10\x00AIFFCOMM",
        b"fLaC\x00\x00\x00\x22",
        b"OggS\x00\x02" + bytes(22) + b"\x01vorbis",
        b"\x00\x00\x00\x20ftypM4A \x00\x00\x00\x00",
        b"\x00\x00\x00\x20ftypisom\x00\x00\x02\x00",  # a video: its sound is converted
        b"\x1a\x45\xdf\xa3" + bytes(40),
        b"\x30\x26\xb2\x75\x8e\x66\xcf\x11\xa6\xd9\x00\xaa\x00\x62\xce\x6c",
        b"wvpk" + bytes(28),
        b"TTA1\x01\x00\x02\x00",
        b"caff\x00\x01\x00\x00desc",
        b"\x0b\x77" + bytes(30),
        b"\xff\xf1\x50\x80" + bytes(30),
        bytes(100),
        bytes(range(256)),
    ],
)
def test_what_may_be_audio_is_let_in(head: bytes) -> None:
    assert describe_no_audio(head) is None
    refuse_no_audio(head)


def test_every_real_file_is_let_in(lena: Path) -> None:
    files = list(lena.glob("lena.*"))
    assert len(files) == 5
    for path in files:
        refuse_no_audio(path.read_bytes()[:HEAD_BYTES])


@given(text=st.text(st.characters(categories=["L", "N", "P", "S"]), min_size=1, max_size=300))
def test_printable_text_is_text_wherever_it_is_cut(text: str) -> None:
    encoded = ("A" + text).encode()
    for cut in range(len(text[-1].encode())):
        assert is_text(encoded[: len(encoded) - cut])


@given(head=st.binary(max_size=300))
def test_any_bytes_are_judged_without_a_crash(head: bytes) -> None:
    assert describe_no_audio(head) in {
        None, "empty", "text", "a playlist", "an image", "a font", "a document or an archive",
    }  # fmt: skip
