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
    """Write the body to a file as it comes; with `?fsync=1` it is durable when this answers."""
    path = request.app[FOLDER] / request.match_info["name"]
    with path.open("wb", buffering=0) as file:
        async for block in request.content.iter_any():
            file.write(block)
        if "fsync" in request.query:
            await asyncio.to_thread(os.fsync, file.fileno())
    return web.Response()


@routes.post("/joined/{name}")
async def join(request: web.Request) -> web.Response:
    """Make one durable file of those that were PUT as 0, 1, …, in the kernel, and delete those."""
    await asyncio.to_thread(
        _join, request.app[FOLDER], request.match_info["name"], int(request.query["count"])
    )
    return web.Response()


def _join(folder: Path, name: str, count: int) -> None:
    with (folder / name).open("wb") as whole:
        for number in range(count):
            with (folder / str(number)).open("rb") as part:
                while os.copy_file_range(part.fileno(), whole.fileno(), 1 << 30):
                    pass
        os.fsync(whole.fileno())
    for number in range(count):
        (folder / str(number)).unlink()


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
