"""Bare aiohttp before S3, by aioboto3 alone: each PUT becomes a part of one multipart upload.

Or, as a gateway has it: each becomes an object of its own, which can be read at once; in the end
they become one object by copies on S3's side, and are deleted.

python -m bench.bare.s3 PORT ENDPOINT BUCKET
"""

import asyncio
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


@routes.put("/chunks/{key}/{number}")
async def put_chunk(request: web.Request) -> web.Response:
    """Store the body as an object."""
    body = await request.read()
    key = _chunk(request.match_info["key"], int(request.match_info["number"]))
    await request.app[CLIENT].put_object(Bucket=request.app[BUCKET], Key=key, Body=body)
    return web.Response()


@routes.post("/chunks/{key}/join")
async def join(request: web.Request) -> web.Response:
    """Make an object of so many chunks, in order; delete them."""
    s3, place, bucket = request.app[CLIENT], _place(request), request.app[BUCKET]
    chunks = [_chunk(place["Key"], number) for number in range(int(request.query["count"]))]
    upload = (await s3.create_multipart_upload(**place))["UploadId"]

    async def copied(number: int, chunk: str) -> dict[str, Any]:
        source = {"Bucket": bucket, "Key": chunk}
        reply = await s3.upload_part_copy(
            **place, UploadId=upload, PartNumber=number, CopySource=source
        )
        return {"PartNumber": number, "ETag": reply["CopyPartResult"]["ETag"]}

    parts = await asyncio.gather(*(copied(*one) for one in enumerate(chunks, 1)))
    await s3.complete_multipart_upload(**place, UploadId=upload, MultipartUpload={"Parts": parts})
    await s3.delete_objects(Bucket=bucket, Delete={"Objects": [{"Key": one} for one in chunks]})
    return web.Response()


def _chunk(key: str, number: int) -> str:
    return f"{key}-chunks/{number}"


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
