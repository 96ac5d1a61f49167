"""For those who run it."""

from wavemill_common.errors import NotFound, Unauthorized
from wavemill_gateway.health import Readiness
from wavemill_gateway.openapi.declare import Answer, Endpoint
from wavemill_gateway.openapi.shapes import Alive

ENDPOINTS = (
    Endpoint(
        method="GET",
        path="/healthz",
        name="healthz",
        tag="Operate",
        summary="Whether the process lives",
        answers=(Answer(what="It does.", shape=Alive),),
        keyed=False,
    ),
    Endpoint(
        method="GET",
        path="/readyz",
        name="readyz",
        tag="Operate",
        summary="Whether it can serve",
        details="`degraded` when Redis is down or no converter is up: uploads, polling and"
        " downloads work.",
        answers=(
            Answer(what="`ready` or `degraded`.", shape=Readiness),
            Answer(
                status=503,
                what="A store is down, ffmpeg is missing, or the server stops.",
                shape=Readiness,
            ),
        ),
        keyed=False,
    ),
    Endpoint(
        method="GET",
        path="/metrics",
        name="show_metrics",
        tag="Operate",
        summary="What Prometheus reads",
        details="For who shows `WAVEMILL_METRICS_TOKEN` as a bearer token; where none is set,"
        " for who asks on the machine itself.",
        answers=(
            Answer(
                what="The metrics, in Prometheus' text format or as OpenMetrics.",
                shape={"type": "string"},
                content_type="text/plain",
            ),
        ),
        failures=(Unauthorized, NotFound),
        keyed=False,
    ),
    Endpoint(
        method="GET",
        path="/openapi.json",
        name="describe",
        tag="Operate",
        summary="This description, for programs",
        answers=(Answer(what="OpenAPI 3.1.", shape={"type": "object"}),),
        keyed=False,
    ),
)
