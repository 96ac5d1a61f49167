"""Every expected failure: its code, its HTTP status, and what would work instead.

    AppError
    ├── RequestError (400)      what the caller sent cannot be served as it is
    ├── NotFound (404) · Gone (410) · Conflict (409)
    ├── Unavailable (503 …)     a dependency failed; waiting may help
    └── ConversionError         how a job ends as failed; `transient` says whether to try again

A class is a code and a status; only the gateway's edge maps it to HTTP. The message is for the
client: it says what failed and what would work. `members` are extra members of the problem body.
"""

from typing import Any, ClassVar


class AppError(Exception):
    """An expected failure: `code` (stable, snake_case), `status` (HTTP), a message for people."""

    status: ClassVar[int] = 500
    code: ClassVar[str] = "internal_error"
    wait: ClassVar[float | None] = None  # seconds after which it may have passed

    def __init__(self, message: str, *, retry_after: float | None = None, **members: Any) -> None:
        super().__init__(message)
        self.message = message
        self.retry_after = self.wait if retry_after is None else retry_after
        self.members = members


# --- what the caller sent -----------------------------------------------------------------------


class RequestError(AppError):
    status, code = 400, "invalid_request"


class InvalidId(RequestError):
    code = "invalid_id"


class InvalidJson(RequestError):
    code = "invalid_json"


class InvalidChunk(RequestError):
    code = "invalid_chunk"


class InvalidFormat(RequestError):
    code = "invalid_format"


class InvalidQuality(RequestError):
    code = "invalid_quality"


class InvalidOption(RequestError):
    code = "invalid_option"


class InvalidWebhook(RequestError):
    code = "invalid_webhook"


class Unauthorized(RequestError):
    status, code = 401, "unauthorized"


class InvalidToken(RequestError):
    status, code = 403, "invalid_token"


class TokenExpired(RequestError):
    status, code = 403, "token_expired"


class SlowRequest(RequestError):
    status, code = 408, "request_timeout"


class FileTooLarge(RequestError):
    status, code = 413, "file_too_large"


class UnsupportedMediaType(RequestError):
    status, code = 415, "unsupported_media_type"


class RangeNotSatisfiable(RequestError):
    status, code = 416, "range_not_satisfiable"


class IdempotencyKeyReused(RequestError):
    status, code = 422, "idempotency_key_reused"


class RateLimited(RequestError):
    status, code = 429, "rate_limited"


# --- what is not (or no longer) there -----------------------------------------------------------


class NotFound(AppError):
    status, code = 404, "not_found"


class UploadNotFound(NotFound):
    code = "upload_not_found"


class JobNotFound(NotFound):
    code = "job_not_found"


class ObjectNotFound(NotFound):
    code = "object_not_found"


class NoPeaks(NotFound):
    code = "no_peaks"


class Gone(AppError):
    status, code = 410, "expired"


# --- what does not fit the present state --------------------------------------------------------


class Conflict(AppError):
    status, code = 409, "conflict"


class ChunkConflict(Conflict):
    code = "chunk_conflict"


class UploadIncomplete(Conflict):
    code = "upload_incomplete"


class UploadInUse(Conflict):
    code = "upload_in_use"


class NotReady(Conflict):
    code = "not_ready"


class ObjectExists(Conflict):
    code = "object_exists"


# --- what a dependency did ----------------------------------------------------------------------


class Unavailable(AppError):
    status, code = 503, "unavailable"
    wait = 5.0


class StorageUnavailable(Unavailable):
    code = "storage_unavailable"


class JobStoreUnavailable(Unavailable):
    code = "job_store_unavailable"


class QueueUnavailable(Unavailable):
    code = "queue_unavailable"


class TooBusy(Unavailable):
    """Nothing failed: this much is in use, and more is not given."""

    code = "too_busy"


class StorageForbidden(AppError):
    status, code = 403, "storage_forbidden"


class JobStoreForbidden(StorageForbidden):
    """The same for the caller, but it was the job store that refused."""


class Throttled(Unavailable):
    status, code = 429, "throttled"


class InsufficientStorage(Unavailable):
    status, code = 507, "insufficient_storage"


# --- how a job fails ----------------------------------------------------------------------------


class ConversionError(AppError):
    """A job's failure. `transient` tells whether the same job may succeed when tried again."""

    code = "conversion_failed"
    transient: ClassVar[bool] = False


class NotAudio(ConversionError):
    status, code = 400, "invalid_format"


class LimitExceeded(ConversionError):
    status, code = 400, "limit_exceeded"


class InputMissing(ConversionError):
    status, code = 404, "upload_not_found"


class FfmpegFailed(ConversionError):
    code = "ffmpeg_failed"


class FfmpegKilled(FfmpegFailed):
    """Killed by a signal that we did not send: the machine ran out of memory, an operator."""

    transient = True


class FfmpegCrashed(FfmpegFailed):
    """Ended by a fault of its own, such as SIGSEGV: the next try tells whether by this file."""

    code = "ffmpeg_crashed"
    transient = True


class FfmpegCrashedAgain(FfmpegCrashed):
    """Twice in a row by the same signal: this file, or a broken ffmpeg. No third try helps."""

    transient = False


class FfmpegMissing(ConversionError):
    code = "ffmpeg_missing"
    transient = True


class FfmpegTimeout(ConversionError):
    status, code = 408, "ffmpeg_timeout"


class OutputInvalid(ConversionError):
    code = "output_invalid"


class ScratchFull(ConversionError):
    status, code = 507, "insufficient_storage"
    transient = True


class Poison(ConversionError):
    code = "poison"


class JobExpired(ConversionError):
    status, code = 410, "expired"


def is_transient(error: AppError) -> bool:
    """Tell whether a job that failed with this error is worth another attempt."""
    return isinstance(error, Unavailable) or (
        isinstance(error, ConversionError) and error.transient
    )
