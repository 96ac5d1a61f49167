"""Sniff: tell by its first bytes what is positively no audio. In doubt a file is let in.

The converter's probing stage decides about the rest: this only spares the obvious the wait.
"""

import codecs

import filetype

from wavemill_common.catalogue import FORMATS
from wavemill_common.errors import InvalidFormat

HEAD_BYTES = 4096
_NOT_AUDIO = {
    "image": "an image",
    "font": "a font",
    "application": "a document or an archive",
}
_AUDIO_THAT_LOOKS_LIKE_TEXT = (b"#!AMR",)
_PLAYLISTS = (b"#extm3u", b"[playlist]", b"ffconcat")
_TEXT_CONTROLS = frozenset(b"\t\n\r\f\x1b")


def refuse_no_audio(head: bytes) -> None:
    """Judge a file by its first `HEAD_BYTES`.

    Raises:
        InvalidFormat: it is positively no audio; the message says what it is.
    """
    found = describe_no_audio(head)
    if found is not None:
        raise InvalidFormat(
            f"this file is {found}, not audio; send a file such as {', '.join(FORMATS)}",
            supportedFormats=list(FORMATS),
        )


def describe_no_audio(head: bytes) -> str | None:
    """Say what a file is that is positively no audio; None where it may be some."""
    if not head:
        return "empty"
    head = head.removeprefix(codecs.BOM_UTF8)
    if head.startswith(_AUDIO_THAT_LOOKS_LIKE_TEXT):
        return None
    if head[:512].lstrip().lower().startswith(_PLAYLISTS):
        return "a playlist"
    kind = filetype.guess(head)
    if kind is not None:
        return _NOT_AUDIO.get(kind.mime.split("/")[0])
    return "text" if is_text(head) else None


def is_text(head: bytes) -> bool:
    """Whether bytes are plain text: UTF-8 (the last character may be cut) or marked UTF-16."""
    if head.startswith((b"\xff\xfe", b"\xfe\xff")):
        return _decodes(head[: len(head) // 2 * 2], "utf-16")
    if any(byte < ord(" ") and byte not in _TEXT_CONTROLS for byte in head):
        return False
    return any(_decodes(head[: len(head) - cut], "utf-8") for cut in range(4))


def _decodes(data: bytes, encoding: str) -> bool:
    try:
        text = data.decode(encoding)
    except UnicodeDecodeError:
        return False
    return bool(text) and all(char.isprintable() or char.isspace() for char in text)
