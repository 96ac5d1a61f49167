"""API keys as rows: each function runs inside the caller's transaction."""

import sqlite3

from wavemill_common.api_keys import ApiKey
from wavemill_common.errors import Conflict
from wavemill_common.records.codec import decode_key, encode

# Pages: rows of (time, id, record) that follow (:time, :id).
ALL = """
    SELECT 0.0, key_id, record FROM api_keys WHERE key_id > :id ORDER BY key_id LIMIT :limit
"""


def insert(connection: sqlite3.Connection, key: ApiKey) -> None:
    """Store a key whose id is new."""
    made = connection.execute(
        "INSERT INTO api_keys (key_id, record) VALUES (?, ?) ON CONFLICT (key_id) DO NOTHING",
        (key.key_id, encode(key)),
    )
    if made.rowcount == 0:
        raise Conflict(f"there is an API key {key.key_id} already")


def find(connection: sqlite3.Connection, key_id: str) -> ApiKey | None:
    """Read a key."""
    row = connection.execute("SELECT record FROM api_keys WHERE key_id = ?", (key_id,)).fetchone()
    return None if row is None else decode_key(row[0])


def update(connection: sqlite3.Connection, key: ApiKey) -> bool:
    """Write a key over the stored one."""
    written = connection.execute(
        "UPDATE api_keys SET record = ? WHERE key_id = ?", (encode(key), key.key_id)
    )
    return written.rowcount == 1
