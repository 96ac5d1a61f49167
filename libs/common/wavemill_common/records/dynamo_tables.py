"""The two tables of the DynamoDB job store and their indexes, as CreateTable takes them.

Sparse indexes by time hold the keys only: an entry is small to write, and whoever finds one reads
the record itself, consistently. Why: docs/adr/0005-two-tables-and-sharded-sparse-indexes.md
"""

import zlib
from typing import Any

from msgspec import Struct

SHARDS = 128  # partitions of an index by time; one partition takes 1,000 writes a second
TTL = "ttl"  # the attribute that DynamoDB's own expiry reads


class TimeIndex(Struct, frozen=True):
    """A sparse index by a point in time, spread over `SHARDS` partitions."""

    name: str
    shard: str  # attribute: partition key
    time: str  # attribute: sort key
    letter: str  # what the partition keys begin with

    def shard_of(self, record_id: str) -> str:
        """The partition of a record."""
        return self.shard_name(zlib.crc32(record_id.encode()) % SHARDS)

    def shard_name(self, number: int) -> str:
        """The name of a partition."""
        return f"{self.letter}#{number}"

    def entry(self, record_id: str, time: float) -> dict[str, Any]:
        """The attributes that put a record into this index."""
        return {self.shard: {"S": self.shard_of(record_id)}, self.time: number(time)}


DUE = TimeIndex("due", "dueShard", "dueAt", "D")
EXPIRES = TimeIndex("expires", "expiryShard", "expiresAt", "E")
OWNER = "owner"  # index: owner, createdAt (jobs) or expiresAt (uploads)
STATUS, OUTPUT_BYTES = "status", "outputBytes"  # of jobs: what quotas count is in the index
STATE, SIZE = "state", "size"  # of uploads


def number(value: float) -> dict[str, str]:
    """A number as DynamoDB takes it: the shortest decimal that reads back as the same float."""
    return {"N": repr(value)}


def jobs_table(name: str) -> dict[str, Any]:
    """What to create for jobs."""
    by_owner = _index(OWNER, "owner", "createdAt", STATUS, OUTPUT_BYTES)
    indexes = [_time_index(DUE), _time_index(EXPIRES), by_owner]
    return _table(name, "jobId", indexes)


def uploads_table(name: str) -> dict[str, Any]:
    """What to create for uploads and their chunks."""
    by_owner = _index(OWNER, "owner", EXPIRES.time, STATE, SIZE)
    return _table(name, "fileId", [_time_index(EXPIRES), by_owner])


def _table(name: str, key: str, indexes: list[dict[str, Any]]) -> dict[str, Any]:
    schemas = [_keys(key), *(index["KeySchema"] for index in indexes)]
    attributes = dict.fromkeys(one["AttributeName"] for schema in schemas for one in schema)
    return {
        "TableName": name,
        "BillingMode": "PAY_PER_REQUEST",
        "KeySchema": _keys(key),
        "AttributeDefinitions": [
            {"AttributeName": one, "AttributeType": "N" if one.endswith("At") else "S"}
            for one in attributes
        ],
        "GlobalSecondaryIndexes": indexes,
    }


def _time_index(index: TimeIndex) -> dict[str, Any]:
    return _index(index.name, index.shard, index.time)


def _index(name: str, partition: str, sort: str, *included: str) -> dict[str, Any]:
    projection: dict[str, Any] = {"ProjectionType": "KEYS_ONLY"}
    if included:
        projection = {"ProjectionType": "INCLUDE", "NonKeyAttributes": list(included)}
    return {"IndexName": name, "KeySchema": _keys(partition, sort), "Projection": projection}


def _keys(partition: str, sort: str | None = None) -> list[dict[str, str]]:
    keys = [{"AttributeName": partition, "KeyType": "HASH"}]
    return keys if sort is None else [*keys, {"AttributeName": sort, "KeyType": "RANGE"}]
