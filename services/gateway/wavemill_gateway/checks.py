"""Checks: what arrived must be what was announced, and what was stored before."""

from collections.abc import AsyncIterator

from wavemill_common.errors import ChunkConflict, Conflict, InvalidChunk
from wavemill_common.uploads import MAX_CHUNKS, count_chunks
from wavemill_gateway.bodies import Exact


def check_count(size: int, chunk_size: int) -> None:
    """Refuse more chunks than an object store can put together."""
    count = count_chunks(size, chunk_size)
    if count > MAX_CHUNKS:
        raise InvalidChunk(
            f"{size} bytes make {count} chunks of {chunk_size} bytes, and {MAX_CHUNKS} are the "
            f"most; open the upload with a chunkSize of at least {count_chunks(size, MAX_CHUNKS)}"
        )


async def verified(body: Exact, expected_sha256: str | None) -> AsyncIterator[bytes]:
    """Pass a chunk on; its store keeps it only if its digest is the announced one."""
    async for block in body:
        yield block
    check_digest(body, expected_sha256)


def check_digest(body: Exact, expected: str | None) -> None:
    """Refuse a chunk that was damaged on its way."""
    if expected is not None and expected.lower() != body.sha256:
        raise InvalidChunk("the chunk's bytes do not have the given chunkSha256; send it again")


def check_same(index: int, stored: str | None, sent: str) -> None:
    """Refuse other bytes than are stored already."""
    if stored is not None and stored != sent:
        raise ChunkConflict(f"other bytes are already stored as chunk {index}")


def check_total(stored: int, expected: int | None) -> None:
    """Refuse a file that the chunks do not add up to."""
    if stored != expected:
        raise Conflict(f"the stored chunks make {stored} bytes, not {expected}")
