"""What AWS counts for a request: sizes of items, request units, classes of requests. Pure.

The rules are those of the Amazon DynamoDB developer guide (item sizes; read and write request
units; projections into secondary indexes) and of the price list of S3.
"""

import math
from collections.abc import Callable, Collection, Iterable, Mapping
from typing import Any

from msgspec import Struct

Item = Mapping[str, Any]  # attribute → typed value, as on the wire

WRITE_BLOCK, READ_BLOCK = 1024, 4096  # bytes that one unit writes or reads
TRANSACTION = 2  # what a write in a transaction costs of a plain one
PUT, GET, FREE = "put", "get", "free"  # classes of S3's requests
_OVERHEAD, _ENTRY = 3, 1  # bytes: of a list or a map, and of each thing in it


class Index(Struct, frozen=True):
    """A secondary index: the attributes that are its key, and those that it holds besides."""

    key: tuple[str, ...]
    held: frozenset[str]

    def entry(self, item: Item | None) -> dict[str, Any] | None:
        """What the index holds of an item; None where it holds nothing of it."""
        if item is None or not all(name in item for name in self.key):
            return None
        return {name: value for name, value in item.items() if name in self.held}


def indexes_of(table: Mapping[str, Any]) -> list[Index]:
    """The indexes of a table, from what CreateTable was asked for."""
    own = {one["AttributeName"] for one in table["KeySchema"]}
    found = []
    for one in table.get("GlobalSecondaryIndexes", ()):
        key = tuple(part["AttributeName"] for part in one["KeySchema"])
        besides = one["Projection"].get("NonKeyAttributes", ())
        found.append(Index(key, frozenset({*own, *key, *besides})))
    return found


def item_size(item: Item) -> int:
    """The bytes of an item: its names and its values."""
    return sum(len(name.encode()) + _value_size(value) for name, value in item.items())


def _value_size(typed: Mapping[str, Any]) -> int:
    ((kind, value),) = typed.items()
    return _SIZES[kind](value)


def _number_size(text: str) -> int:
    digits = sum(mark.isdigit() for mark in text.lstrip("-0."))
    return math.ceil(digits / 2) + 1 + text.startswith("-")


_SIZES: dict[str, Callable[[Any], int]] = {
    "S": lambda text: len(text.encode()),
    "N": _number_size,
    "B": lambda text: len(text) * 3 // 4,  # base64 on the wire
    "M": lambda items: _OVERHEAD + item_size(items) + _ENTRY * len(items),
    "L": lambda values: _OVERHEAD + sum(_value_size(one) + _ENTRY for one in values),
    "BOOL": lambda _: 1,
    "NULL": lambda _: 1,
}


def write_units(before: Item | None, after: Item | None) -> int:
    """Units of a write of the table itself; a refused condition costs them too."""
    largest = max(item_size(before or {}), item_size(after or {}))
    return max(1, math.ceil(largest / WRITE_BLOCK))


def index_units(index: Index, before: Item | None, after: Item | None) -> int:
    """Units of what a write does to an index: nothing, one write, or a deletion and a write."""
    old, new = index.entry(before), index.entry(after)
    if old == new:
        return 0
    moved = bool(old and new) and any(old[name] != new[name] for name in index.key)  # type: ignore[index]
    if moved:
        return write_units(old, None) + write_units(None, new)
    return write_units(old, new)


def read_units(sizes: Iterable[int], *, consistent: bool) -> float:
    """Units of one read of items that are rounded up together: a query, a scan, a single item."""
    blocks = max(1, math.ceil(sum(sizes) / READ_BLOCK))
    return blocks if consistent else blocks / 2


def s3_operation(method: str, query: Collection[str], *, copies: bool = False) -> str:
    """Name a request to S3 as its documentation does; `query` are the names in its query."""
    fits = (name for of, mark, name in _S3 if of == method and (not mark or mark in query))
    return next(fits) + ("Copy" if copies else "")


_S3 = (  # method, what its query has in it, operation: the first that fits
    ("PUT", "partNumber", "UploadPart"),
    ("PUT", "", "PutObject"),
    ("POST", "uploads", "CreateMultipartUpload"),
    ("POST", "uploadId", "CompleteMultipartUpload"),
    ("POST", "delete", "DeleteObjects"),
    ("GET", "uploadId", "ListParts"),
    ("GET", "uploads", "ListMultipartUploads"),
    ("GET", "list-type", "ListObjectsV2"),
    ("GET", "", "GetObject"),
    ("HEAD", "", "HeadObject"),
    ("DELETE", "uploadId", "AbortMultipartUpload"),
    ("DELETE", "", "DeleteObject"),
)


def s3_class(operation: str) -> str:
    """What S3's price list calls a request: PUT, COPY, POST and LIST; GET and all other; free."""
    if operation in {"DeleteObject", "AbortMultipartUpload"}:
        return FREE
    return GET if operation.startswith(("Get", "Head")) else PUT
