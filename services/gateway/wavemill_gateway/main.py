"""Serve the gateway's application until told to stop."""

import asyncio

import structlog
from aiohttp import web

from wavemill_common.settings import Settings
from wavemill_gateway.access.door import Door
from wavemill_gateway.app import create_app
from wavemill_gateway.heap import keep_freed_memory
from wavemill_gateway.keys import DOOR
from wavemill_gateway.wire import WireHandler

log = structlog.get_logger(__name__)

KEEP_ALIVE = 130.0  # seconds; longer than the proxies in front of us keep idle connections
SHUTDOWN_TIMEOUT = 3.0  # seconds for requests under way
MAX_HEADER_BYTES = 32 * 1024  # a file name of 10 kB, percent-encoded


async def main(settings: Settings, stopping: asyncio.Event) -> None:
    """Serve HTTP. Handlers are cancelled when their client leaves; writes are finished."""
    keep_freed_memory()
    app = create_app(settings)
    runner = web.AppRunner(app, handler_cancellation=True, shutdown_timeout=SHUTDOWN_TIMEOUT)
    await runner.setup()
    assert runner.server is not None  # noqa: S101 - a runner that was set up has one
    server = None
    try:
        server = await _listen(runner.server, app[DOOR], settings)
        log.info("gateway_listening", addresses=[one.getsockname() for one in server.sockets])
        await stopping.wait()
    finally:
        if server is not None:
            server.close()
        await runner.cleanup()


async def _listen(manager: web.Server, door: Door, settings: Settings) -> asyncio.Server:
    loop = asyncio.get_running_loop()

    def connect() -> WireHandler:
        return WireHandler(
            manager,
            door,
            loop=loop,
            keepalive_timeout=KEEP_ALIVE,
            access_log=None,
            auto_decompress=False,  # compressed bodies are refused: none is unpacked on the way
            max_line_size=MAX_HEADER_BYTES,
            max_field_size=MAX_HEADER_BYTES,
        )

    return await loop.create_server(connect, settings.host, settings.port)
