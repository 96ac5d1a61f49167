"""What SQLite refused, as errors that name the file and what would help."""

import sqlite3
from pathlib import Path

from wavemill_common.errors import AppError, InsufficientStorage, JobStoreUnavailable

_RETRY_AFTER = 2.0  # seconds
_PRIMARY = 0xFF  # an extended result code holds the primary one in its low byte

_ADVICE = {
    sqlite3.SQLITE_BUSY: "is locked by another process",
    sqlite3.SQLITE_LOCKED: "is locked by another process",
    sqlite3.SQLITE_IOERR: "cannot be read or written: the disk reports an error",
    sqlite3.SQLITE_CORRUPT: "is damaged; put back a backup, or move it away to start empty",
    sqlite3.SQLITE_NOTADB: "is not a database; put back a backup, or move it away to start empty",
    sqlite3.SQLITE_CANTOPEN: "cannot be opened; check that its directory exists and is writable",
    sqlite3.SQLITE_READONLY: "cannot be written to; check the permissions of it and its directory",
    sqlite3.SQLITE_PERM: "may not be used; check the permissions of it and its directory",
}


def job_store_fault(error: sqlite3.Error, path: Path) -> AppError:
    """Translate a failed statement."""
    code = getattr(error, "sqlite_errorcode", 0) & _PRIMARY
    if code == sqlite3.SQLITE_FULL:
        return InsufficientStorage(f"no room is left for the job store {path}; free some")
    advice = _ADVICE.get(code, f"failed: {error}")
    return JobStoreUnavailable(f"the job store {path} {advice}", retry_after=_RETRY_AFTER)
