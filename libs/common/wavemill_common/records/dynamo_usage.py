"""An owner's usage from the tables' indexes of owners, which hold what it takes to count."""

from collections.abc import AsyncIterator

from wavemill_common.jobs import JobStatus
from wavemill_common.records import job_items, upload_items
from wavemill_common.records.dynamo_calls import DynamoCalls, Item
from wavemill_common.records.dynamo_tables import EXPIRES, OUTPUT_BYTES, OWNER, SIZE, STATE, STATUS
from wavemill_common.records.usage import Usage
from wavemill_common.uploads import UploadState

_OPEN = frozenset({UploadState.OPEN.value, UploadState.COMPLETING.value})
_UNFINISHED = frozenset({JobStatus.CREATED.value, JobStatus.PROCESSING.value})


async def read_usage(
    calls: DynamoCalls, uploads_table: str, jobs_table: str, owner: str, now: float
) -> Usage:
    """Read what an owner has; the indexes follow the tables within a second or so."""
    uploads = [item async for item in _owned(calls, uploads_table, owner)]
    jobs = [item async for item in _owned(calls, jobs_table, owner)]
    kept = [one for one in uploads if _text(one, STATE) != UploadState.ABORTED.value]
    return Usage(
        open_uploads=frozenset(
            one[upload_items.KEY]["S"]
            for one in kept
            if _text(one, STATE) in _OPEN and _number(one, EXPIRES.time) > now
        ),
        unfinished_jobs=frozenset(
            one[job_items.KEY]["S"] for one in jobs if _text(one, STATUS) in _UNFINISHED
        ),
        stored_bytes=int(
            sum(_number(one, SIZE) for one in kept)
            + sum(_number(one, OUTPUT_BYTES) for one in jobs)
        ),
    )


async def _owned(calls: DynamoCalls, table: str, owner: str) -> AsyncIterator[Item]:
    place: Item = {}
    while True:
        reply = await calls.call(
            "query",
            TableName=table,
            IndexName=OWNER,
            KeyConditionExpression="#owner = :owner",
            ExpressionAttributeNames={"#owner": "owner"},
            ExpressionAttributeValues={":owner": {"S": owner}},
            **place,
        )
        for item in reply["Items"]:
            yield item
        if "LastEvaluatedKey" not in reply:
            return
        place = {"ExclusiveStartKey": reply["LastEvaluatedKey"]}


def _text(item: Item, name: str) -> str:
    return str(item.get(name, {}).get("S", ""))


def _number(item: Item, name: str) -> float:
    return float(item.get(name, {}).get("N", "0"))
