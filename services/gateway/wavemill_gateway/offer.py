"""Offer: GET /api/formats, what this installation really converts to, and its limits."""

import structlog
from aiohttp import web

from wavemill_common.catalogue import FORMATS
from wavemill_common.connections import REDIS_ERRORS
from wavemill_common.formats import MIN_SAMPLE_RATE, Format
from wavemill_common.options import (
    LOUDNESS_RANGE,
    MAX_FADE,
    MAX_SECONDS,
    MAX_TAG_BYTES,
    MAX_TAGS,
    TRUE_PEAK_RANGE,
)
from wavemill_common.settings import MAX_CHUNK_BYTES, MIN_CHUNK_BYTES
from wavemill_gateway.asked import MAX_OUTPUTS
from wavemill_gateway.covers import MAX_COVER_BYTES
from wavemill_gateway.keys import REGISTRY, SETTINGS
from wavemill_gateway.replies import json_reply

log = structlog.get_logger(__name__)

routes = web.RouteTableDef()


@routes.get("/api/formats")
async def show_formats(request: web.Request) -> web.Response:
    """Tell the formats that the running converters offer; with none up, the catalogue's."""
    settings = request.app[SETTINGS]
    offered = await _offered(request)
    return json_reply(
        {
            "formats": [describe(one) for one in FORMATS.values() if one.id in offered],
            "limits": {
                "maxUploadBytes": settings.max_upload_bytes,
                "chunkBytes": settings.chunk_bytes,
                "minChunkBytes": MIN_CHUNK_BYTES,
                "maxChunkBytes": MAX_CHUNK_BYTES,
                "uploadTtl": settings.upload_ttl,
                "jobTtl": settings.job_ttl,
                "outputs": MAX_OUTPUTS,
                "coverBytes": MAX_COVER_BYTES,
            },
        }
    )


def describe(target: Format) -> dict[str, object]:
    """Tell a format with all that may be asked of it."""
    bitrates, vbr = target.bitrates, target.vbr
    return {
        "id": target.id,
        "name": target.name,
        "extension": target.extension,
        "mime": target.mime,
        "lossless": target.lossless,
        "presets": [{"id": name} for name in target.presets],
        "bitrates": {"low": bitrates.low, "high": bitrates.high} if bitrates else None,
        "vbr": {"letter": vbr.letter, "low": vbr.low, "high": vbr.high} if vbr else None,
        "options": describe_options(target),
        "keeps": {"tags": target.tags, "cover": target.cover, "chapters": target.chapters},
    }


def describe_options(target: Format) -> dict[str, object]:
    """Tell what may be asked beyond the quality; null where the format has no such thing."""
    lufs, peak = LOUDNESS_RANGE, TRUE_PEAK_RANGE
    return {
        "sampleRate": target.sample_rates
        or {"low": MIN_SAMPLE_RATE, "high": target.max_sample_rate},
        "channels": {"low": 1, "high": target.max_channels},
        "bitDepth": target.bit_depths or None,
        "trimStart": {"low": 0, "high": MAX_SECONDS},
        "trimEnd": {"low": 0, "high": MAX_SECONDS},
        "fadeIn": {"low": 0, "high": MAX_FADE},
        "fadeOut": {"low": 0, "high": MAX_FADE},
        "loudness": {
            "targetLufs": {"low": lufs[0], "high": lufs[1]},
            "truePeakDb": {"low": peak[0], "high": peak[1]},
        },
        "metadata": {"tags": MAX_TAGS, "bytes": MAX_TAG_BYTES} if target.tags else None,
        "stripMetadata": True,
        "cover": ["keep", "remove", "data:"] if target.cover else ["keep", "remove"],
        "chapters": ["keep", "remove", "list"] if target.chapters else ["keep", "remove"],
        "split": ["chapters"],
    }


async def _offered(request: web.Request) -> set[str]:
    try:
        alive = await request.app[REGISTRY].alive()
    except REDIS_ERRORS as error:
        log.warning("converters_unknown", reason=repr(error))
        alive = []
    return {one for status in alive for one in status.formats} or set(FORMATS)
