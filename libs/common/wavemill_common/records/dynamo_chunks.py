"""ChunkPages: the digests of uploads' chunks, a thousand to an item."""

from wavemill_common.records import upload_items
from wavemill_common.records.dynamo_calls import DynamoCalls, Item
from wavemill_common.records.dynamo_faults import ConditionFailed
from wavemill_common.records.unknown import no_upload
from wavemill_common.records.upload_items import KEY, page_of, pages_of
from wavemill_common.uploads import Upload


class ChunkPages:
    """Reads and writes pages. What is recorded first for a chunk stays, so writes may repeat."""

    def __init__(self, calls: DynamoCalls, table: str) -> None:
        self._calls = calls
        self._table = table

    async def note(self, file_id: str, index: int, sha256: str) -> str | None:
        """Record a chunk in a page that is there; the digest on record, None without a page."""
        try:
            return await self._note(
                file_id, index, sha256, ConditionExpression=f"attribute_exists({KEY})"
            )
        except ConditionFailed:
            return None

    async def begin_page(self, file_id: str, index: int, sha256: str) -> str:
        """Record a chunk, with its page if that is not there; the digest on record."""
        return await self._note(file_id, index, sha256)

    async def drop_page(self, file_id: str, index: int) -> None:
        """Delete the page with chunk `index`."""
        await self._calls.call("delete_item", TableName=self._table, Key=_key(file_id, index))

    async def read(self, upload: Upload) -> dict[int, str]:
        """All digests of an upload."""
        pages = await self._calls.get_many(self._table, KEY, pages_of(upload))
        digests: dict[int, str] = {}
        for page in pages:
            digests |= upload_items.digests_of(page)
        return digests

    async def remove_with(self, upload: Upload) -> bool:
        """Delete an upload of this revision and its pages, all or nothing; tell whether."""
        first = {
            "TableName": self._table,
            "Key": {KEY: {"S": upload.file_id}},
            "ReturnValuesOnConditionCheckFailure": "ALL_OLD",
            **upload_items.of_revision(upload.revision),
        }
        pages = [{"TableName": self._table, "Key": {KEY: {"S": one}}} for one in pages_of(upload)]
        outcome = await self._calls.write(
            "transact_write_items", TransactItems=[{"Delete": one} for one in (first, *pages)]
        )
        return outcome.written or (outcome.repeated and outcome.found is None)

    async def _note(self, file_id: str, index: int, sha256: str, **condition: str) -> str:
        reply = await self._calls.call(
            "update_item",
            TableName=self._table,
            Key=_key(file_id, index),
            **upload_items.noted(index, sha256),
            **condition,
        )
        found = upload_items.digest_of(reply.get("Attributes", {}), index)
        return found or await self._noted(file_id, index)

    async def _noted(self, file_id: str, index: int) -> str:
        """Ask, since not every server returns a value that was left as it was."""
        reply = await self._calls.call(
            "get_item", TableName=self._table, Key=_key(file_id, index), ConsistentRead=True
        )
        digest = upload_items.digest_of(reply.get("Item", {}), index)
        if digest is None:
            raise no_upload(file_id)
        return digest


def _key(file_id: str, index: int) -> Item:
    return {KEY: {"S": page_of(file_id, index)}}
