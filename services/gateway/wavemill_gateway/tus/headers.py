"""Headers: what a tus client says in them, read and checked. Pure."""

import base64
import binascii
import hashlib
import re
from collections.abc import AsyncIterator, Mapping

from msgspec import Struct

from wavemill_common.errors import InvalidChunk, RequestError
from wavemill_gateway.tus.errors import ChecksumMismatch, UnknownVersion

VERSION = "1.0.0"
EXTENSIONS = "creation,creation-with-upload,termination,expiration,checksum"
ALGORITHMS = ("sha1", "sha256", "md5")
MAX_METADATA = 8 * 1024  # characters
_NUMBER = re.compile(r"[0-9]{1,15}")
_KEY = re.compile(r"[!-+\--~]+")  # ASCII, but neither a space nor a comma
_NAMES = ("filename", "name")  # where the file's name stands; tus leaves that open


class Checksum(Struct, frozen=True):
    """What a body's bytes must come to."""

    algorithm: str
    digest: bytes


def check_version(headers: Mapping[str, str]) -> None:
    """Refuse other versions of the protocol.

    Raises:
        UnknownVersion: it is another one, or none is named.
    """
    if headers.get("Tus-Resumable") != VERSION:
        raise UnknownVersion(f"this server speaks tus {VERSION}; say so in Tus-Resumable")


def read_length(headers: Mapping[str, str]) -> int:
    """How long the file is to be.

    Raises:
        InvalidChunk: it is not said, or to be said later.
    """
    if "Upload-Length" not in headers and "Upload-Defer-Length" in headers:
        raise InvalidChunk("say the file's length in Upload-Length; it cannot be deferred here")
    return _number("Upload-Length", headers)


def read_offset(headers: Mapping[str, str]) -> int:
    """Where a body's first byte belongs.

    Raises:
        InvalidChunk: it is not said.
    """
    return _number("Upload-Offset", headers)


def _number(name: str, headers: Mapping[str, str]) -> int:
    text = headers.get(name, "")
    if not _NUMBER.fullmatch(text):
        raise InvalidChunk(f"{name} must be a whole number of 0 or more")
    return int(text)


def read_metadata(text: str) -> dict[str, str]:
    """What a client says of its file: pairs of a key and, in Base64, a value.

    Raises:
        RequestError: it is not of that form, says something twice, or too much.
    """
    if len(text) > MAX_METADATA:
        raise RequestError(f"Upload-Metadata must have at most {MAX_METADATA} characters")
    found: dict[str, str] = {}
    for pair in text.split(",") if text.strip() else ():
        key, _, value = pair.strip().partition(" ")
        if not _KEY.fullmatch(key) or key in found:
            raise RequestError("Upload-Metadata must be `key base64,key base64`, each key once")
        found[key] = _decoded("Upload-Metadata", value.strip()).decode(errors="replace")
    return found


def file_name(metadata: Mapping[str, str]) -> str:
    """What the client calls its file; empty where it does not say."""
    return next((metadata[name] for name in _NAMES if metadata.get(name)), "")


def read_checksum(headers: Mapping[str, str]) -> Checksum | None:
    """The checksum of a body, if there is one.

    Raises:
        RequestError: it is of a kind that is not offered, or malformed.
    """
    text = headers.get("Upload-Checksum")
    if text is None:
        return None
    algorithm, _, digest = text.strip().partition(" ")
    if algorithm not in ALGORITHMS:
        raise RequestError(f"Upload-Checksum must be one of {', '.join(ALGORITHMS)}")
    return Checksum(algorithm, _decoded("Upload-Checksum", digest.strip()))


async def checked(blocks: AsyncIterator[bytes], checksum: Checksum) -> AsyncIterator[bytes]:
    """Pass bytes on.

    Raises:
        ChecksumMismatch: at the end, if they are not those that were meant.
    """
    digest = hashlib.new(checksum.algorithm, usedforsecurity=False)
    async for block in blocks:
        digest.update(block)
        yield block
    if digest.digest() != checksum.digest:
        raise ChecksumMismatch(
            f"the bytes do not have the {checksum.algorithm} in Upload-Checksum; send them again"
        )


def _decoded(name: str, text: str) -> bytes:
    try:
        return base64.b64decode(text, validate=True)
    except binascii.Error:
        raise RequestError(f"{name} has what is no Base64: {text[:40]!r}") from None
