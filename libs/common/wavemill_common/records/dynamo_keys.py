"""KeyItems: API keys among the items of the table of uploads, under keys that no upload can have.

So they need no table and no rights of their own: docs/adr/0011-api-keys-among-the-uploads.md
"""

from collections.abc import AsyncIterator

import structlog

from wavemill_common.api_keys import ApiKey
from wavemill_common.errors import Conflict, JobStoreUnavailable
from wavemill_common.records.codec import decode_key, encode
from wavemill_common.records.dynamo_calls import DynamoCalls, Item, Outcome
from wavemill_common.records.upload_items import KEY

log = structlog.get_logger()

RECORD = "apiKey"  # not `record`: what has one is an upload
_KEYS_ONLY = {
    "FilterExpression": "attribute_exists(#record)",
    "ExpressionAttributeNames": {"#record": RECORD},
}


class KeyItems:
    """Reads and writes API keys."""

    def __init__(self, calls: DynamoCalls, table: str) -> None:
        self._calls = calls
        self._table = table

    async def add(self, key: ApiKey) -> None:
        """Store a new key.

        Raises:
            Conflict: the id is taken.
        """
        outcome = await self._put(key, "attribute_not_exists")
        if not outcome.written and not (outcome.repeated and outcome.found == _item_of(key)):
            raise Conflict(f"there is an API key {key.key_id} already")

    async def find(self, key_id: str) -> ApiKey | None:
        """Read a key."""
        where = {KEY: {"S": _place_of(key_id)}}
        reply = await self._calls.call(
            "get_item", TableName=self._table, Key=where, ConsistentRead=True
        )
        return _key_of(reply["Item"]) if "Item" in reply else None

    async def save(self, key: ApiKey) -> bool:
        """Write a key over the stored one; tell whether there was one."""
        return (await self._put(key, "attribute_exists")).written

    async def all(self) -> AsyncIterator[ApiKey]:
        """All keys: a look at the whole table."""
        async for item in self._calls.scan(self._table, ConsistentRead=True, **_KEYS_ONLY):
            try:
                yield _key_of(item)
            except JobStoreUnavailable:
                log.exception("record_unreadable", id=item[KEY]["S"])

    async def _put(self, key: ApiKey, condition: str) -> Outcome:
        return await self._calls.write(
            "put_item",
            TableName=self._table,
            Item=_item_of(key),
            ConditionExpression=f"{condition}(#id)",
            ExpressionAttributeNames={"#id": KEY},
            ReturnValuesOnConditionCheckFailure="ALL_OLD",
        )


def _place_of(key_id: str) -> str:
    """The key of the item; `#` stands in no file id, and no page of an upload begins so."""
    return f"#key#{key_id}"


def _item_of(key: ApiKey) -> Item:
    return {KEY: {"S": _place_of(key.key_id)}, RECORD: {"S": encode(key).decode()}}


def _key_of(item: Item) -> ApiKey:
    return decode_key(item[RECORD]["S"].encode())
