"""Headers: what every answer says about itself, so that no browser makes more of it than it is."""

from aiohttp import web

from wavemill_gateway.access.proxies import is_secure

SERVER = "wavemill"  # no version: whoever looks for an old one shall have to try
HSTS = "max-age=31536000"
ALWAYS = {
    "Content-Security-Policy": "default-src 'none'; frame-ancestors 'none'",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": "camera=(), display-capture=(), geolocation=(), microphone=(), usb=()",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
}


async def secure_headers(request: web.Request, response: web.StreamResponse) -> None:
    """Complete the headers of any answer; what its handler says already holds."""
    add_headers(response)
    if is_secure(request):
        response.headers.setdefault("Strict-Transport-Security", HSTS)


def add_headers(response: web.StreamResponse) -> None:
    """The headers that need no knowledge of the request."""
    response.headers["Server"] = SERVER
    for name, value in ALWAYS.items():
        response.headers.setdefault(name, value)
