"""Names: what a client calls its file, made harmless. They are metadata, never paths."""

import re
import unicodedata
from urllib.parse import quote

MAX_NAME_BYTES = 255
FALLBACK = "audio"
_BIDI = frozenset("\u061c\u200e\u200f\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069")
_SEPARATORS = re.compile(r"[/\\]")
_EXTENSION = re.compile(r"\.([A-Za-z0-9]{1,8})$")


def clean_name(name: str) -> str:
    """Keep what a person reads of a file name: no path, no control or direction characters."""
    last = _SEPARATORS.split(unicodedata.normalize("NFC", name))[-1]
    kept = "".join(
        char
        for char in last
        if unicodedata.category(char) not in {"Cc", "Cs"} and char not in _BIDI
    )
    shortened = _shorten(kept.strip())
    return shortened if shortened.strip(". ") else FALLBACK


def _shorten(name: str) -> str:
    """Cut a name to `MAX_NAME_BYTES` of UTF-8, keeping its extension."""
    if len(name.encode()) <= MAX_NAME_BYTES:
        return name
    found = _EXTENSION.search(name)
    extension = found[0] if found else ""
    room = MAX_NAME_BYTES - len(extension)
    return name.encode()[:room].decode(errors="ignore") + extension


def extension_of(name: str) -> str:
    """The extension for an object's key: short, plain, lower case; `bin` where there is none."""
    found = _EXTENSION.search(name)
    return found[1].lower() if found else "bin"


def attachment(name: str) -> str:
    """A Content-Disposition that every client understands (RFC 6266)."""
    plain = unicodedata.normalize("NFKD", name).encode("ascii", "ignore").decode()
    safe = re.sub(r'[\x00-\x1f\x7f"\\/;%]', "_", plain).strip() or FALLBACK
    if safe.startswith("."):
        safe = FALLBACK + safe
    return f"attachment; filename=\"{safe}\"; filename*=UTF-8''{quote(name, safe='')}"
