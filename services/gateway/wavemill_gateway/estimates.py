"""Estimates: POST /api/estimate, what a conversion would give, before anything is converted."""

import time

from aiohttp import web
from msgspec import Struct

from wavemill_common.addresses import check_webhook_url
from wavemill_common.estimate import estimate
from wavemill_common.ids import check_id
from wavemill_common.jobs import Remark
from wavemill_common.media import MediaInfo
from wavemill_common.options import Wanted
from wavemill_common.submission import check_usable
from wavemill_common.uploads import Upload
from wavemill_gateway.access.caller import caller_of
from wavemill_gateway.access.ownership import own_upload
from wavemill_gateway.asked import understand
from wavemill_gateway.jobs import CONVERT_BODY_BYTES
from wavemill_gateway.keys import RECORDS, SETTINGS
from wavemill_gateway.replies import json_reply, read_object

routes = web.RouteTableDef()


class Expected(Struct, frozen=True, kw_only=True, rename="camel"):
    """What is expected of one output: `size` in bytes, `duration` in seconds, if they are known."""

    format: str
    quality: str
    size: int | None
    duration: float | None
    warnings: tuple[Remark, ...]


@routes.post("/api/estimate")
async def estimate_outputs(request: web.Request) -> web.Response:
    """Take the body of a conversion, and tell what would come of it; nothing is stored."""
    asked = understand(await read_object(request, CONVERT_BODY_BYTES))
    if asked.webhook_url is not None:
        check_webhook_url(asked.webhook_url, allow_private=request.app[SETTINGS].webhook_private)
    file_id = check_id("fileId", asked.file_id)
    upload = await own_upload(request.app[RECORDS], caller_of(request), file_id)
    check_usable(upload, time.time())
    return json_reply({"outputs": [_expected(upload, one) for one in asked.wanted]})


def _expected(upload: Upload, wanted: Wanted) -> Expected:
    found = estimate(upload.media or MediaInfo(), upload.size or 0, wanted)
    return Expected(
        format=wanted.format,
        quality=wanted.quality,
        size=found.size,
        duration=found.duration,
        warnings=found.warnings,
    )
