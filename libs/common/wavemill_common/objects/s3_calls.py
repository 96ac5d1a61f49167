"""S3Calls: one call to S3, its errors ours, tried again by our one policy; replies decoded."""

import base64
import hashlib
import time
from collections.abc import AsyncGenerator, AsyncIterator, Mapping
from email.utils import parsedate_to_datetime
from typing import Any

from wavemill_common.errors import AppError, ObjectExists
from wavemill_common.objects import ObjectInfo
from wavemill_common.objects.s3_body import Pieces, WatchedBody
from wavemill_common.objects.s3_config import S3Config
from wavemill_common.objects.s3_faults import MultipartGone, s3_faults
from wavemill_common.objects.s3_patience import QUICK, patience
from wavemill_common.retry import retried

Reply = Mapping[str, Any]


class Doubtful(Exception):
    """A call was refused as if it had been done before: perhaps by its own first try."""

    def __init__(self, refusal: AppError) -> None:
        super().__init__(str(refusal))
        self.refusal = refusal


class S3Calls:
    """Calls an aioboto3 client on one bucket. All may raise what `s3_faults` makes."""

    def __init__(self, client: Any, config: S3Config) -> None:
        self._client = client
        self._config = config
        self.bucket = config.bucket

    async def __call__(self, operation: str, key: str = "", **parameters: Any) -> Reply:
        """Call; wait and call again while S3 is unavailable."""
        return await retried(self.once, operation, key, **parameters)

    async def unrepeatable(self, operation: str, key: str, **parameters: Any) -> Reply:
        """Call what succeeds only once.

        Raises:
            Doubtful: it was refused, but after a try whose reply got lost: that may have done it.
        """
        tries = 0

        async def attempt() -> Reply:
            nonlocal tries
            tries += 1
            return await self.once(operation, key, **parameters)

        try:
            return await retried(attempt)
        except (ObjectExists, MultipartGone) as refusal:
            if tries == 1:
                raise
            raise Doubtful(refusal) from refusal

    async def once(self, operation: str, key: str = "", **parameters: Any) -> Reply:
        """Call; a failure is final. A body is `Pieces`: aiohttp sends a file in small writes.

        It is given up once the store has been silent for `answer_timeout`, where that has no work
        or is to let us send; once no byte of a body has moved for `read_timeout`; or once no answer
        has come for as long after the last one.
        """
        first, later = self._config.answer_timeout, self._config.read_timeout
        is_watched = "Body" in parameters or operation in QUICK
        with s3_faults(operation, self.bucket, key):
            async with patience(first if is_watched else None, later) as moved:
                if "Body" in parameters:
                    parameters["Body"] = WatchedBody(parameters["Body"], moved)
                if key:
                    parameters["Key"] = key
                call = getattr(self._client, operation)
                reply: Reply = await call(Bucket=self.bucket, **parameters)
        return reply

    async def pages(
        self, operation: str, follow: Mapping[str, str], key: str = "", **parameters: Any
    ) -> AsyncIterator[Reply]:
        """List page by page; `follow` maps a page's members to the next call's parameters."""
        while True:
            page = await self(operation, key, **parameters)
            yield page
            if not page.get("IsTruncated"):
                return
            for member, parameter in follow.items():
                parameters[parameter] = page[member]

    async def listed(self, prefix: str) -> AsyncGenerator[ObjectInfo, None]:
        """List objects by key; those that come or go meanwhile may be listed or not."""
        follow = {"NextContinuationToken": "ContinuationToken"}
        async for page in self.pages("list_objects_v2", follow, Prefix=prefix):
            for one in page.get("Contents", ()):
                yield ObjectInfo(
                    key=str(one["Key"]),
                    size=int(one["Size"]),
                    modified=one["LastModified"].timestamp(),
                    etag=clean_etag(one["ETag"]),
                )

    async def head(self, key: str) -> ObjectInfo:
        """Tell about an object.

        Raises:
            ObjectNotFound: there is none.
        """
        reply = await self("head_object", key)
        return ObjectInfo(
            key=key,
            size=int(reply["ContentLength"]),
            modified=reply["LastModified"].timestamp(),
            etag=clean_etag(reply["ETag"]),
        )


def stored(key: str, size: int, reply: Reply) -> ObjectInfo:
    """What a writing call's reply tells about the object it made."""
    return ObjectInfo(key=key, size=size, modified=_date(reply), etag=clean_etag(reply["ETag"]))


def clean_etag(etag: str) -> str:
    """An etag without the quotes that HTTP puts around it."""
    return etag.strip('"')


def etag_of_parts(etags: list[str]) -> str:
    """The etag that S3 gives to what is made of parts, in their order."""
    try:
        joined = b"".join(bytes.fromhex(etag) for etag in etags)
    except ValueError:
        return ""  # this store counts its etags otherwise
    return f"{hashlib.md5(joined, usedforsecurity=False).hexdigest()}-{len(etags)}"


def checksum_of(data: Pieces) -> dict[str, str]:
    """The parameters that let S3 refuse bytes which arrive damaged."""
    crc32 = base64.b64encode(data.crc32().to_bytes(4, "big")).decode()
    return {"ChecksumAlgorithm": "CRC32", "ChecksumCRC32": crc32}


def _date(reply: Reply) -> float:
    """The server's time of the reply: an object's modification shows at its making."""
    written = reply.get("ResponseMetadata", {}).get("HTTPHeaders", {}).get("date")
    return parsedate_to_datetime(written).timestamp() if written else time.time()
