"""Readback: look at a published result once more, and report what arrived in it."""

import structlog
from msgspec import structs

from wavemill_common.errors import AppError
from wavemill_common.jobs import Output
from wavemill_common.media import MediaInfo
from wavemill_common.objects import ObjectInfo
from wavemill_common.remarks import LOSSES, losses
from wavemill_converter.check.report import abridged, compare, shortened
from wavemill_converter.opened import opened
from wavemill_converter.plan.results import Result
from wavemill_converter.probe.probe import PROBE_TIME, probe_input
from wavemill_converter.tools import Tools

log = structlog.get_logger(__name__)


async def read_result(tools: Tools, stored: ObjectInfo, result: Result, output: Output) -> Output:
    """Add to a result what it holds and what became of the source's tags, cover and chapters."""
    found = await read_media(tools, stored)
    if found is None:
        return output
    report = compare(result.source, found, result.options, result.target)
    expected = tuple(one for one in output.warnings if one.code not in LOSSES)
    return structs.replace(
        output,
        media=abridged(found),
        report=shortened(report),
        warnings=(*expected, *losses(report)),
    )


async def read_media(tools: Tools, stored: ObjectInfo) -> MediaInfo | None:
    """Tell what a published result is; None if it cannot be told, which fails no job."""
    try:
        async with opened(tools, stored) as result:
            probed = await probe_input(tools.ffmpeg, result.input, stored.size, PROBE_TIME)
    except AppError as error:
        log.warning("result_not_read", key=stored.key, code=error.code)
        return None
    return probed.media
