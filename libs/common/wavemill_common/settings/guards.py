"""How the gateway guards itself: how much one caller may do, who may call from a page."""

from dataclasses import dataclass

from wavemill_common.settings import parsers
from wavemill_common.settings.fields import setting

GIB = 1024 * 1024 * 1024
RATE = "1200/minute"  # twenty requests a second: chunks of a fast upload, and some polling
CONNECTIONS = 4000  # few enough for the files that a process may open
CONNECTIONS_PER_CLIENT = 200


@dataclass(frozen=True, kw_only=True)
class Guards:
    """Limits that keep one caller from taking what is there for all; 0 stands for none."""

    trusted_proxies: int = setting(
        "WAVEMILL_TRUSTED_PROXIES",
        0,
        "How many proxies stand in front: so many entries of X-Forwarded-For, from the right, are"
        " believed",
        parsers.whole(0, 10),
        cloud=1,
    )
    rate_limit: str = setting(
        "WAVEMILL_RATE_LIMIT",
        "",
        "Requests that one caller may send, as 600/minute; off: any number",
        parsers.rate,
        local=RATE,
        docker=RATE,
        cloud=RATE,
    )
    max_open_uploads: int = setting(
        "WAVEMILL_MAX_OPEN_UPLOADS",
        0,
        "Uploads that one caller may have under way; 0: any number",
        parsers.whole(0, 1_000_000),
        local=8,
        docker=8,
        cloud=8,
    )
    max_stored_bytes: int = setting(
        "WAVEMILL_MAX_STORED_BYTES",
        0,
        "What one caller's uploads and results may take; 0: anything",
        parsers.whole(0, 1 << 60),
        local=50 * GIB,
        docker=50 * GIB,
        cloud=50 * GIB,
    )
    max_jobs_per_owner: int = setting(
        "WAVEMILL_MAX_JOBS_PER_OWNER",
        0,
        "Jobs of one caller that may wait or run; 0: any number",
        parsers.whole(0, 1_000_000),
        local=100,
        docker=100,
        cloud=100,
    )
    max_connections: int = setting(
        "WAVEMILL_MAX_CONNECTIONS",
        0,
        "Connections that one gateway holds; 0: any number",
        parsers.whole(0, 1_000_000),
        local=CONNECTIONS,
        docker=CONNECTIONS,
        cloud=CONNECTIONS,
    )
    max_connections_per_client: int = setting(
        "WAVEMILL_MAX_CONNECTIONS_PER_CLIENT",
        0,
        "Connections from one network; 0: any number. Not counted behind a proxy, which has all",
        parsers.whole(0, 1_000_000),
        local=CONNECTIONS_PER_CLIENT,
        docker=CONNECTIONS_PER_CLIENT,
        cloud=CONNECTIONS_PER_CLIENT,
    )
    max_sse_per_client: int = setting(
        "WAVEMILL_MAX_SSE_PER_CLIENT",
        20,
        "Event streams of one caller at one gateway; 0: any number",
        parsers.whole(0, 1_000_000),
    )
    max_sse: int = setting(
        "WAVEMILL_MAX_SSE",
        2000,
        "Event streams at one gateway; 0: any number",
        parsers.whole(0, 1_000_000),
    )
    cors_origins: str = setting(
        "WAVEMILL_CORS_ORIGINS",
        "",
        "Other sites whose pages may call, as https://a.example,https://b.example; empty: none",
        parsers.origins,
    )
