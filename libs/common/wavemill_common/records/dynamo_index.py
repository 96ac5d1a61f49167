"""Find in a sharded index what lies before a point in time, the earliest first."""

import asyncio
import math
from typing import Any

from wavemill_common.records.dynamo_calls import DynamoCalls, Item
from wavemill_common.records.dynamo_tables import SHARDS, TimeIndex

SMALL = 1000  # entries that one look at the whole index takes; they are some 100 bytes each
AT_ONCE = 16  # shards that are asked at the same time
LEAST, MOST = 10, 1000  # entries that one query of a shard takes

Entry = tuple[float, str]  # time, id


class IndexReader:
    """Reads one index of one table."""

    def __init__(self, calls: DynamoCalls, table: str, key: str, index: TimeIndex) -> None:
        self._calls = calls
        self._table = table
        self._key = key
        self._index = index

    async def before(self, time: float, limit: int) -> list[str]:
        """The ids of at most `limit` records whose time is earlier than `time`, in order.

        An index is mostly small: one request then tells all of it. Only a larger one is asked
        shard by shard, several at a time, in rounds.
        """
        if limit <= 0:
            return []
        found = await self._all_of_few(time)
        if found is None:
            found = await self._by_shards(time, limit)
        return [record_id for _, record_id in sorted(found)[:limit]]

    async def _all_of_few(self, time: float) -> list[Entry] | None:
        """What lies before `time`, or None where the index is too large for one look."""
        reply = await self._calls.call(
            "scan", TableName=self._table, IndexName=self._index.name, Limit=SMALL
        )
        if "LastEvaluatedKey" in reply:
            return None
        return [entry for entry in map(self._entry, reply["Items"]) if entry[0] < time]

    async def _by_shards(self, time: float, limit: int) -> list[Entry]:
        """The earliest of all shards, and some more.

        A shard is asked again only while it may hold something earlier than the last that fits.
        """
        size = max(LEAST, min(MOST, 2 * -(-limit // SHARDS)))
        free = asyncio.Semaphore(AT_ONCE)
        found: list[Entry] = []
        places: dict[str, Item] = {self._index.shard_name(one): {} for one in range(SHARDS)}
        while places:
            pages = await asyncio.gather(
                *(self._page(free, shard, time, size, place) for shard, place in places.items())
            )
            found = sorted(found + [entry for entries, _ in pages for entry in entries])[:limit]
            last = found[-1][0] if len(found) == limit else math.inf
            places = {
                shard: {"ExclusiveStartKey": place}
                for shard, (entries, place) in zip(places, pages, strict=True)
                if place and (not entries or entries[-1][0] <= last)
            }
        return found

    async def _page(
        self, free: asyncio.Semaphore, shard: str, time: float, size: int, place: Item
    ) -> tuple[list[Entry], Any]:
        async with free:
            reply = await self._calls.call(
                "query",
                TableName=self._table,
                IndexName=self._index.name,
                KeyConditionExpression="#shard = :shard AND #time < :time",
                ExpressionAttributeNames={"#shard": self._index.shard, "#time": self._index.time},
                ExpressionAttributeValues={":shard": {"S": shard}, ":time": {"N": repr(time)}},
                Limit=size,
                **place,
            )
        return list(map(self._entry, reply["Items"])), reply.get("LastEvaluatedKey")

    def _entry(self, item: Item) -> Entry:
        return float(item[self._index.time]["N"]), item[self._key]["S"]
