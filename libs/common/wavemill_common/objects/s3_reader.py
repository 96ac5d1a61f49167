"""Read an object as one stream, going on at the byte reached when the connection breaks."""

from collections.abc import AsyncGenerator
from typing import Any

import structlog

from wavemill_common.errors import ObjectExists, StorageUnavailable
from wavemill_common.objects.s3_calls import Reply, S3Calls, clean_etag
from wavemill_common.objects.s3_faults import RangeBeyond, s3_faults
from wavemill_common.objects.s3_manifest import whole_size
from wavemill_common.retry import retried

log = structlog.get_logger(__name__)

BLOCK = 256 * 1024  # bytes at most that one step yields


class ManifestFound(Exception):
    """There is a manifest where bytes were looked for."""


class S3Reader:
    """One reading of a range. The etag of its first answer holds for all that follow.

    So another object that takes the place meanwhile is never mixed in: a reading that would
    have to go on in it fails. A manifest's own bytes are read only `of_manifest`.
    """

    def __init__(
        self,
        calls: S3Calls,
        key: str,
        start: int = 0,
        end: int | None = None,
        etag: str = "",
        *,
        of_manifest: bool = False,
    ) -> None:
        self._call = calls
        self._key = key
        self._position = start
        self._end = end  # as asked for, then where the object really ends
        self._of_manifest = of_manifest
        self.etag = etag

    async def blocks(self) -> AsyncGenerator[bytes, None]:
        """Yield the bytes, over as many connections as it takes: each has to bring some.

        Raises, at the first step:
            ManifestFound: this is a whole, and its bytes lie elsewhere.
        """
        while not self._is_done():
            body, block = await self._opened()
            try:
                while block:
                    self._position += len(block)
                    yield block
                    block = await self._next(body)
            except StorageUnavailable as error:
                log.info("read_resumed", key=self._key, at=self._position, reason=error.message)
            finally:
                if body is not None:
                    body.close()

    async def _opened(self) -> tuple[Any, bytes]:
        """An answer with its first bytes."""
        try:
            return await retried(self._open)
        except ObjectExists:  # what If-Match says of another object
            raise StorageUnavailable(f"{self._key} was replaced while it was read") from None

    async def _open(self) -> tuple[Any, bytes]:
        last = "" if self._end is None else self._end - 1
        pinned = {"IfMatch": f'"{self.etag}"'} if self.etag else {}
        span = f"bytes={self._position}-{last}"
        try:
            reply = await self._call.once("get_object", self._key, Range=span, **pinned)
        except RangeBeyond:
            self._check(await self._call.once("head_object", self._key))
            self._end = self._position
            return None, b""
        body = reply["Body"]
        try:
            self._check(reply)
            self._learn(reply)
            first = await self._first(body)
        except BaseException:
            body.close()
            raise
        return body, first

    async def _first(self, body: Any) -> bytes:
        """The first bytes: an answer without any would be asked for again and again."""
        first = await self._next(body)
        if not first and not self._is_done():
            raise StorageUnavailable("S3 sent less than it announced")
        return first

    async def _next(self, body: Any) -> bytes:
        if self._is_done():
            return b""
        with s3_faults("get_object", self._call.bucket, self._key):
            block: bytes = await body.read(BLOCK)
        return block if self._end is None else block[: self._end - self._position]

    def _check(self, reply: Reply) -> None:
        if not self._of_manifest and whole_size(reply) is not None:
            raise ManifestFound(self._key)

    def _learn(self, reply: Reply) -> None:
        """Take the object's size and etag from an answer.

        Raises:
            StorageUnavailable: these are not the bytes that were asked for.
        """
        content_range = str(reply.get("ContentRange", ""))
        if content_range:
            begins = int(content_range.removeprefix("bytes ").split("-")[0])
            size = int(content_range.rpartition("/")[2])
        else:
            begins, size = 0, int(reply["ContentLength"])
        if begins != self._position:
            raise StorageUnavailable("S3 sent another range than was asked for")
        self._end = size if self._end is None else min(self._end, size)
        self.etag = clean_etag(reply["ETag"])

    def _is_done(self) -> bool:
        return self._end is not None and self._position >= self._end
