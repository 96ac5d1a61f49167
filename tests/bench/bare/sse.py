"""Bare aiohttp: event streams that all get what is published on one channel.

python -m bench.bare.sse PORT REDIS_URL
"""

import asyncio
import sys
from collections.abc import AsyncIterator

import redis.asyncio
from aiohttp import web

STREAMS: web.AppKey[set[web.StreamResponse]] = web.AppKey("streams")
URL: web.AppKey[str] = web.AppKey("url")
routes = web.RouteTableDef()


@routes.get("/api/events")
async def events(request: web.Request) -> web.StreamResponse:
    """Stream until the client leaves."""
    response = web.StreamResponse(headers={"Content-Type": "text/event-stream"})
    await response.prepare(request)
    await response.write(b"retry: 2000\n\n")
    request.app[STREAMS].add(response)
    try:
        await asyncio.Event().wait()
    finally:
        request.app[STREAMS].discard(response)
    return response


async def _listening(app: web.Application) -> AsyncIterator[None]:
    async def listen() -> None:
        async with redis.asyncio.Redis.from_url(app[URL]) as client, client.pubsub() as channel:
            await channel.subscribe("bare")
            async for message in channel.listen():
                if message["type"] == "message":
                    block = b"event: progress\ndata: " + message["data"] + b"\n\n"
                    for stream in app[STREAMS]:
                        await stream.write(block)

    task = asyncio.create_task(listen())
    yield
    task.cancel()


async def main() -> None:
    """Serve until killed."""
    app = web.Application()
    app[STREAMS], app[URL] = set(), sys.argv[2]
    app.cleanup_ctx.append(_listening)
    app.add_routes(routes)
    runner = web.AppRunner(app, handler_cancellation=True, access_log=None)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", int(sys.argv[1]), backlog=4096).start()
    await asyncio.Event().wait()


if __name__ == "__main__":
    asyncio.run(main())
