"""Bare aiohttp before S3, by aioboto3 alone: each PUT becomes a part of one multipart upload.

python -m bench.bare.s3 PORT ENDPOINT BUCKET
"""

import sys
from collections.abc import AsyncIterator
from typing import Any

import aioboto3
from aiobotocore.config import AioConfig
from aiohttp import web

from support.kept import KEYS, REGION

CLIENT: web.AppKey[Any] = web.AppKey("client")
BUCKET: web.AppKey[str] = web.AppKey("bucket")
# As cheap as it can be: what is sent is neither signed nor summed up.
_CONFIG = AioConfig(
    s3={"addressing_style": "path", "payload_signing_enabled": False},
    request_checksum_calculation="when_required",
    response_checksum_validation="when_required",
)
routes = web.RouteTableDef()


@routes.post("/uploads/{key}")
async def begin(request: web.Request) -> web.Response:
    """Begin a multipart upload; answer with its id."""
    reply = await request.app[CLIENT].create_multipart_upload(**_place(request))
    return web.Response(text=reply["UploadId"])


@routes.put("/uploads/{key}/{number}")
async def put(request: web.Request) -> web.Response:
    """Store the body as a part; answer with its tag."""
    body = await request.read()
    reply = await request.app[CLIENT].upload_part(
        **_place(request),
        UploadId=request.query["id"],
        PartNumber=int(request.match_info["number"]),
        Body=body,
    )
    return web.Response(text=reply["ETag"])


@routes.post("/uploads/{key}/complete")
async def complete(request: web.Request) -> web.Response:
    """Make an object of the parts whose tags are in the body, in order."""
    tags: list[str] = await request.json()
    parts = [{"PartNumber": number, "ETag": tag} for number, tag in enumerate(tags, 1)]
    await request.app[CLIENT].complete_multipart_upload(
        **_place(request), UploadId=request.query["id"], MultipartUpload={"Parts": parts}
    )
    return web.Response()


def _place(request: web.Request) -> dict[str, str]:
    return {"Bucket": request.app[BUCKET], "Key": request.match_info["key"]}


def main() -> None:
    """Serve until killed."""
    port, endpoint, bucket = sys.argv[1:]
    app = web.Application(client_max_size=1 << 40)
    app[BUCKET] = bucket

    async def client(app: web.Application) -> AsyncIterator[None]:
        session = aioboto3.Session(region_name=REGION, **KEYS)
        async with session.client("s3", endpoint_url=endpoint, config=_CONFIG) as app[CLIENT]:
            yield

    app.cleanup_ctx.append(client)
    app.add_routes(routes)
    web.run_app(app, host="127.0.0.1", port=int(port), print=None, access_log=None)


if __name__ == "__main__":
    main()
