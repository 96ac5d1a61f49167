"""Following: what a job may do that was accepted while its upload was open. Pure, but for a look.

    open ──► FOLLOW  converted as its chunks arrive, where they can be read before the end
         ──► WAIT    for the end: the bytes cannot be read before, or come too slowly
    complete ──► READY        gone ──► GONE: the job ends, too

The upload's record decides, each time anew: no message needs to arrive for a job to be right.
See docs/adr/0015-converting-while-uploading.md.
"""

from enum import Enum, auto

from wavemill_common.errors import UploadNotFound
from wavemill_common.jobs import Job
from wavemill_common.records import JobStore
from wavemill_common.uploads import Upload, UploadState

_END = "the end of the upload"
DIRECT = f"{_END}: it goes straight to the object store, where its parts cannot be read"
INDEX_BEHIND = f"{_END}: this file's index is at its end"
READ_FROM_END = f"{_END}: a file of this kind is looked at from its end first"
TOO_SLOW = f"{_END}: it arrives more slowly than it is converted, and other jobs need the converter"
BROKEN_OFF = f"{_END}: nothing has arrived of it for a while"


class Standing(Enum):
    """What a job may do, by its upload."""

    READY = auto()
    FOLLOW = auto()
    WAIT = auto()
    GONE = auto()


def standing_of(job: Job, upload: Upload | None, now: float) -> Standing:
    """Judge a job by its upload; None is one of which there is no record any more."""
    if upload is None or upload.state is UploadState.ABORTED:
        return Standing.GONE
    if upload.is_complete:
        return Standing.READY
    if upload.expires_at <= now:
        return Standing.GONE
    return Standing.WAIT if job.awaits or upload.size is None else Standing.FOLLOW


async def look_at_upload(records: JobStore, job: Job, now: float) -> Standing:
    """Judge a job by its upload's record as it is now; one that does not follow is ready."""
    if not job.follows:
        return Standing.READY
    try:
        upload = await records.upload(job.file_id)
    except UploadNotFound:
        upload = None
    return standing_of(job, upload, now)


def awaited_from_the_start(upload: Upload) -> str | None:
    """What a new job must wait for, where its open upload can be read by nobody before its end."""
    return None if upload.is_complete or upload.size is not None else DIRECT
