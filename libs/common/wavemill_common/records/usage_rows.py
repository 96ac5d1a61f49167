"""An owner's usage from rows, by the indexes of owners."""

import sqlite3

from wavemill_common.records.usage import Usage

# `owner != ''` lets SQLite use the partial indexes.
_OPEN = """
    SELECT file_id FROM uploads
    WHERE owner = :owner AND owner != '' AND expires_at > :now
    AND state IN ('open', 'completing')
"""
_UNFINISHED = """
    SELECT job_id FROM jobs
    WHERE owner = :owner AND owner != '' AND status IN ('created', 'processing')
"""
_UPLOADED = """
    SELECT coalesce(sum(json_extract(CAST(record AS TEXT), '$.size')), 0) FROM uploads
    WHERE owner = :owner AND owner != '' AND state != 'aborted'
"""
_MADE = """
    SELECT coalesce(sum(json_extract(output.value, '$.size')), 0)
    FROM jobs, json_each(CAST(record AS TEXT), '$.outputs') AS output
    WHERE owner = :owner AND owner != ''
"""


def usage(connection: sqlite3.Connection, owner: str, now: float) -> Usage:
    """Read what an owner has."""
    asked = {"owner": owner, "now": now}
    return Usage(
        open_uploads=frozenset(row[0] for row in connection.execute(_OPEN, asked)),
        unfinished_jobs=frozenset(row[0] for row in connection.execute(_UNFINISHED, asked)),
        stored_bytes=sum(
            int(connection.execute(query, asked).fetchone()[0]) for query in (_UPLOADED, _MADE)
        ),
    )
