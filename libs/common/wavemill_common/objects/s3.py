"""S3ObjectStore: objects in a bucket of S3, or of a store that speaks its language."""

from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from typing import Any, Self

from wavemill_common.objects import Multipart, ObjectInfo, Part, Slice
from wavemill_common.objects.keys import check_key, check_prefix
from wavemill_common.objects.s3_body import Pieces
from wavemill_common.objects.s3_calls import S3Calls
from wavemill_common.objects.s3_compose import S3Composer
from wavemill_common.objects.s3_config import S3Config
from wavemill_common.objects.s3_faults import refusal_of
from wavemill_common.objects.s3_multiparts import Piece, S3Multiparts
from wavemill_common.objects.s3_presign import S3Presigner
from wavemill_common.objects.s3_wholes import S3Wholes
from wavemill_common.objects.s3_writer import S3Writer

DELETE_BATCH = 1000  # keys that one call deletes


class S3ObjectStore(S3Presigner):
    """An ObjectStore in one bucket, and a Presigner; any number of processes. Use `open`.

    Keys and etags are S3's. What a dead process leaves are multipart uploads: `clean` aborts
    them. Calls that fail are tried again by our one policy; what they did unnoticed is noticed.
    """

    def __init__(self, client: Any, signing_client: Any, config: S3Config) -> None:
        super().__init__(signing_client, config.bucket)
        self._call = S3Calls(client, config)
        self._multiparts = S3Multiparts(self._call)
        checked = config.checksums == "when_supported"
        self._writer = S3Writer(self._call, self._multiparts, checked=checked)
        self._wholes = S3Wholes(self._call, checked=checked)
        self._composer = S3Composer(self._call, self._multiparts, self._writer, self._wholes)

    @classmethod
    @asynccontextmanager
    async def open(cls, config: S3Config) -> AsyncIterator[Self]:
        """Have a store, with its connections, for a block. Nothing is asked of S3 yet."""
        import aioboto3
        from aiobotocore.config import AioConfig

        session = aioboto3.Session(**config.session_options())
        options = AioConfig(**config.client_options())
        async with AsyncExitStack() as stack:

            async def client(endpoint: str | None) -> Any:
                made = session.client("s3", endpoint_url=endpoint, config=options)
                return await stack.enter_async_context(made)

            ours = await client(config.endpoint_url)
            public = config.public_endpoint_url
            signing = ours if public is None else await client(public)
            yield cls(ours, signing, config)

    # --- whole objects ---

    async def put(
        self,
        key: str,
        data: AsyncIterator[bytes],
        *,
        if_absent: bool = False,
        place: Slice | None = None,  # noqa: ARG002 - S3 puts objects together by copies
    ) -> ObjectInfo:
        """Store all of `data`: at once if it is short, else in parts, three of them at a time."""
        self._wholes.forget([key])
        return await self._writer.put(check_key(key), data, if_absent=if_absent)

    async def stat(self, key: str) -> ObjectInfo:
        """Tell size, time and etag."""
        return await self._wholes.stat(check_key(key))

    def read(self, key: str, start: int = 0, end: int | None = None) -> AsyncIterator[bytes]:
        """Read a range. A replacement meanwhile disturbs only where a connection breaks."""
        return self._wholes.read(check_key(key), start, end)

    async def delete(self, keys: Sequence[str]) -> None:
        """Delete objects, a thousand with one call."""
        unique = list(dict.fromkeys(check_key(key) for key in keys))
        self._wholes.forget(unique)
        if len(unique) == 1:
            await self._call("delete_object", unique[0])
            return
        for start in range(0, len(unique), DELETE_BATCH):
            batch = [{"Key": key} for key in unique[start : start + DELETE_BATCH]]
            reply = await self._call("delete_objects", Delete={"Objects": batch, "Quiet": True})
            for error in reply.get("Errors", ()):
                raise refusal_of(error, self._call.bucket)

    def scan(self, prefix: str) -> AsyncIterator[ObjectInfo]:
        """List objects; those that come or go meanwhile may be listed or not."""
        return self._call.listed(check_prefix(prefix))

    async def compose(self, key: str, sources: Sequence[str]) -> ObjectInfo:
        """Make an object of others: a manifest of them, or a copy of few or small ones."""
        names = [check_key(name) for name in sources]
        self._wholes.forget([check_key(key)])
        return await self._composer.compose(key, names)

    async def sources(self, key: str) -> Sequence[str]:
        """The keys of what an object is made of, and cannot be read without."""
        return await self._wholes.sources(check_key(key))

    # --- multipart uploads ---

    async def start_multipart(self, key: str) -> str:
        """Begin a multipart upload of `key`; return its upload id."""
        return await self._multiparts.start(check_key(key))

    async def put_part(self, key: str, upload_id: str, number: int, data: bytes) -> Part:
        """Store one part, in one try."""
        put = self._multiparts.put(
            check_key(key), upload_id, number, Pieces.of(data), checked=False
        )
        return (await put).part

    async def list_parts(self, key: str, upload_id: str) -> list[Part]:
        """List the acknowledged parts by number."""
        return await self._multiparts.parts(check_key(key), upload_id)

    async def complete_multipart(
        self, key: str, upload_id: str, parts: Sequence[Part], *, if_absent: bool = False
    ) -> ObjectInfo:
        """Publish the object, and end the multipart upload."""
        pieces = [Piece(part) for part in parts]
        self._wholes.forget([key])
        return await self._multiparts.complete(
            check_key(key), upload_id, pieces, if_absent=if_absent
        )

    async def abort_multipart(self, key: str, upload_id: str) -> None:
        """Drop a multipart upload and its parts."""
        await self._multiparts.abort(check_key(key), upload_id)

    async def scan_multiparts(self, prefix: str) -> AsyncIterator[Multipart]:
        """List unfinished multipart uploads."""
        pages = self._call.pages(
            "list_multipart_uploads",
            {"NextKeyMarker": "KeyMarker", "NextUploadIdMarker": "UploadIdMarker"},
            Prefix=check_prefix(prefix),
        )
        async for page in pages:
            for one in page.get("Uploads", ()):
                yield Multipart(
                    key=str(one["Key"]),
                    upload_id=str(one["UploadId"]),
                    started=one["Initiated"].timestamp(),
                )

    # --- upkeep ---

    async def clean(self, before: float) -> int:
        """Abort multipart uploads begun and left before that time; return how many."""
        stale = [one async for one in self.scan_multiparts("") if one.started < before]
        for one in stale:
            await self._multiparts.abort(one.key, one.upload_id)
        return len(stale)

    async def check(self) -> None:
        """Ask for one key, once: an answer with a body says precisely what is wrong."""
        await self._call.once("list_objects_v2", MaxKeys=1)
