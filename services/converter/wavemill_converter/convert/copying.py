"""Copying: a result that is to be a copy is encoded after all if the copy is not what it should be.

Every copy is decoded, and must hold the very samples that the source decodes to. A muxer may also
refuse packets that an encoder would never have made.
"""

from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager

import structlog

from wavemill_common.errors import FfmpegFailed, FfmpegKilled, NotAudio, OutputInvalid
from wavemill_converter.convert.conversion import Converted
from wavemill_converter.plan.results import Result

log = structlog.get_logger(__name__)


class CopySpoilt(OutputInvalid):
    """Results of which some are copies came to nothing; nothing of them is left."""


async def copying_first(convert: Callable[..., Awaitable[Converted]]) -> Converted:
    """Convert by a function that is told whether it `may_copy`: the second time it may not."""
    try:
        return await convert(may_copy=True)
    except CopySpoilt as error:
        log.warning("copy_failed", reason=error.message)
        return await convert(may_copy=False)


@asynccontextmanager
async def copies_of(results: Sequence[Result]) -> AsyncIterator[None]:
    """Tell a failure that encoding may not have: one of results of which some are copies.

    Raises:
        CopySpoilt: instead of what else was raised.
    """
    try:
        yield
    except FfmpegKilled:
        raise
    except (OutputInvalid, NotAudio, FfmpegFailed) as error:
        if any(result.plan.copied for result in results):
            raise CopySpoilt(error.message) from error
        raise
