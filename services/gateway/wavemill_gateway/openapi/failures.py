"""Failures: which may come from any route, from any that stores, and what each code means."""

from wavemill_common.errors import (
    AppError,
    ConversionError,
    InsufficientStorage,
    InvalidToken,
    JobStoreUnavailable,
    RateLimited,
    RequestError,
    StorageForbidden,
    StorageUnavailable,
    Throttled,
    TokenExpired,
    TooBusy,
    Unauthorized,
    UnsupportedMediaType,
)
from wavemill_gateway.access.origins import CrossSite
from wavemill_gateway.openapi.declare import Endpoint, Failure

EVERYWHERE: tuple[Failure, ...] = (
    RequestError,
    UnsupportedMediaType,
    CrossSite,
    RateLimited,
    TooBusy,
    AppError,
)
KEYED: tuple[Failure, ...] = (Unauthorized,)
SIGNED: tuple[Failure, ...] = (InvalidToken, TokenExpired)
STORES: tuple[Failure, ...] = (
    StorageUnavailable,
    JobStoreUnavailable,
    StorageForbidden,
    Throttled,
    InsufficientStorage,
)


def failures_of(endpoint: Endpoint) -> tuple[Failure, ...]:
    """How a route may fail: in its own ways, by what guards it, and as any other."""
    keyed = KEYED if endpoint.keyed else ()
    signed = SIGNED if endpoint.signed else ()
    return (*endpoint.failures, *keyed, *signed, *EVERYWHERE)


def job_failures() -> tuple[tuple[int, str], ...]:
    """How a job itself may fail, each with the status that stands for it.

    What a converter keeps to itself is no class of the common errors: no owner meets it.
    """
    found, classes = set[tuple[int, str]](), [ConversionError]
    while classes:
        one = classes.pop()
        if one.__module__ == ConversionError.__module__:
            found.add((one.status, one.code))
        classes += one.__subclasses__()
    return tuple(sorted(found))


MEANINGS = {
    "cancelled": "the job was cancelled",
    "checksum_mismatch": "the bytes were damaged on their way; none of them is kept",
    "chunk_conflict": "other bytes are stored under this index",
    "conflict": "this cannot be done in the present state",
    "cross_site": "a page of another site asked for a change",
    "conversion_failed": "the conversion failed",
    "expired": "its time is over, and it is deleted",
    "ffmpeg_crashed": "ffmpeg crashed on this file, twice in the same way",
    "ffmpeg_failed": "ffmpeg gave up; `detail` has its last words",
    "ffmpeg_missing": "the converter has no ffmpeg",
    "ffmpeg_timeout": "the conversion took too long or stood still",
    "file_too_large": "over `limit` bytes",
    "idempotency_key_reused": "the key came with another body before",
    "insufficient_storage": "no room; wait for `retryAfter` seconds",
    "internal_error": "a fault of ours; tell us the `requestId`",
    "invalid_chunk": "index, total, size or digest of a chunk is wrong",
    "invalid_format": "not audio, or a format that there is not; `supportedFormats`",
    "invalid_id": "an id has 1 to 64 of A-Z a-z 0-9 _ -",
    "invalid_json": "the body must be a JSON object",
    "invalid_option": "the format cannot do that; the message says what can",
    "invalid_quality": "the format has no such quality; `supportedQualities`",
    "invalid_request": "the request cannot be served as it is; the message says what would work",
    "invalid_webhook": "the URL cannot be called; only public addresses are",
    "invalid_token": "a link that was never good for this",
    "job_not_found": "unknown, removed, or expired long ago",
    "job_store_unavailable": "the job store is down; wait for `retryAfter` seconds",
    "limit_exceeded": "over a limit on channels, rate, length or output; the message names it",
    "method_not_allowed": "not by this method; `Allow` names those that can be",
    "no_peaks": "the job was not asked for peaks; the message says how",
    "not_found": "there is no such thing here",
    "not_ready": "the job has not ended; wait for `retryAfter` seconds",
    "offset_conflict": "the stored bytes end elsewhere; ask by HEAD where",
    "output_invalid": "what came out did not pass its check",
    "poison": "the job stopped its converter again and again",
    "range_not_satisfiable": "the range lies outside of the file; `size`",
    "rate_limited": "over a quota or a rate; wait for `retryAfter` seconds",
    "request_timeout": "nothing came for 15 seconds",
    "stopping": "this server is about to end; what has arrived is kept",
    "storage_forbidden": "a store refuses us; the message names the missing permission",
    "storage_unavailable": "the object store is down; wait for `retryAfter` seconds",
    "throttled": "a store asks us to slow down; wait for `retryAfter` seconds",
    "token_expired": "the hour of a link is over; ask for the job again",
    "too_busy": "too many connections or event streams; wait for `retryAfter` seconds",
    "unauthorized": "no API key where one is needed, or none that is good",
    "unknown_tus_version": "another version of tus, or none",
    "unsupported_media_type": "a compressed body, or one of a wrong type",
    "upload_in_use": "a job that has not ended needs the upload",
    "upload_incomplete": "chunks are missing; `missing` lists their indexes",
    "upload_interrupted": "a newer request for the same upload came",
    "upload_locked": "another request holds the upload; wait for `retryAfter` seconds",
    "upload_not_found": "unknown, removed, or expired long ago",
}
