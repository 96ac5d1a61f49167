"""Opened: a stored object where ffmpeg can read it, whatever keeps it.

One that lies on this machine is handed over as an open file. Any other comes through the proxy,
whose copying and waking takes a tenth of the computing time of a fast encoder.
"""

import os
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

from msgspec import Struct

from wavemill_common.errors import AppError, StorageUnavailable
from wavemill_common.objects import ObjectInfo, Opener
from wavemill_common.retry import retried
from wavemill_converter.ffmpeg.places import Input, fd_input, http_input
from wavemill_converter.store.blocks import BlockReader
from wavemill_converter.store.growing import Readable
from wavemill_converter.tools import Tools


class Opened(Struct, frozen=True):
    """An object of `size` bytes, to be read by one ffmpeg after the other, never by two at once.

    `position` tells how far it was read; `failure` what kept the store from giving it, None if
    nothing did: else whatever was made of it is worthless.
    """

    input: Input
    size: int
    position: Callable[[], int]
    failure: Callable[[], AppError | None]

    def raise_failure(self) -> None:
        """Raise what kept the store from giving the object, if anything did."""
        if failure := self.failure():
            raise failure


@asynccontextmanager
async def opened(
    tools: Tools, info: ObjectInfo, objects: Readable | None = None
) -> AsyncIterator[Opened]:
    """Open an object that `objects` has; those of the tools, if none are named.

    Raises:
        ObjectNotFound: it is not there.
        StorageUnavailable: it could not be opened, or is not as large as it was.
    """
    store = tools.objects if objects is None else objects
    if isinstance(store, Opener) and tools.ffmpeg.knows_fd:
        fd = await retried(_open, store, info)
        try:
            yield Opened(fd_input(fd), info.size, lambda: _position(fd), lambda: None)
        finally:
            os.close(fd)
        return
    reader = BlockReader(store, info)
    with tools.proxy.published(reader) as url:
        yield Opened(http_input(url), info.size, lambda: reader.position, lambda: reader.failure)


async def _open(store: Opener, info: ObjectInfo) -> int:
    fd = store.open_file(info.key)
    if (size := os.fstat(fd).st_size) != info.size:  # converted, it would pass for a short file
        os.close(fd)
        raise StorageUnavailable(f"the store has {size} of the file's {info.size} bytes")
    return fd


def _position(fd: int) -> int:
    """Where an open file is read: who inherited it shares that."""
    return os.lseek(fd, 0, os.SEEK_CUR)
