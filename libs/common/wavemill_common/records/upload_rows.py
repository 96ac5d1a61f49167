"""Uploads and their chunks as rows: each function runs inside the caller's transaction."""

import sqlite3
from typing import Any

from wavemill_common.errors import Conflict
from wavemill_common.records.codec import decode_upload, encode
from wavemill_common.records.unknown import no_upload
from wavemill_common.uploads import Arrived, Chunk, Upload, UploadState

# Pages: rows of (time, id, record) that follow (:time, :id).
EXPIRED = """
    SELECT expires_at, file_id, record FROM uploads
    WHERE expires_at < :before AND (expires_at, file_id) > (:time, :id)
    ORDER BY expires_at, file_id LIMIT :limit
"""
ALL = """
    SELECT 0.0, file_id, record FROM uploads WHERE file_id > :id ORDER BY file_id LIMIT :limit
"""


def insert(connection: sqlite3.Connection, upload: Upload) -> None:
    """Store an upload whose id is new."""
    made = connection.execute(
        "INSERT INTO uploads (state, revision, expires_at, owner, record, file_id)"
        " VALUES (?, ?, ?, ?, ?, ?) ON CONFLICT (file_id) DO NOTHING",
        (*_columns(upload), upload.file_id),
    )
    if made.rowcount == 0:
        raise Conflict(f"there is an upload {upload.file_id} already")


def find(connection: sqlite3.Connection, file_id: str) -> Upload:
    """Read an upload."""
    row = connection.execute("SELECT record FROM uploads WHERE file_id = ?", (file_id,)).fetchone()
    if row is None:
        raise no_upload(file_id)
    return decode_upload(row[0])


def update(connection: sqlite3.Connection, upload: Upload) -> bool:
    """Write an upload over the revision before."""
    written = connection.execute(
        "UPDATE uploads SET state = ?, revision = ?, expires_at = ?, owner = ?, record = ?"
        " WHERE file_id = ? AND revision = ?",
        (*_columns(upload), upload.file_id, upload.revision - 1),
    )
    return written.rowcount == 1


def delete(connection: sqlite3.Connection, upload: Upload) -> bool:
    """Delete an upload that still has this revision, and its chunks."""
    gone = connection.execute(
        "DELETE FROM uploads WHERE file_id = ? AND revision = ?", (upload.file_id, upload.revision)
    )
    if gone.rowcount == 0:
        return False
    connection.execute("DELETE FROM chunks WHERE file_id = ?", (upload.file_id,))
    return True


def insert_chunk(connection: sqlite3.Connection, file_id: str, index: int, sha256: str) -> None:
    """Record a chunk unless it is on record."""
    state = connection.execute("SELECT state FROM uploads WHERE file_id = ?", (file_id,)).fetchone()
    if state is None or state[0] == UploadState.ABORTED.value:
        raise no_upload(file_id)
    connection.execute(
        "INSERT INTO chunks (file_id, idx, sha256) VALUES (?, ?, ?) ON CONFLICT DO NOTHING",
        (file_id, index, sha256),
    )


def arrived(connection: sqlite3.Connection, file_id: str) -> Arrived:
    """Read an upload that takes chunks, then those that are on record."""
    upload = find(connection, file_id)
    if upload.state is UploadState.ABORTED:
        raise no_upload(file_id)
    return Arrived(upload, chunks(connection, file_id))


def find_chunk(connection: sqlite3.Connection, file_id: str, index: int) -> Chunk:
    """Read an upload, and what is on record of one of its chunks, as both are at one moment."""
    row = connection.execute(
        "SELECT record, sha256 FROM uploads LEFT JOIN chunks"
        " ON chunks.file_id = uploads.file_id AND idx = ? WHERE uploads.file_id = ?",
        (index, file_id),
    ).fetchone()
    if row is None:
        raise no_upload(file_id)
    return Chunk(decode_upload(row[0]), index, row[1])


def chunks(connection: sqlite3.Connection, file_id: str) -> dict[int, str]:
    """Read the recorded chunks."""
    rows = connection.execute("SELECT idx, sha256 FROM chunks WHERE file_id = ?", (file_id,))
    return dict(rows.fetchall())


def _columns(upload: Upload) -> tuple[Any, ...]:
    return (upload.state.value, upload.revision, upload.expires_at, upload.owner, encode(upload))
