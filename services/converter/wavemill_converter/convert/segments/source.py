"""Source: let one of several ffmpegs read a stored object, or a segment of it, by itself.

Each has a file, or a reader behind a URL, of its own: they read in different places.
"""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from wavemill_common.objects import ObjectInfo
from wavemill_converter.ffmpeg.places import Input
from wavemill_converter.opened import opened
from wavemill_converter.tools import Tools


@asynccontextmanager
async def opened_source(
    tools: Tools, info: ObjectInfo, options: tuple[str, ...]
) -> AsyncIterator[Input]:
    """Where one ffmpeg reads the part of an object that the options tell.

    Raises, at the end:
        Unavailable, ObjectNotFound: it could not be read whole.
    """
    async with opened(tools, info) as source:
        try:
            yield source.input.with_options(*options)
        finally:
            source.raise_failure()
