"""Readback: look at a published result once more, and report what arrived in it."""

import structlog
from msgspec import structs

from wavemill_common.catalogue import find_format
from wavemill_common.errors import ConversionError
from wavemill_common.jobs import Job, Output, Remark
from wavemill_common.media import MediaInfo
from wavemill_common.objects import ObjectInfo
from wavemill_converter.command import http_input
from wavemill_converter.conversion import Converted, Tools
from wavemill_converter.probe import PROBE_TIME, probe_input
from wavemill_converter.report import LOSSES, abridged, compare, losses, shortened
from wavemill_converter.source import Probed
from wavemill_converter.streaming.blocks import BlockReader

log = structlog.get_logger(__name__)


async def read_result(
    tools: Tools,
    job: Job,
    stored: ObjectInfo,
    output: Output,
    probed: Probed,
    remarks: tuple[Remark, ...],
) -> Converted:
    """Add to a result what it holds and what became of the source's tags, cover and chapters."""
    found = await read_media(tools, stored)
    if found is None:
        return Converted((output,), abridged(probed.media), remarks)
    report = compare(probed.media, found, job.options, find_format(job.format))
    told = structs.replace(output, media=abridged(found), report=shortened(report))
    expected = tuple(one for one in remarks if one.code not in LOSSES)
    return Converted((told,), abridged(probed.media), (*expected, *losses(report)))


async def read_media(tools: Tools, stored: ObjectInfo) -> MediaInfo | None:
    """Tell what a published result is; None if it cannot be told, which fails no job."""
    reader = BlockReader(tools.objects, stored)
    try:
        with tools.proxy.published(reader) as url:
            probed = await probe_input(tools.ffmpeg, http_input(url), stored.size, PROBE_TIME)
    except ConversionError as error:
        log.warning("result_not_read", key=stored.key, code=error.code)
        return None
    return probed.media
