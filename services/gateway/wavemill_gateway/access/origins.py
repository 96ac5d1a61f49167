"""Origins: which pages may call. Ours, and those that are named; nobody else's changes anything.

There are no cookies, so a foreign page has no rights that its visitor did not type in. What it
could do is to fill the disk or the queue of a wavemill that only its visitor reaches: refused.
"""

from collections.abc import Mapping

from aiohttp import web

from wavemill_common.errors import AppError
from wavemill_gateway.access.proxies import hops
from wavemill_gateway.problems import Handler

ALLOWED_ORIGINS: web.AppKey[frozenset[str]] = web.AppKey("allowed_origins")
SAFE_METHODS = frozenset({"GET", "HEAD", "OPTIONS"})
CHANGING_GETS = frozenset({"/s3/params"})  # Companion opens an upload by GET
PREFLIGHT_FOR = 7200  # seconds; browsers take no more
METHODS = "GET, HEAD, POST, PUT, PATCH, DELETE"
SENT = (
    *("Authorization", "Content-Type", "Idempotency-Key", "If-None-Match", "If-Range"),
    *("Last-Event-ID", "Range", "Tus-Resumable", "Upload-Checksum", "Upload-Concat"),
    *("Upload-Defer-Length", "Upload-Length", "Upload-Metadata", "Upload-Offset"),
    *("X-HTTP-Method-Override", "X-Request-Id", "X-Requested-With"),
)
EXPOSED = (
    *("Accept-Ranges", "Content-Disposition", "Content-Length", "Content-Range", "ETag"),
    *("Last-Modified", "Location", "Retry-After", "Tus-Checksum-Algorithm", "Tus-Extension"),
    *("Tus-Max-Size", "Tus-Resumable", "Tus-Version", "Upload-Expires", "Upload-Length"),
    *("Upload-Metadata", "Upload-Offset", "X-Request-Id"),
)


class CrossSite(AppError):
    """A page of another site asked for a change."""

    status, code = 403, "cross_site"


@web.middleware
async def same_site(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Answer the preflights of pages that may call; refuse changes that other pages ask for."""
    allowed = request.app[ALLOWED_ORIGINS]
    if is_preflight(request.method, request.headers) and request.headers["Origin"] in allowed:
        return web.Response(status=204, headers=_preflight_headers())
    changes = request.method not in SAFE_METHODS or request.path in CHANGING_GETS
    if changes and is_foreign(request.headers, allowed):
        raise CrossSite(
            "this came from a page of another site; call from wavemill's own page, or have its"
            " origin added to WAVEMILL_CORS_ORIGINS"
        )
    return await handler(request)


async def share(request: web.Request, response: web.StreamResponse) -> None:
    """Let pages of the named origins read an answer."""
    allowed = request.app[ALLOWED_ORIGINS]
    if not allowed:
        return
    vary = response.headers.get("Vary")
    response.headers["Vary"] = f"{vary}, Origin" if vary else "Origin"
    origin = request.headers.get("Origin")
    if origin in allowed:
        response.headers["Access-Control-Allow-Origin"] = origin
        response.headers["Access-Control-Expose-Headers"] = ", ".join(EXPOSED)


def read_origins(named: str) -> frozenset[str]:
    """The origins of the setting."""
    return frozenset(named.split(",")) if named else frozenset()


def is_preflight(method: str, headers: Mapping[str, str]) -> bool:
    """Whether a browser asks on behalf of a page; a plain OPTIONS is tus's own."""
    return (
        method == "OPTIONS" and "Origin" in headers and "Access-Control-Request-Method" in headers
    )


def is_foreign(headers: Mapping[str, str], allowed: frozenset[str]) -> bool:
    """Whether a browser sent a request for a page of another origin. Pure.

    Browsers say so, in Sec-Fetch-Site where the connection is secure, else in Origin; no page can
    keep them from it. What says neither is no browser's. A proxy may have changed the Host: then
    it says the right one in X-Forwarded-Host, or the Origin cannot be judged by it.
    """
    site, origin = headers.get("Sec-Fetch-Site"), headers.get("Origin")
    if origin in allowed or site in {"same-origin", "none"}:
        return False
    if site == "cross-site":
        return True
    if origin is None:
        return False
    ours = [headers.get("Host", ""), *hops([headers.get("X-Forwarded-Host", "")])]
    host = origin.lower().partition("://")[2]
    return not host or host not in {one.lower() for one in ours}


def _preflight_headers() -> dict[str, str]:
    return {
        "Access-Control-Allow-Methods": METHODS,
        "Access-Control-Allow-Headers": ", ".join(SENT),
        "Access-Control-Max-Age": str(PREFLIGHT_FOR),
    }
