"""Bodies: read what a client sends, counted and timed, so that nobody can hold or flood us."""

import asyncio
import hashlib
import itertools
from collections.abc import AsyncIterator, Awaitable
from typing import TypeVar

import xxhash
from aiohttp import BodyPartReader, MultipartReader, StreamReader, web
from aiohttp.http_exceptions import HttpProcessingError

from wavemill_common.errors import (
    FileTooLarge,
    InvalidChunk,
    InvalidJson,
    RequestError,
    SlowRequest,
)

T = TypeVar("T")

READ_TIMEOUT = 15.0  # seconds between two reads
CHUNK_TIMEOUT = 110.0  # seconds for one chunk: proxies such as App Runner's end requests at 120
SMALL_BODY_BYTES = 64 * 1024
FIELD_BYTES = 4 * 1024
MAX_PARTS = 16
FORM_BYTES = MAX_PARTS * 32 * 1024  # all of a form that is not the file
BLOCK_BYTES = 256 * 1024
MALFORMED = (ValueError, AssertionError, RuntimeError, HttpProcessingError, web.RequestPayloadError)


async def timed(reading: Awaitable[T]) -> T:
    """Await one read.

    Raises:
        SlowRequest: nothing came for `READ_TIMEOUT` seconds.
    """
    try:
        async with asyncio.timeout(READ_TIMEOUT):
            return await reading
    except TimeoutError:
        raise SlowRequest(f"no data came for {READ_TIMEOUT:.0f} s; send it again") from None


async def read_object_body(request: web.Request, limit: int = SMALL_BODY_BYTES) -> bytes:
    """Read a body that should be a JSON object, of at most `limit` bytes.

    Raises:
        InvalidJson: it begins as something else.
        FileTooLarge: it is larger.
    """
    body = bytearray()
    async for block in raw_blocks(request):
        body += block
        if not (body.lstrip() + b"{").startswith(b"{"):
            raise InvalidJson('the body must be a JSON object, such as {"fileId": "…", …}')
        if len(body) > limit:
            raise FileTooLarge(f"the body must have at most {limit} bytes", limit=limit)
    return bytes(body)


async def raw_blocks(request: web.Request) -> AsyncIterator[bytes]:
    """The body of a request as it arrives.

    Raises:
        RequestError: its transfer encoding is broken.
    """
    pieces = _pieces if request.content_length is not None else _joined
    try:
        async for block in pieces(request.content):
            yield block
    except MALFORMED as error:
        raise _malformed("body", error) from None


async def _pieces(content: StreamReader) -> AsyncIterator[bytes]:
    """What has arrived, as it arrived: joining it would copy every byte once more."""
    while block := (await timed(content.readchunk()))[0]:
        yield block


async def _joined(content: StreamReader) -> AsyncIterator[bytes]:
    """What has arrived in one piece, where a client may have cut it into the tiniest chunks."""
    while block := await timed(content.readany()):
        yield block


async def part_blocks(part: BodyPartReader) -> AsyncIterator[bytes]:
    """The bytes of a form's part as they arrive.

    Raises:
        RequestError: the form is malformed, or ends before the part does.
    """
    try:
        while block := await timed(part.read_chunk(BLOCK_BYTES)):
            yield bytes(block)
    except MALFORMED as error:
        raise _malformed("form", error) from None
    if not part.at_eof():
        raise RequestError(f"the form ends within its part {part.name!r}; send it whole")


async def within(seconds: float, blocks: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
    """Pass blocks on, for so long: who sends a byte now and then may not hold us for ever.

    Raises:
        SlowRequest: the time is over.
    """
    ends = asyncio.get_running_loop().time() + seconds
    async for block in blocks:
        if asyncio.get_running_loop().time() > ends:
            raise SlowRequest(f"this took over {seconds:.0f} s; send smaller chunks, fewer at once")
        yield block


async def form_parts(request: web.Request) -> AsyncIterator[BodyPartReader]:
    """The parts of a form, at most `MAX_PARTS` of them.

    Raises:
        RequestError: it has more, or is no well-formed form.
    """
    try:
        reader: MultipartReader = await request.multipart()
        for number in itertools.count(1):
            part = await timed(reader.next())
            if part is None:
                return
            if number > MAX_PARTS:
                break
            if not isinstance(part, BodyPartReader):
                raise RequestError("a form may not hold another one; send plain parts")
            yield part
    except MALFORMED as error:
        raise _malformed("form", error) from None
    raise RequestError(f"a form may have at most {MAX_PARTS} parts")


def _malformed(what: str, error: Exception) -> RequestError:
    return RequestError(f"the {what} is malformed: {str(error)[:200] or type(error).__name__}")


async def read_field(part: BodyPartReader) -> str:
    """The value of a form's text field.

    Raises:
        RequestError: it is longer than `FIELD_BYTES`, or no UTF-8.
    """
    value = bytearray()
    async for block in part_blocks(part):
        value += block
        if len(value) > FIELD_BYTES:
            raise RequestError(f"field {part.name!r} must have at most {FIELD_BYTES} bytes")
    try:
        return value.decode()
    except UnicodeDecodeError:
        raise RequestError(f"field {part.name!r} must be UTF-8 text") from None


class Counted:
    """A stream of bytes that is counted and hashed as it passes, and may not pass a limit.

    SHA-256 takes half as long as receiving: it is made only of what is to be proved by it.
    """

    def __init__(
        self,
        blocks: AsyncIterator[bytes],
        limit: int,
        refusal: RequestError,
        *,
        proved: bool = True,
    ) -> None:
        self._blocks = blocks
        self._limit = limit
        self._refusal = refusal
        self._digest = hashlib.sha256() if proved else None
        self._mark = xxhash.xxh3_128()
        self.size = 0

    @property
    def sha256(self) -> str:
        """The digest of what has passed, in hex."""
        assert self._digest is not None  # noqa: S101 - whoever asks has asked for it
        return self._digest.hexdigest()

    @property
    def mark(self) -> str:
        """What tells it from other bytes that an honest client sends: XXH3, 128 bits in hex."""
        return self._mark.hexdigest()

    async def __aiter__(self) -> AsyncIterator[bytes]:
        """Pass the bytes on.

        Raises:
            RequestError: the given refusal, as soon as there is one byte too many.
        """
        async for block in self._blocks:
            self.size += len(block)
            if self.size > self._limit:
                raise self._refusal
            self._mark.update(block)
            if self._digest is not None:
                self._digest.update(block)
            yield block

    async def drain(self) -> None:
        """Let everything pass to nowhere, for its count and digest alone."""
        async for _ in self:
            pass


class Exact(Counted):
    """A counted stream that must have exactly the expected length."""

    def __init__(self, blocks: AsyncIterator[bytes], length: int, *, proved: bool = True) -> None:
        refusal = _wrong_length(f"more than {length}", length)
        super().__init__(blocks, length, refusal, proved=proved)
        self._length = length

    async def __aiter__(self) -> AsyncIterator[bytes]:
        """Pass the bytes on.

        Raises:
            InvalidChunk: there are more or fewer than expected.
        """
        async for block in super().__aiter__():
            yield block
        if self.size != self._length:
            raise _wrong_length(str(self.size), self._length)


def _wrong_length(found: str, expected: int) -> InvalidChunk:
    return InvalidChunk(f"this chunk must have {expected} bytes, but has {found}")
