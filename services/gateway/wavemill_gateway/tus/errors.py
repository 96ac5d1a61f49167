"""What only tus can answer."""

from wavemill_common.errors import AppError, Conflict, RequestError, Unavailable


class OffsetConflict(Conflict):
    """The bytes begin elsewhere than the stored ones end."""

    code = "offset_conflict"


class UnknownVersion(AppError):
    """Another version of the protocol, or none."""

    status, code = 412, "unknown_tus_version"


class UploadLocked(AppError):
    """Another request does what cannot be interrupted."""

    status, code, wait = 423, "upload_locked", 1.0


class UploadInterrupted(RequestError):
    """A newer request for the same upload came; this one may not be repeated."""

    code = "upload_interrupted"


class Stopping(Unavailable):
    """This gateway is about to end: what has arrived is kept, the rest goes to another one."""

    code = "stopping"
    wait = 1.0


class ChecksumMismatch(AppError):
    """The bytes were damaged on their way; none of them is kept."""

    status, code = 460, "checksum_mismatch"
