"""The tables of the SQLite job store, and how a file is brought up to them."""

import sqlite3
from pathlib import Path

from tenacity import retry, retry_if_exception, stop_after_delay, wait_random

from wavemill_common.errors import JobStoreUnavailable

LOCKED = (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_BUSY_RECOVERY)
BUSY_TIMEOUT = 5.0  # seconds that a write waits for other processes
WAL_LIMIT = 64 * 1024 * 1024  # bytes; a longer log is cut after its checkpoint

# The columns beside `record` are what conditions and queries need; the record is the truth.
# MIGRATIONS[n] leads from user_version n to n + 1, so a published one never changes.
MIGRATIONS = (
    """
    CREATE TABLE jobs (
        job_id TEXT PRIMARY KEY,
        status TEXT NOT NULL,
        attempt INTEGER NOT NULL,
        claim_id TEXT,
        due_at REAL,
        expires_at REAL NOT NULL,
        owner TEXT NOT NULL,
        record BLOB NOT NULL
    );
    CREATE INDEX jobs_due ON jobs (due_at, job_id) WHERE due_at IS NOT NULL;
    CREATE INDEX jobs_live ON jobs (job_id) WHERE status IN ('created', 'processing');
    CREATE INDEX jobs_expire ON jobs (expires_at, job_id);
    CREATE INDEX jobs_owned ON jobs (owner, expires_at) WHERE owner != '';

    CREATE TABLE uploads (
        file_id TEXT PRIMARY KEY,
        state TEXT NOT NULL,
        revision INTEGER NOT NULL,
        expires_at REAL NOT NULL,
        owner TEXT NOT NULL,
        record BLOB NOT NULL
    );
    CREATE INDEX uploads_expire ON uploads (expires_at, file_id);
    CREATE INDEX uploads_owned ON uploads (owner, expires_at) WHERE owner != '';

    CREATE TABLE chunks (
        file_id TEXT NOT NULL,
        idx INTEGER NOT NULL,
        sha256 TEXT NOT NULL,
        PRIMARY KEY (file_id, idx)
    ) WITHOUT ROWID;

    CREATE TABLE checks (id INTEGER PRIMARY KEY, times INTEGER NOT NULL);
    INSERT INTO checks VALUES (1, 0);
    """,
    """
    ALTER TABLE jobs ADD COLUMN created_at REAL NOT NULL DEFAULT 0;
    UPDATE jobs SET created_at = json_extract(CAST(record AS TEXT), '$.createdAt');
    DROP INDEX jobs_owned;
    CREATE INDEX jobs_owned ON jobs (owner, created_at, job_id) WHERE owner != '';

    CREATE TABLE api_keys (key_id TEXT PRIMARY KEY, record BLOB NOT NULL) WITHOUT ROWID;
    """,
)


def connect(path: Path) -> sqlite3.Connection:
    """Open the database, every commit durable; make or upgrade its tables.

    Any one thread at a time may use the connection.

    Raises:
        JobStoreUnavailable: a newer wavemill wrote the file, or its file system has no shared
            memory for the write-ahead log.
        sqlite3.Error: the file cannot be used.
    """
    connection = sqlite3.connect(
        path, timeout=BUSY_TIMEOUT, isolation_level=None, check_same_thread=False
    )
    try:
        _configure(connection, path)
        _migrate(connection, path)
    except BaseException:
        connection.close()
        raise
    return connection


def _is_locked(error: BaseException) -> bool:
    return isinstance(error, sqlite3.OperationalError) and error.sqlite_errorcode in LOCKED


# Processes that make the file at the same moment do not wait for each other: SQLite's own busy
# timeout leaves out the change to a write-ahead log, which would be a deadlock.
@retry(
    retry=retry_if_exception(_is_locked),
    stop=stop_after_delay(BUSY_TIMEOUT),
    wait=wait_random(0.01, 0.1),
    reraise=True,
)
def _configure(connection: sqlite3.Connection, path: Path) -> None:
    mode = connection.execute("PRAGMA journal_mode = WAL").fetchone()[0]
    if mode != "wal":
        raise JobStoreUnavailable(
            f"{path} cannot have a write-ahead log; put it on a local file system"
        )
    connection.execute("PRAGMA synchronous = FULL")
    connection.execute("PRAGMA fullfsync = ON")  # macOS: fsync alone stops in the drive
    connection.execute("PRAGMA checkpoint_fullfsync = ON")
    connection.execute(f"PRAGMA journal_size_limit = {WAL_LIMIT}")


def _migrate(connection: sqlite3.Connection, path: Path) -> None:
    if _version(connection, path) == len(MIGRATIONS):
        return
    connection.execute("BEGIN IMMEDIATE")  # of several processes, one does it
    for number in range(_version(connection, path), len(MIGRATIONS)):
        for statement in MIGRATIONS[number].split(";"):
            connection.execute(statement)
        connection.execute(f"PRAGMA user_version = {number + 1}")
    connection.execute("COMMIT")


def _version(connection: sqlite3.Connection, path: Path) -> int:
    version = int(connection.execute("PRAGMA user_version").fetchone()[0])
    if version > len(MIGRATIONS):
        raise JobStoreUnavailable(
            f"{path} was written by a newer wavemill (schema {version}, this one knows "
            f"{len(MIGRATIONS)}); start that version, or put back a backup"
        )
    return version
