"""Jobs as rows: each function is one statement, or a few inside the caller's transaction."""

import sqlite3
from collections.abc import Sequence
from typing import Any

from wavemill_common.jobs import Change, Guard, Job
from wavemill_common.records.codec import decode_job, encode

# Pages: rows of (time, id, record) that follow (:time, :id). A live job may have no due_at.
DUE = """
    SELECT due_at, job_id, record FROM jobs
    WHERE due_at IS NOT NULL AND due_at < :before AND (due_at, job_id) > (:time, :id)
    ORDER BY due_at, job_id LIMIT :limit
"""
EXPIRED = """
    SELECT expires_at, job_id, record FROM jobs
    WHERE expires_at < :before AND (expires_at, job_id) > (:time, :id)
    ORDER BY expires_at, job_id LIMIT :limit
"""
LIVE = """
    SELECT 0.0, job_id, record FROM jobs
    WHERE status IN ('created', 'processing') AND job_id > :id
    ORDER BY job_id LIMIT :limit
"""
OWNED = """
    SELECT created_at, job_id, record FROM jobs
    WHERE owner = :owner AND owner != '' AND (created_at, job_id) < (:time, :id)
    ORDER BY created_at DESC, job_id DESC LIMIT :limit
"""
ALL = """
    SELECT 0.0, job_id, record FROM jobs WHERE job_id > :id ORDER BY job_id LIMIT :limit
"""


def insert(connection: sqlite3.Connection, job: Job) -> Job:
    """Store a job whose id is new; return the one that is stored."""
    made = connection.execute(
        "INSERT INTO jobs (status, attempt, claim_id, due_at, expires_at, owner, record, job_id,"
        " created_at) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT (job_id) DO NOTHING",
        (*_columns(job), job.job_id, job.created_at),
    )
    if made.rowcount == 1:
        return job
    return find(connection, [job.job_id])[job.job_id]


def find(connection: sqlite3.Connection, job_ids: Sequence[str]) -> dict[str, Job]:
    """Read those that are there."""
    marks = ", ".join("?" * len(job_ids))
    rows = connection.execute(
        f"SELECT job_id, record FROM jobs WHERE job_id IN ({marks})",  # noqa: S608 - only marks
        job_ids,
    )
    return {job_id: decode_job(record) for job_id, record in rows}


def update(connection: sqlite3.Connection, change: Change) -> bool:
    """Write a job over the stored one if a guard holds."""
    conditions = [_condition(guard) for guard in change.guards]
    where = " OR ".join(sql for sql, _ in conditions) or "FALSE"
    values = [value for _, values in conditions for value in values]
    written = connection.execute(
        "UPDATE jobs SET status = ?, attempt = ?, claim_id = ?, due_at = ?, expires_at = ?,"  # noqa: S608 - only marks and our column names
        f" owner = ?, record = ? WHERE job_id = ? AND ({where})",
        (*_columns(change.job), change.job.job_id, *values),
    )
    return written.rowcount == 1


def delete(connection: sqlite3.Connection, job: Job) -> bool:
    """Delete a job that still has this status and attempt."""
    gone = connection.execute(
        "DELETE FROM jobs WHERE job_id = ? AND status = ? AND attempt = ?",
        (job.job_id, job.status.value, job.attempt),
    )
    return gone.rowcount == 1


def _columns(job: Job) -> tuple[Any, ...]:
    return (
        job.status.value,
        job.attempt,
        job.claim_id,
        job.due_at,
        job.expires_at,
        job.owner,
        encode(job),
    )


def _condition(guard: Guard) -> tuple[str, list[Any]]:
    marks = ", ".join("?" * len(guard.statuses))
    terms: list[str] = [f"status IN ({marks})"]
    values: list[Any] = [status.value for status in guard.statuses]
    for column in ("attempt", "claim_id", "due_at"):
        value = getattr(guard, column)
        if value is not None:
            terms.append(f"{column} = ?")
            values.append(value)
    return f"({' AND '.join(terms)})", values
