"""Routes: /openapi.json for programs, /docs for people."""

from functools import cache
from pathlib import Path

import orjson
from aiohttp import web

from wavemill_gateway.openapi.document import build
from wavemill_gateway.openapi.page import render
from wavemill_gateway.page import HEADERS

routes = web.RouteTableDef()

STYLE = Path(__file__).with_name("style.css")


@routes.get("/openapi.json")
async def show_document(_: web.Request) -> web.Response:
    """The interface, for programs."""
    return web.Response(body=_document(), content_type="application/json")


@routes.get("/docs")
async def show_page(_: web.Request) -> web.Response:
    """The interface, for people."""
    return web.Response(text=_page(), content_type="text/html", headers=HEADERS)


@routes.get("/docs/style.css")
async def show_style(_: web.Request) -> web.FileResponse:
    """How that looks."""
    return web.FileResponse(STYLE, headers=HEADERS)


@cache
def _document() -> bytes:
    return orjson.dumps(build())


@cache
def _page() -> str:
    return render(build())
