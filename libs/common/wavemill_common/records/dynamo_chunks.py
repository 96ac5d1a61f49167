"""ChunkPages: the digests of uploads' chunks, a thousand to an item."""

from wavemill_common.records import upload_items
from wavemill_common.records.dynamo_calls import DynamoCalls, Item
from wavemill_common.records.unknown import no_upload
from wavemill_common.records.upload_items import KEY, page_of, pages_of
from wavemill_common.uploads import Arrived, Chunk, Upload, UploadState


class ChunkPages:
    """Reads and writes pages. What is recorded first for a chunk stays, so writes may repeat."""

    def __init__(self, calls: DynamoCalls, table: str) -> None:
        self._calls = calls
        self._table = table

    async def find(self, file_id: str, index: int) -> Chunk:
        """Read an upload, and what is on record of one of its chunks, in one call.

        That may see the page as it was before the upload changed. Where the upload takes no more
        chunks nobody looks again, so the page is read after it.

        Raises:
            UploadNotFound: there is no such upload.
        """
        ids, only = [file_id, page_of(file_id, index)], upload_items.only(index)
        items = await self._calls.get_many(self._table, KEY, ids, **only)
        upload = upload_items.upload_among(items)
        if upload is None:
            raise no_upload(file_id)
        digests = upload_items.digests_of(items)
        if index not in digests and upload.state is not UploadState.OPEN:
            digests = await self.read(upload)
        return Chunk(upload, index, digests.get(index))

    async def add(self, upload: Upload, index: int, sha256: str) -> Arrived:
        """Record a chunk, with its page if that is not there; then read everything else.

        A page that is begun after its upload was removed is deleted by nobody else. Of an upload
        that was aborted, whoever removes it deletes the page.

        Raises:
            UploadNotFound: the upload was aborted or removed.
        """
        page = await self._noted(upload.file_id, index, sha256)
        mine, all_pages = page_of(upload.file_id, index), pages_of(upload)
        others = [upload.file_id, *(one for one in all_pages if one != mine)]
        items = await self._calls.get_many(self._table, KEY, others)
        newest = upload_items.upload_among(items)
        if newest is None:
            await self._calls.call("delete_item", TableName=self._table, Key=_key(mine))
            raise no_upload(upload.file_id)
        if newest.state is UploadState.ABORTED:
            raise no_upload(upload.file_id)
        return Arrived(newest, upload_items.digests_of([page, *items]))

    async def read(self, upload: Upload) -> dict[int, str]:
        """All digests of an upload."""
        pages = await self._calls.get_many(self._table, KEY, pages_of(upload))
        return upload_items.digests_of(pages)

    async def remove_with(self, upload: Upload) -> bool:
        """Delete an upload of this revision and its pages, all or nothing; tell whether."""
        first = {
            "TableName": self._table,
            "Key": _key(upload.file_id),
            "ReturnValuesOnConditionCheckFailure": "ALL_OLD",
            **upload_items.of_revision(upload.revision),
        }
        pages = [{"TableName": self._table, "Key": _key(one)} for one in pages_of(upload)]
        outcome = await self._calls.write(
            "transact_write_items", TransactItems=[{"Delete": one} for one in (first, *pages)]
        )
        return outcome.written or (outcome.repeated and outcome.found is None)

    async def _noted(self, file_id: str, index: int, sha256: str) -> Item:
        """Record a chunk unless it is on record; the page as it is then."""
        reply = await self._calls.call(
            "update_item",
            TableName=self._table,
            Key=_key(page_of(file_id, index)),
            **upload_items.noted(index, sha256),
        )
        page: Item = reply["Attributes"]
        return page


def _key(item_id: str) -> Item:
    return {KEY: {"S": item_id}}
