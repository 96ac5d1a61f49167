"""Exposition: the answer to GET /metrics, in the form that whoever asks understands."""

from collections.abc import Mapping
from importlib.metadata import version

from aiohttp import web
from prometheus_client import REGISTRY, Gauge, disable_created_metrics
from prometheus_client.exposition import choose_encoder

disable_created_metrics()  # type: ignore[no-untyped-call] # a second series beside each counter, that nobody asks for

BUILD = Gauge("wavemill_build_info", "Which wavemill this is; always 1", ["service", "version"])


def name_build(service: str) -> None:
    """Say which service this is, and of which version."""
    BUILD.labels(service, version("wavemill-common")).set(1)


def metrics_response(headers: Mapping[str, str]) -> web.Response:
    """Answer a scrape: OpenMetrics to who asks for it, else Prometheus' text."""
    encode, content_type = choose_encoder(headers.get("Accept", ""))
    # aiohttp's `content_type` takes no parameters, and this one has a version and an escaping.
    return web.Response(
        body=encode(REGISTRY),
        headers={"Content-Type": content_type, "Cache-Control": "no-store"},
    )
