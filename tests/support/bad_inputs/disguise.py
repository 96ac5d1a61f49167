"""Disguise: what is something else than it seems, or two things at once."""

import bz2
import gzip
import io
import lzma
import tarfile
import zipfile
from collections.abc import Mapping

from support.playlists import EXTENSIONS, KINDS

HTML = b"<html><script>alert(document.domain)</script><body>hello</body></html>"
ENTRY = "file:///etc/passwd"
HOST = "http://127.0.0.1:9/secret.wav"


def disguised(sources: Mapping[str, bytes]) -> dict[str, tuple[str, bytes]]:
    """All of them: a name to a file name and bytes."""
    return {**_playlists(), **_polyglots(sources), **_archives(sources["wav"]), **_others()}


def _playlists() -> dict[str, tuple[str, bytes]]:
    return {
        f"{kind} of {what} as {extension}": (f"list.{extension}", make(entry).encode())
        for kind, make in KINDS.items()
        for extension in EXTENSIONS[::2]
        for what, entry in (("a file", ENTRY), ("a host", HOST))
    }


def _polyglots(sources: Mapping[str, bytes]) -> dict[str, tuple[str, bytes]]:
    mp3, wav, flac = sources["mp3"], sources["wav"], sources["flac"]
    playlist = KINDS["hls"](ENTRY).encode()
    packed = _zip(playlist)
    return {
        "html before mp3": ("a.mp3", HTML + mp3),
        "html behind mp3": ("a.html", mp3 + HTML),
        "html in a tag of mp3": ("a.mp3", _tag(HTML) + mp3),
        "zip behind mp3": ("a.zip", mp3 + packed),
        "zip before mp3": ("a.mp3", packed + mp3),
        "zip behind wav": ("a.wav", wav + packed),
        "pdf before flac": ("a.pdf", b"%PDF-1.7\n" + flac),
        "pdf behind flac": ("a.flac", flac + b"%PDF-1.7\n%%EOF\n"),
        "playlist behind wav": ("a.m3u8", wav + playlist),
        "playlist in a tag of mp3": ("a.m3u8", _tag(playlist) + mp3),
        "script before mp3": ("a.sh", b"#!/bin/sh\nexit 1\n" + mp3),
        "gif before wav": ("a.gif", b"GIF89a\x01\x00\x01\x00\x80\x00\x00" + wav),
    }


def _archives(wav: bytes) -> dict[str, tuple[str, bytes]]:
    tar = io.BytesIO()
    with tarfile.open(fileobj=tar, mode="w") as archive:
        member = tarfile.TarInfo("../../a.wav")
        member.size = len(wav)
        archive.addfile(member, io.BytesIO(wav))
    return {
        "zip": ("a.wav", _zip(wav)),
        "tar": ("a.wav", tar.getvalue()),
        "gzip": ("a.wav", gzip.compress(wav)),
        "bzip2": ("a.wav", bz2.compress(wav)),
        "xz": ("a.wav", lzma.compress(wav)),
        "gzip of zeros": ("a.mp3", gzip.compress(bytes(20_000_000))),
        "7z": ("a.mp3", b"7z\xbc\xaf\x27\x1c\x00\x04" + bytes(200)),
        "rar": ("a.mp3", b"Rar!\x1a\x07\x01\x00" + bytes(200)),
    }


def _others() -> dict[str, tuple[str, bytes]]:
    return {
        "one byte": ("a.mp3", b"\xff"),
        "zeros": ("a.wav", bytes(10_000)),
        "ones": ("a.mp3", b"\xff" * 10_000),
        "an svg": ("a.svg", b'<svg xmlns="http://www.w3.org/2000/svg"><script/></svg>'),
        "an executable": ("a.mp3", b"\x7fELF\x02\x01\x01" + bytes(500)),
        "a database": ("a.mp3", b"SQLite format 3\0" + bytes(500)),
        "ffmetadata": ("a.txt", b";FFMETADATA1\ntitle=x\n[CHAPTER]\nSTART=0\nEND=-1\n"),
        "subtitles": ("a.srt", b"1\n00:00:00,000 --> 00:00:01,000\nhello\n"),
        "a filter": ("a.mp3", b"amovie=/etc/passwd"),
    }


def _zip(content: bytes) -> bytes:
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        archive.writestr("../../a.m3u8", content)
    return packed.getvalue()


def _tag(text: bytes) -> bytes:
    """An ID3 tag with this as its title."""
    frame = b"TIT2" + (len(text) + 1).to_bytes(4, "big") + b"\0\0\0" + text
    size = bytes(len(frame) >> shift & 0x7F for shift in (21, 14, 7, 0))
    return b"ID3\x03\x00\x00" + size + frame
