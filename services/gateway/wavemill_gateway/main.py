"""Serve the gateway's application until told to stop."""

import asyncio

import structlog
from aiohttp import web

from wavemill_common.settings import Settings
from wavemill_gateway.app import create_app

log = structlog.get_logger(__name__)

MAX_HEADER_BYTES = 32 * 1024  # a file name of 10 kB, percent-encoded
SHUTDOWN_TIMEOUT = 3.0  # seconds for requests under way


async def main(settings: Settings, stopping: asyncio.Event) -> None:
    """Serve HTTP. Handlers are cancelled when their client leaves; writes are finished."""
    runner = web.AppRunner(
        create_app(settings),
        handler_cancellation=True,
        auto_decompress=False,  # compressed bodies are refused, so none is unpacked on the way
        max_line_size=MAX_HEADER_BYTES,
        max_field_size=MAX_HEADER_BYTES,
        access_log=None,
        shutdown_timeout=SHUTDOWN_TIMEOUT,
    )
    await runner.setup()
    try:
        await web.TCPSite(runner, settings.host, settings.port).start()
        log.info("gateway_listening", addresses=[str(address) for address in runner.addresses])
        await stopping.wait()
    finally:
        await runner.cleanup()
