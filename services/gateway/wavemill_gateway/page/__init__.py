"""The web page: GET / and its assets, with headers that let nothing foreign in."""

from pathlib import Path

from aiohttp import web

FOLDER = Path(__file__).parent
SUFFIXES = frozenset({".js", ".css", ".svg", ".png"})
HEADERS = {
    "Content-Security-Policy": (
        "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; "
        "img-src 'self' data: blob:; media-src 'self' blob:; frame-ancestors 'none'; "
        "base-uri 'none'; form-action 'none'"
    ),
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
    "Cache-Control": "no-cache",
}

routes = web.RouteTableDef()


@routes.get("/")
async def show_page(_: web.Request) -> web.FileResponse:
    """The page itself."""
    return web.FileResponse(FOLDER / "index.html", headers=HEADERS)


@routes.get("/assets/{name}")
async def show_asset(request: web.Request) -> web.FileResponse:
    """One of the page's own files."""
    path = FOLDER / request.match_info["name"]
    if path.parent != FOLDER or path.suffix not in SUFFIXES or not path.is_file():
        raise web.HTTPNotFound(text="there is no such asset")
    return web.FileResponse(path, headers=HEADERS)
