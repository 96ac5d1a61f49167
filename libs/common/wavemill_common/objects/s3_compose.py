"""Compose: make an object of others: a manifest of them, or where they are small or one, a copy."""

from collections.abc import Sequence
from contextlib import aclosing
from itertools import pairwise

from msgspec import Struct

from wavemill_common.objects import ObjectInfo
from wavemill_common.objects.s3_body import Pieces
from wavemill_common.objects.s3_calls import S3Calls, stored
from wavemill_common.objects.s3_manifest import is_worthwhile
from wavemill_common.objects.s3_multiparts import MAX_PARTS, MIN_PART, Piece, S3Multiparts
from wavemill_common.objects.s3_reader import S3Reader
from wavemill_common.objects.s3_wholes import S3Wholes
from wavemill_common.objects.s3_writer import S3Writer
from wavemill_common.objects.window import Window

AT_ONCE = 16  # copies hold no bytes here
MAX_COPY = 5 * 1024**3  # bytes that one call copies
MOST_OTHERS = 1000  # that one list may show besides the sources


class Span(Struct, frozen=True):
    """Bytes `start` to `end` (not included) of source number `source`."""

    source: int
    start: int
    end: int


class S3Composer:
    """The composing half of the S3 adapter."""

    def __init__(
        self, calls: S3Calls, multiparts: S3Multiparts, writer: S3Writer, wholes: S3Wholes
    ) -> None:
        self._call = calls
        self._multiparts = multiparts
        self._writer = writer
        self._wholes = wholes

    async def compose(self, key: str, names: Sequence[str]) -> ObjectInfo:
        """Make `key` of the sources; each is pinned to the etag that it had at first."""
        sources = await self._found(names)
        if is_worthwhile(sources):
            return await self._wholes.make(key, sources)
        if len(sources) == 1 and sources[0].size <= MAX_COPY:
            return await self._copy(key, sources[0])
        plan = plan_parts([source.size for source in sources])
        if len(plan) > MAX_PARTS:
            raise ValueError(f"{len(plan)} parts are more than the {MAX_PARTS} that S3 takes")
        if len(plan) <= 1:
            data = await self._read(sources, plan[0] if plan else [])
            return await self._writer.put_bytes(key, data)
        async with (
            self._multiparts.begun(key) as upload_id,
            Window[Piece](AT_ONCE) as window,
        ):
            for number, spans in enumerate(plan, 1):
                await window.add(
                    self._make(key, upload_id, number, sources, spans, last=number == len(plan))
                )
            pieces = await window.all()
            return await self._multiparts.complete(key, upload_id, pieces, if_absent=False)

    async def _found(self, names: Sequence[str]) -> list[ObjectInfo]:
        """Tell about the sources: by one list where they stand together, as chunks do."""
        folder, *others = {name.rpartition("/")[0] for name in names} or {""}
        together = folder and not others and len(names) > 1
        found = await self._listed(folder, names) if together else {}
        async with Window[ObjectInfo](AT_ONCE) as window:
            for name in dict.fromkeys(names):
                if name not in found:
                    await window.add(self._call.head(name))
            found |= {info.key: info for info in await window.all()}
        return [found[name] for name in names]

    async def _listed(self, folder: str, names: Sequence[str]) -> dict[str, ObjectInfo]:
        """Those that a list of their folder shows before it shows many others."""
        found: dict[str, ObjectInfo] = {}
        wanted, others = set(names), 0
        async with aclosing(self._call.listed(f"{folder}/")) as listed:
            async for info in listed:
                if info.key in wanted:
                    found[info.key] = info
                else:
                    others += 1
                if len(found) == len(wanted) or others > MOST_OTHERS:
                    break
        return found

    async def _copy(self, key: str, source: ObjectInfo) -> ObjectInfo:
        """Copy the bytes alone: who sent them may have set metadata, and so marked a manifest."""
        reply = await self._call(
            "copy_object",
            key,
            CopySource={"Bucket": self._call.bucket, "Key": source.key},
            CopySourceIfMatch=f'"{source.etag}"',
            MetadataDirective="REPLACE",
        )
        copied = {**reply, "ETag": reply["CopyObjectResult"]["ETag"]}
        return stored(key, source.size, copied)

    async def _make(
        self,
        key: str,
        upload_id: str,
        number: int,
        sources: Sequence[ObjectInfo],
        spans: Sequence[Span],
        *,
        last: bool,
    ) -> Piece:
        """Make one part: copied where S3 can, else read and sent."""
        span = spans[0]
        source = sources[span.source]
        whole = span.end - span.start == source.size
        enough = span.end - span.start >= MIN_PART or last
        if len(spans) == 1 and enough and (whole or source.size > MIN_PART):
            return await self._multiparts.copy(key, upload_id, number, source, span.start, span.end)
        data = await self._read(sources, spans)
        return await self._multiparts.put(key, upload_id, number, data, checked=False)

    async def _read(self, sources: Sequence[ObjectInfo], spans: Sequence[Span]) -> Pieces:
        data = Pieces()
        for span in spans:
            source = sources[span.source]
            reader = S3Reader(self._call, source.key, span.start, span.end, source.etag)
            async for block in reader.blocks():
                data.add(memoryview(block))
        return data


def plan_parts(sizes: Sequence[int]) -> list[list[Span]]:
    """Divide sources of these sizes into parts that S3 takes: 5 MiB to 5 GiB, the last any.

    A part of one span can be copied; small sources are gathered, and filled up to the least
    size with the beginning of the next.
    """
    parts: list[list[Span]] = []
    gathered: list[Span] = []
    lacking = 0  # bytes that `gathered` needs to be a part
    for source, size in enumerate(sizes):
        start = 0
        if gathered:
            start = min(size, lacking)
            gathered.append(Span(source, 0, start))
            lacking -= start
            if lacking == 0:
                parts.append(gathered)
                gathered = []
        rest = size - start
        if rest >= MIN_PART:
            parts += [[span] for span in _copies(source, start, size)]
        elif rest:
            gathered, lacking = [Span(source, start, size)], MIN_PART - rest
    return [*parts, gathered] if gathered else parts


def _copies(source: int, start: int, end: int) -> list[Span]:
    """Cut a span into even ones of at most what one call copies."""
    count = -(-(end - start) // MAX_COPY)
    cuts = [start + (end - start) * number // count for number in range(count + 1)]
    return [Span(source, a, b) for a, b in pairwise(cuts)]
