"""Source: let one of several ffmpegs read a stored object, or a segment of it, by itself.

Each has a file, or a reader behind a URL, of its own: they read in different places. An object
that lies on this machine is handed over open; through the proxy it would take as long to be read
as to be encoded.
"""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

from msgspec import structs

from wavemill_common.objects import ObjectInfo, Opener
from wavemill_converter.ffmpeg.places import Input, http_input
from wavemill_converter.store.blocks import BlockReader
from wavemill_converter.tools import Tools

# Of WAV, ffmpeg reads 4 KiB at a time: as many threads are woken as often.
_LARGE_PACKETS: Final = {"wav": ("-max_size", str(64 * 1024))}


@contextmanager
def opened_source(
    tools: Tools, info: ObjectInfo, demuxer: str, cut: tuple[str, ...] = ()
) -> Iterator[Input]:
    """Where one ffmpeg reads the part of an object that the options `cut` tell.

    Raises, at the end:
        Unavailable, ObjectNotFound: it could not be read whole.
    """
    options = (*_LARGE_PACKETS.get(demuxer, ()), *cut)
    if isinstance(tools.objects, Opener):
        fd = tools.objects.open_file(info.key)
        try:
            yield Input("fd:", "fd", ("-fd", str(fd), *options), pass_fds=(fd,))
        finally:
            os.close(fd)
        return
    reader = BlockReader(tools.objects, info)
    with tools.proxy.published(reader) as url:
        source = http_input(url)
        try:
            yield structs.replace(source, options=(*source.options, *options))
        finally:
            if reader.failure is not None:
                raise reader.failure
