"""Witness: the job store itself counts each start and commit, inside the very write.

SQLite does it by triggers, DynamoDB by the table's stream, which tells of every write the item
before and after it, in order. Both are read as an outsider would: with none of the product's code.
"""

import json
import sqlite3
from collections.abc import Iterator, Mapping
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any, NamedTuple, Protocol

from support.cluster import Cluster
from support.kept import InAws

# A commit by the same claim again is one whose reply was lost, not a second one.
TRIGGERS = """
CREATE TABLE chaos_commits (job_id TEXT, attempt INTEGER, claim_id TEXT);
CREATE TABLE chaos_starts (job_id TEXT, attempt INTEGER, claim_id TEXT);
CREATE TRIGGER chaos_commit AFTER UPDATE ON jobs
WHEN NEW.status = 'completed'
    AND (OLD.status != 'completed' OR OLD.claim_id IS NOT NEW.claim_id)
BEGIN INSERT INTO chaos_commits VALUES (NEW.job_id, NEW.attempt, NEW.claim_id); END;
CREATE TRIGGER chaos_start AFTER UPDATE ON jobs
WHEN NEW.status = 'processing' AND OLD.claim_id IS NOT NEW.claim_id
BEGIN INSERT INTO chaos_starts VALUES (NEW.job_id, NEW.attempt, NEW.claim_id); END;
"""
STREAM = {"StreamEnabled": True, "StreamViewType": "NEW_AND_OLD_IMAGES"}

Image = Mapping[str, Mapping[str, str]]  # an item as DynamoDB writes it


class Write(NamedTuple):
    """A start or a commit that the store has written."""

    job_id: str
    attempt: int
    claim_id: str


class Witness(Protocol):
    """Counts from `watch` on; reads everything."""

    def watch(self) -> None:
        """Begin to count; the tables must be there."""
        ...

    def starts(self) -> list[Write]:
        """Every start, in the order of the writes."""
        ...

    def commits(self) -> list[Write]:
        """Every commit, in the order of the writes."""
        ...

    def records(self) -> dict[str, dict[str, Any]]:
        """All job records as they are now."""
        ...


def witness_of(cluster: Cluster) -> Witness:
    """Whoever keeps the records of a cluster."""
    if isinstance(cluster.kept, InAws):
        return StreamWitness(cluster.kept)
    return TriggerWitness(cluster.data_dir / "records.sqlite3")


class TriggerWitness:
    """A database with triggers in it."""

    def __init__(self, database: Path) -> None:
        self._database = database

    def watch(self) -> None:
        with self._opened() as db:
            db.executescript(TRIGGERS)

    def starts(self) -> list[Write]:
        return self._counted("chaos_starts")

    def commits(self) -> list[Write]:
        return self._counted("chaos_commits")

    def records(self) -> dict[str, dict[str, Any]]:
        with self._opened() as db:
            rows = db.execute("SELECT job_id, record FROM jobs").fetchall()
        return {job_id: json.loads(record) for job_id, record in rows}

    def _counted(self, table: str) -> list[Write]:
        with self._opened() as db:
            query = f"SELECT job_id, attempt, claim_id FROM {table} ORDER BY rowid"  # noqa: S608 - ours
            return [Write(*row) for row in db.execute(query)]

    @contextmanager
    def _opened(self) -> Iterator[sqlite3.Connection]:
        with closing(sqlite3.connect(self._database, timeout=10)) as db, db:
            yield db


class StreamWitness:
    """A table with its stream switched on."""

    def __init__(self, kept: InAws) -> None:
        self._kept = kept

    def watch(self) -> None:
        with closing(self._kept.service("dynamodb")) as tables:
            tables.update_table(TableName=self._kept.jobs_table, StreamSpecification=STREAM)

    def starts(self) -> list[Write]:
        return [
            _write(new)
            for old, new in self._updates()
            if _is(new, "processing") and _claim(old) != _claim(new)
        ]

    def commits(self) -> list[Write]:
        return [
            _write(new)
            for old, new in self._updates()
            if _is(new, "completed") and (not _is(old, "completed") or _claim(old) != _claim(new))
        ]

    def records(self) -> dict[str, dict[str, Any]]:
        with closing(self._kept.service("dynamodb")) as tables:
            pages = tables.get_paginator("scan").paginate(
                TableName=self._kept.jobs_table, ConsistentRead=True
            )
            items = [item for page in pages for item in page["Items"]]
        return {item["jobId"]["S"]: json.loads(item["record"]["S"]) for item in items}

    def _updates(self) -> Iterator[tuple[Image, Image]]:
        """Each change of an item: how it was, how it became."""
        with closing(self._kept.service("dynamodbstreams")) as streams:
            (stream,) = streams.list_streams(TableName=self._kept.jobs_table)["Streams"]
            described = streams.describe_stream(StreamArn=stream["StreamArn"])
            for shard in described["StreamDescription"]["Shards"]:
                for record in _records(streams, stream["StreamArn"], shard["ShardId"]):
                    if record["eventName"] == "MODIFY":
                        yield record["dynamodb"]["OldImage"], record["dynamodb"]["NewImage"]


def _records(streams: Any, stream: str, shard: str) -> Iterator[dict[str, Any]]:
    place = streams.get_shard_iterator(
        StreamArn=stream, ShardId=shard, ShardIteratorType="TRIM_HORIZON"
    )["ShardIterator"]
    while True:
        page = streams.get_records(ShardIterator=place)
        if not page["Records"]:
            return  # an open shard has no end: this is what has been written so far
        yield from page["Records"]
        place = page["NextShardIterator"]


def _is(item: Image, status: str) -> bool:
    return item["status"]["S"] == status


def _claim(item: Image) -> str | None:
    return item.get("claimId", {}).get("S")


def _write(item: Image) -> Write:
    return Write(item["jobId"]["S"], int(float(item["attempt"]["N"])), _claim(item) or "")
