"""OwnerIndex: find what is one owner's in the index of owners, the newest first."""

from collections.abc import AsyncIterator
from typing import Any

from wavemill_common.records import Place, job_items
from wavemill_common.records.dynamo_calls import BATCH, DynamoCalls, Item
from wavemill_common.records.dynamo_tables import OWNER, number

_CREATED = "createdAt"


class OwnerIndex:
    """Reads the index of the table of jobs."""

    def __init__(self, calls: DynamoCalls, table: str) -> None:
        self._calls = calls
        self._table = table

    async def pages(self, owner: str, after: Place | None) -> AsyncIterator[list[str]]:
        """The ids of an owner's jobs, as many at a time as one read of records takes."""
        place = {} if after is None else {"ExclusiveStartKey": _key(owner, *after)}
        while True:
            reply = await self._calls.call("query", **self._query(owner), **place)
            yield [item[job_items.KEY]["S"] for item in reply["Items"]]
            if "LastEvaluatedKey" not in reply:
                return
            place = {"ExclusiveStartKey": reply["LastEvaluatedKey"]}

    def _query(self, owner: str) -> dict[str, Any]:
        return {
            "TableName": self._table,
            "IndexName": OWNER,
            "KeyConditionExpression": "#owner = :owner",
            "ExpressionAttributeNames": {"#owner": OWNER},
            "ExpressionAttributeValues": {":owner": {"S": owner}},
            "ScanIndexForward": False,
            "Limit": BATCH,
        }


def _key(owner: str, created_at: float, job_id: str) -> Item:
    return {
        job_items.KEY: {"S": job_id},
        OWNER: {"S": owner},
        _CREATED: number(created_at),
    }
