"""Covers: pictures that callers give with a job, checked and stored before the job is accepted."""

import base64
import binascii
import re
from collections.abc import AsyncIterator

import filetype
from msgspec import Struct, structs

from wavemill_common.errors import InvalidOption
from wavemill_common.jobs import cover_key
from wavemill_common.objects import ObjectStore
from wavemill_common.options import Wanted

MAX_COVER_BYTES = 2 * 1024 * 1024
_EXTENSIONS = {"image/jpeg": "jpg", "image/png": "png"}
_DATA_URI = re.compile(r"data:(image/[a-z]+);base64,([A-Za-z0-9+/]+=*)")


class Picture(Struct, frozen=True):
    """A picture's file, and the extension of its kind."""

    extension: str
    data: bytes


def check_cover(cover: str) -> Picture | None:
    """Read a cover that is given as a data URI; None where none is given.

    Raises:
        InvalidOption: it is no JPEG or PNG, or too large.
    """
    if cover in {"keep", "remove"}:
        return None
    found = _DATA_URI.fullmatch(cover)
    if found is None:
        raise InvalidOption(
            'cover must be "keep", "remove", or a picture as data:image/jpeg;base64,… '
            "or data:image/png;base64,…"
        )
    try:
        data = base64.b64decode(found[2], validate=True)
    except binascii.Error as error:
        raise InvalidOption(f"the cover is not base64: {error}") from None
    if len(data) > MAX_COVER_BYTES:
        raise InvalidOption(f"the cover has {len(data)} bytes; {MAX_COVER_BYTES} are allowed")
    kind = filetype.guess(data)
    extension = _EXTENSIONS.get(kind.mime) if kind else None
    if extension is None:
        raise InvalidOption("the cover is no picture that can be used; send a JPEG or a PNG")
    return Picture(extension, data)


async def store_covers(
    objects: ObjectStore, job_id: str, wanted: tuple[Wanted, ...]
) -> tuple[Wanted, ...]:
    """Store the pictures that are given; return what is wanted with their keys in place of them."""
    return tuple([await _stored(objects, job_id, number, one) for number, one in enumerate(wanted)])


async def _stored(objects: ObjectStore, job_id: str, number: int, wanted: Wanted) -> Wanted:
    picture = check_cover(wanted.options.cover)
    if picture is None:
        return wanted
    key = cover_key(job_id, number, picture.extension)
    await objects.put(key, _once(picture.data))
    return structs.replace(wanted, options=structs.replace(wanted.options, cover=key))


async def _once(data: bytes) -> AsyncIterator[bytes]:
    yield data
