"""Records as JSON: fields that are unknown here are skipped, so that versions can live together."""

from typing import TypeVar

import msgspec

from wavemill_common.api_keys import ApiKey
from wavemill_common.errors import JobStoreUnavailable
from wavemill_common.jobs import Job
from wavemill_common.uploads import Upload

_encoder = msgspec.json.Encoder()
_jobs = msgspec.json.Decoder(Job)
_uploads = msgspec.json.Decoder(Upload)
_keys = msgspec.json.Decoder(ApiKey)

T = TypeVar("T")


def encode(record: Job | Upload | ApiKey) -> bytes:
    """Write a record."""
    return _encoder.encode(record)


def decode_job(record: bytes) -> Job:
    """Read a job.

    Raises:
        JobStoreUnavailable: it isn't one that this version can read.
    """
    return _decode(_jobs, record)


def decode_upload(record: bytes) -> Upload:
    """Read an upload.

    Raises:
        JobStoreUnavailable: it isn't one that this version can read.
    """
    return _decode(_uploads, record)


def decode_key(record: bytes) -> ApiKey:
    """Read an API key.

    Raises:
        JobStoreUnavailable: it isn't one that this version can read.
    """
    return _decode(_keys, record)


def _decode(decoder: msgspec.json.Decoder[T], record: bytes) -> T:
    try:
        return decoder.decode(record)
    except msgspec.DecodeError as error:
        raise JobStoreUnavailable(
            f"a record in the job store cannot be read; did a newer wavemill write it? ({error})"
        ) from error
