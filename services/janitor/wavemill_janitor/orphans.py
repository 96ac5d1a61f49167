"""Orphans: stored objects that no record names. Pure, but for looking the records up."""

import asyncio
import re
from collections.abc import Sequence
from enum import StrEnum

from msgspec import Struct

from wavemill_common.errors import ObjectNotFound, UploadNotFound
from wavemill_common.jobs import Job
from wavemill_common.objects import ObjectInfo, ObjectStore
from wavemill_common.records import JobStore
from wavemill_common.uploads import Upload, UploadState

PREFIXES = ("uploads/", "conversions/")
YOUNG = 3600.0  # seconds in which an object may be about to be recorded
NOBODY = "nobody"

_CHUNK = re.compile(
    r"uploads/chunks/([A-Za-z0-9_-]{1,64})/(?:(?:part|piece|whole)-[0-9]+|staged-[A-Za-z0-9_-]+)"
)
_WHOLE = re.compile(r"uploads/([A-Za-z0-9_-]{1,64})\.[A-Za-z0-9._-]+")
_RESULT = re.compile(r"conversions/([A-Za-z0-9_-]{1,64})/(?:([0-9]+)|cover)-.+")


class Kind(StrEnum):
    """What a key says that an object is."""

    CHUNK = "chunk"
    UPLOAD = "upload"
    RESULT = "result"
    FOREIGN = "foreign"  # no key that wavemill makes


class Place(Struct, frozen=True):
    """What a key says: whose object it is, and of which attempt if it is a result."""

    kind: Kind
    owner_id: str
    attempt: int = 0


class Owned(Struct, frozen=True):
    """An object, the state of the record that it belongs to, and why it is an orphan if it is."""

    info: ObjectInfo
    place: Place
    state: str
    orphaned: str | None


def place_of(key: str) -> Place:
    """Read a key."""
    if found := _CHUNK.fullmatch(key):
        return Place(Kind.CHUNK, found[1])
    if found := _RESULT.fullmatch(key):
        return Place(Kind.RESULT, found[1], int(found[2] or 0))  # a cover came before any attempt
    if found := _WHOLE.fullmatch(key):
        return Place(Kind.UPLOAD, found[1])
    return Place(Kind.FOREIGN, "")


def why_orphaned(
    info: ObjectInfo, place: Place, record: Job | Upload | None, *, is_source: bool = False
) -> str | None:
    """Tell why nobody needs an object; None where somebody does, or may.

    The record must have been read after the object was listed: it is written before the object.
    """
    if is_source:
        return None
    if place.kind is Kind.FOREIGN:
        return "no key of wavemill's"
    if record is None:
        what = "job" if place.kind is Kind.RESULT else "upload"
        return f"there is no {what} {place.owner_id}"
    if isinstance(record, Upload):
        return _why_upload(info, place, record)
    return _why_result(info, place, record)


def _why_upload(info: ObjectInfo, place: Place, upload: Upload) -> str | None:
    if place.kind is Kind.CHUNK:
        is_whole = upload.state is UploadState.COMPLETE
        return "its upload is complete without it" if is_whole else None
    if info.key != upload.storage_key:
        return "its upload lies elsewhere"
    return None


def _why_result(info: ObjectInfo, place: Place, job: Job) -> str | None:
    if job.has(info.key):
        return None
    if not job.is_terminal:
        return None if place.attempt >= job.attempt else f"attempt {place.attempt} was given up"
    return f"its job is {job.status.value} without it"


async def look_up(
    records: JobStore, objects: ObjectStore, infos: Sequence[ObjectInfo]
) -> list[Owned]:
    """Find whose these objects are."""
    places = [place_of(info.key) for info in infos]
    jobs = await records.jobs(_owners(places, {Kind.RESULT}))
    file_ids = _owners(places, {Kind.CHUNK, Kind.UPLOAD})
    found = await asyncio.gather(*(_upload(records, file_id) for file_id in file_ids))
    uploads = dict(zip(file_ids, found, strict=True))
    with_chunks = _owners(places, {Kind.CHUNK})
    whole = [one for file_id in with_chunks if (one := uploads[file_id]) and one.is_complete]
    sources = set().union(*await asyncio.gather(*(_sources(objects, one) for one in whole)))
    owned = []
    for info, place in zip(infos, places, strict=True):
        owner: Job | Upload | None = (
            jobs.get(place.owner_id) if place.kind is Kind.RESULT else uploads.get(place.owner_id)
        )
        why = why_orphaned(info, place, owner, is_source=info.key in sources)
        owned.append(Owned(info, place, _state(owner), why))
    return owned


def _owners(places: Sequence[Place], kinds: set[Kind]) -> list[str]:
    return list(dict.fromkeys(place.owner_id for place in places if place.kind in kinds))


async def _upload(records: JobStore, file_id: str) -> Upload | None:
    try:
        return await records.upload(file_id)
    except UploadNotFound:
        return None


async def _sources(objects: ObjectStore, upload: Upload) -> set[str]:
    """The chunks that a complete upload's file is made of."""
    try:
        return set(await objects.sources(upload.storage_key))
    except ObjectNotFound:
        return set()


def _state(owner: Job | Upload | None) -> str:
    if owner is None:
        return NOBODY
    return owner.state.value if isinstance(owner, Upload) else owner.status.value
