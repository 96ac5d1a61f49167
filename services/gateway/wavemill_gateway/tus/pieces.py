"""Pieces: how an upload by tus lies in the object store, and how far it has come. Pure.

    part-0        a chunk that came in one piece: most do
    whole-1       a chunk put together of its pieces part-1, piece-8400000, …
    part-2        the beginning of the chunk that is not whole yet
    piece-17000000, …   what came after it: each is named by the place of its first byte

Every object is written once, if absent, behind all that is stored: so at each place there is one
piece or none, and whoever is late finds it taken. A chunk's pieces go once it is whole.
"""

from collections.abc import Mapping

from msgspec import Struct

from wavemill_common.uploads import Upload

MAX_PIECES = 1000  # of one chunk: as many as are listed at once


class Layout(Struct, frozen=True):
    """What is stored of an upload: its whole chunks from the first on, then pieces of the next.

    `offset` is the place behind them: so many bytes are kept.
    """

    chunks: tuple[str, ...]
    pieces: tuple[str, ...]
    offset: int


def whole_key(upload: Upload, index: int) -> str:
    """Where chunk `index` lies once it was put together of its pieces."""
    return f"{upload.chunks_prefix}whole-{index}"


def piece_key(upload: Upload, offset: int) -> str:
    """Where the piece lies that begins at this place; one that begins a chunk may be all of it."""
    index, behind = divmod(offset, upload.chunk_size)
    return f"{upload.chunks_prefix}piece-{offset}" if behind else upload.chunk_key(index)


def staged_key(upload: Upload, name: str) -> str:
    """Where a body lies that is not checked yet."""
    return f"{upload.chunks_prefix}staged-{name}"


def chunk_end(upload: Upload, offset: int) -> int:
    """The end of the chunk that the byte at this place belongs to."""
    return min((offset // upload.chunk_size + 1) * upload.chunk_size, upload.size or 0)


def layout_of(upload: Upload, sizes: Mapping[str, int]) -> Layout:
    """Read the listing of an upload's objects: key → size."""
    chunks: list[str] = []
    for index in range(upload.total_chunks):
        key = _whole(upload, index, sizes)
        if key is None:
            return _behind(upload, tuple(chunks), sizes)
        chunks.append(key)
    return Layout(tuple(chunks), (), upload.size or 0)


def _whole(upload: Upload, index: int, sizes: Mapping[str, int]) -> str | None:
    length = upload.chunk_length(index)
    names = (whole_key(upload, index), upload.chunk_key(index))
    return next((key for key in names if sizes.get(key) == length), None)


def _behind(upload: Upload, chunks: tuple[str, ...], sizes: Mapping[str, int]) -> Layout:
    """Follow the pieces from one to the next."""
    offset = len(chunks) * upload.chunk_size
    end = chunk_end(upload, offset)
    pieces: list[str] = []
    while offset < end and sizes.get(key := piece_key(upload, offset)):
        pieces.append(key)
        offset += sizes[key]
    return Layout(chunks, tuple(pieces), offset)
