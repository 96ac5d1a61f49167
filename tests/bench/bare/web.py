"""Bare aiohttp: uploads to a file, downloads of one, and progress by one Redis GET.

python -m bench.bare.web PORT FOLDER REDIS_URL
"""

import asyncio
import os
import sys
from pathlib import Path

import redis.asyncio
from aiohttp import web

FOLDER: web.AppKey[Path] = web.AppKey("folder")
REDIS: web.AppKey[redis.asyncio.Redis] = web.AppKey("redis")
routes = web.RouteTableDef()


@routes.put("/files/{name}")
async def put(request: web.Request) -> web.Response:
    """Write the body to a file as it comes; with `?at=N` from byte N on, and durable at the end."""
    path, place = request.app[FOLDER] / request.match_info["name"], request.query.get("at")
    fd = os.open(path, os.O_WRONLY | os.O_CREAT)
    try:
        os.lseek(fd, int(place or 0), os.SEEK_SET)
        async for block in request.content.iter_any():
            os.write(fd, block)
        if place is not None:
            await asyncio.to_thread(os.fdatasync, fd)
    finally:
        os.close(fd)
    return web.Response()


@routes.get("/files/{name}")
async def get(request: web.Request) -> web.FileResponse:
    """Send a file."""
    return web.FileResponse(request.app[FOLDER] / request.match_info["name"])


@routes.get("/api/progress")
async def progress(request: web.Request) -> web.Response:
    """Answer with what Redis has."""
    body = await request.app[REDIS].get(f"progress:{request.query['jobId']}")
    return web.Response(body=body, content_type="application/json")


def main() -> None:
    """Serve until killed."""
    port, folder, url = sys.argv[1:]
    app = web.Application(client_max_size=1 << 40)
    app[FOLDER], app[REDIS] = Path(folder), redis.asyncio.Redis.from_url(url)
    app.add_routes(routes)
    web.run_app(app, host="127.0.0.1", port=int(port), print=None, access_log=None)


if __name__ == "__main__":
    main()
