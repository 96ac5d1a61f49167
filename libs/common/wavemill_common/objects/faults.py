"""What the operating system refused, as errors that say what would help."""

import errno
import os
from pathlib import Path

from wavemill_common.errors import (
    AppError,
    InsufficientStorage,
    StorageForbidden,
    StorageUnavailable,
)

_NO_ROOM = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EFBIG})
_NOT_ALLOWED = frozenset({errno.EACCES, errno.EPERM})
_RETRY_AFTER = 5.0  # seconds
_EFFECTIVE = os.access in os.supports_effective_ids


def storage_fault(error: OSError) -> AppError:
    """Translate a failed system call."""
    if error.errno in _NO_ROOM:
        return InsufficientStorage("no room is left in the object store; free some and try again")
    if error.errno == errno.EROFS:
        return StorageForbidden(f"{_paths(error)[-1]} lies on a read-only file system")
    if error.errno in _NOT_ALLOWED:
        return StorageForbidden(_missing_permission(_paths(error)))
    return StorageUnavailable(
        f"the object store failed: {error.strerror or error}", retry_after=_RETRY_AFTER
    )


def _paths(error: OSError) -> list[Path]:
    names = (name for name in (error.filename, error.filename2) if isinstance(name, str))
    return [Path(name) for name in names] or [Path("the object store")]


def _missing_permission(paths: list[Path]) -> str:
    user = f"uid {os.geteuid()}"
    for path in paths:
        for folder in reversed(path.parents):
            if folder.is_dir() and not _may(folder, os.X_OK):
                return f"{folder} lacks the permission x (enter) for {user}"
        if path.exists() and not _may(path, os.R_OK):
            return f"{path} lacks the permission r (read) for {user}"
        if path.parent.is_dir() and not _may(path.parent, os.W_OK):
            return f"{path.parent} lacks the permission w (write) for {user}"
    return f"{paths[-1]} may not be used by {user}"


def _may(path: Path, mode: int) -> bool:
    return os.access(path, mode, effective_ids=_EFFECTIVE)
