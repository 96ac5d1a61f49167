"""Wholes: objects that S3 has only as a manifest of others; read as if they were one object."""

from collections import OrderedDict
from collections.abc import AsyncGenerator, Iterable, Sequence
from contextlib import aclosing
from typing import Final

from wavemill_common.errors import ObjectNotFound
from wavemill_common.objects import ObjectInfo
from wavemill_common.objects.in_turn import Stream, in_turn
from wavemill_common.objects.s3_body import Pieces
from wavemill_common.objects.s3_calls import S3Calls, checksum_of, clean_etag, stored
from wavemill_common.objects.s3_manifest import (
    MIME,
    SIZE,
    Manifest,
    Span,
    decode,
    encode,
    manifest_of,
    whole_size,
)
from wavemill_common.objects.s3_reader import ManifestFound, S3Reader

KEPT: Final = 16  # manifests; one of 10,000 sources takes some 3 MB


class S3Wholes:
    """The half of the S3 adapter that knows manifests; it keeps those that it has seen lately."""

    def __init__(self, calls: S3Calls, *, checked: bool) -> None:
        self._call = calls
        self._checked = checked
        self._kept: OrderedDict[str, tuple[str, Manifest]] = OrderedDict()  # with its etag

    async def make(self, key: str, sources: Sequence[ObjectInfo]) -> ObjectInfo:
        """Make `key` of objects that stay where they are."""
        manifest = manifest_of(sources)
        data, mark = Pieces.of(encode(manifest)), {SIZE: str(manifest.size)}
        checksum = checksum_of(data) if self._checked else {}
        reply = await self._call(
            "put_object", key, Body=data, ContentType=MIME, Metadata=mark, **checksum
        )
        made = stored(key, manifest.size, reply)
        self._keep(key, made.etag, manifest)
        return made

    async def stat(self, key: str) -> ObjectInfo:
        """Tell size, time and etag of a whole, or of any other object.

        Raises:
            ObjectNotFound: there is no such object.
        """
        try:
            reply = await self._call("head_object", key)
        except ObjectNotFound:
            self.forget([key])
            raise
        etag, size = clean_etag(reply["ETag"]), whole_size(reply)
        if key in self._kept and self._kept[key][0] != etag:
            self.forget([key])
        if size is None:
            size = int(reply["ContentLength"])
        return ObjectInfo(key, size, reply["LastModified"].timestamp(), etag)

    async def sources(self, key: str) -> Sequence[str]:
        """The keys of what a whole is made of; none of an object that is no whole.

        Raises:
            ObjectNotFound: there is no such object.
        """
        if key not in self._kept and whole_size(await self._call("head_object", key)) is None:
            return ()
        return [source.key for source in (await self._manifest(key)).sources]

    async def read(self, key: str, start: int, end: int | None) -> AsyncGenerator[bytes, None]:
        """Read a range of a whole, or of any other object.

        Raises:
            ObjectNotFound: it is not there, or a source of it has gone.
        """
        if key not in self._kept:
            try:
                async with aclosing(S3Reader(self._call, key, start, end).blocks()) as blocks:
                    async for block in blocks:
                        yield block
            except ManifestFound:
                pass
            else:
                return
        spans = (await self._manifest(key)).spans(start, end)
        try:
            async with aclosing(in_turn(map(self._stream, spans))) as blocks:
                async for block in blocks:
                    yield block
        except ObjectNotFound as error:
            self.forget([key])
            raise ObjectNotFound(f"{key} is not stored whole: {error.message}") from error

    def forget(self, keys: Iterable[str]) -> None:
        """Know that these are deleted, or something else by now."""
        for key in keys:
            self._kept.pop(key, None)

    def _stream(self, span: Span) -> Stream:
        source = span.source
        reader = S3Reader(self._call, source.key, span.start, span.end, source.etag)
        return Stream(reader.blocks(), span.end - span.start)

    async def _manifest(self, key: str) -> Manifest:
        if key in self._kept:
            self._kept.move_to_end(key)
            return self._kept[key][1]
        reader = S3Reader(self._call, key, of_manifest=True)
        manifest = decode(key, b"".join([block async for block in reader.blocks()]))
        self._keep(key, reader.etag, manifest)
        return manifest

    def _keep(self, key: str, etag: str, manifest: Manifest) -> None:
        self._kept[key] = etag, manifest
        self._kept.move_to_end(key)
        if len(self._kept) > KEPT:
            self._kept.popitem(last=False)
