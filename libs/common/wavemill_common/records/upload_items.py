"""Uploads as items of the table of uploads, and their chunks' digests in pages beside them.

A page holds the digests of 1,000 chunks, one attribute each: `file#0` has `c0` to `c999`.
"""

from collections.abc import Iterable
from typing import Any

from wavemill_common.records.codec import decode_upload, encode
from wavemill_common.records.dynamo_calls import Item
from wavemill_common.records.dynamo_tables import EXPIRES, SIZE, number
from wavemill_common.uploads import Upload

KEY = "fileId"
RECORD = "record"
PAGE = 1000  # chunks of one item: 37 kB of at most 400, written anew with every chunk
PAGES = 10  # of an upload whose size is not known yet; S3 takes no more than 10,000 parts
MOST_PAGES = 99  # that one transaction deletes together with the upload
UPLOADS_ONLY = {
    "FilterExpression": "attribute_exists(#record)",
    "ExpressionAttributeNames": {"#record": RECORD},
}


def item_of(upload: Upload) -> Item:
    """Write an upload: `record` is the truth, the attributes beside it are to query."""
    item: Item = {
        KEY: {"S": upload.file_id},
        "state": {"S": upload.state.value},
        "revision": number(upload.revision),
        RECORD: {"S": encode(upload).decode()},
    }
    if upload.size is not None:
        item[SIZE] = number(upload.size)
    if upload.owner:
        item["owner"] = {"S": upload.owner}
    return item | EXPIRES.entry(upload.file_id, upload.expires_at)


def upload_of(item: Item) -> Upload:
    """Read an upload.

    Raises:
        JobStoreUnavailable: it isn't one that this version can read.
    """
    return decode_upload(item[RECORD]["S"].encode())


def upload_among(items: Iterable[Item]) -> Upload | None:
    """Read the one upload among its pages, if it is there.

    Raises:
        JobStoreUnavailable: this version cannot read it.
    """
    return next((upload_of(item) for item in items if RECORD in item), None)


def of_revision(revision: int) -> Item:
    """The condition that the stored upload has this revision."""
    return {
        "ConditionExpression": "#revision = :revision",
        "ExpressionAttributeNames": {"#revision": "revision"},
        "ExpressionAttributeValues": {":revision": number(revision)},
    }


def page_of(file_id: str, index: int) -> str:
    """The key of the page with chunk `index`; `#` stands in no file id."""
    return f"{file_id}#{index // PAGE}"


def pages_of(upload: Upload) -> list[str]:
    """The keys of all pages that an upload may have."""
    pages = -(-upload.total_chunks // PAGE) or PAGES
    return [page_of(upload.file_id, page * PAGE) for page in range(min(pages, MOST_PAGES))]


def only(index: int) -> Item:
    """The projection of an upload and its pages to its record and that of one chunk."""
    return {
        "ProjectionExpression": "#record, #chunk",
        "ExpressionAttributeNames": {"#record": RECORD, "#chunk": _name(index)},
    }


def noted(index: int, sha256: str) -> Item:
    """The update that records a chunk unless there is a record, and returns the whole page."""
    return {
        "UpdateExpression": "SET #chunk = if_not_exists(#chunk, :sha256)",
        "ExpressionAttributeNames": {"#chunk": _name(index)},
        "ExpressionAttributeValues": {":sha256": {"B": bytes.fromhex(sha256)}},
        "ReturnValues": "ALL_NEW",
    }


def digests_of(items: Iterable[Item]) -> dict[int, str]:
    """All digests that stand in an upload's items: index → digest (hex)."""
    return {
        int(name[1:]): _hex(value)
        for item in items
        for name, value in item.items()
        if name[1:].isdigit()
    }


def _name(index: int) -> str:
    return f"c{index}"


def _hex(value: dict[str, Any]) -> str:
    return bytes(value["B"]).hex()
