"""Following a job: by polling, and as Server-Sent Events."""

from wavemill_common.errors import Gone, InvalidId, JobNotFound
from wavemill_common.progress.snapshot import Progress
from wavemill_gateway.events import MAX_JOBS
from wavemill_gateway.openapi.declare import JSON, REF, Answer, Endpoint, Parameter
from wavemill_gateway.openapi.declared.common import ID, JOB_ASKED
from wavemill_gateway.openapi.failures import STORES
from wavemill_gateway.polling import MAX_WAIT

_EVENT = {
    "type": "object",
    "title": "One event",
    "properties": {
        "event": {"enum": ["progress", "completed", "failed", "cancelled", "error"]},
        "id": {"type": "string"},
        "data": {
            "type": "string",
            "contentMediaType": JSON,
            "contentSchema": {"$ref": REF.format(name="Progress")},
        },
        "retry": {"type": "integer"},
    },
}
_ETAG = {"ETag": "The revision."}

ENDPOINTS = (
    Endpoint(
        method="GET",
        path="/api/progress",
        name="showProgress",
        tag="Follow",
        summary="Ask for a job's state",
        details="With `If-None-Match` unchanged news are 304; `wait` holds the answer until there"
        " is news.",
        parameters=(
            JOB_ASKED,
            Parameter(
                name="wait",
                what="Seconds to wait for news.",
                schema={"type": "number", "minimum": 0, "maximum": MAX_WAIT},
            ),
            Parameter(name="If-None-Match", where="header", what="The revision you have."),
        ),
        answers=(
            Answer(what="The state.", shape=Progress, headers=_ETAG),
            Answer(status=304, what="There is no news.", headers=_ETAG),
        ),
        failures=(InvalidId, JobNotFound, Gone, *STORES),
        signed=True,
        example='curl "$URL/api/progress?jobId=aO…&wait=25"',
    ),
    Endpoint(
        method="GET",
        path="/api/events",
        name="streamEvents",
        tag="Follow",
        summary="Be told of every change",
        details="The state of each job first, then `progress` events, at last `completed`,"
        " `failed` or `cancelled` per job; then the stream ends. `data` is the state. A stream"
        " lasts 100 s at most: come back with `Last-Event-ID` (browsers do) and miss nothing.",
        parameters=(
            Parameter(
                name="jobId",
                what=f"1 to {MAX_JOBS} jobs.",
                schema={"type": "array", "items": ID, "minItems": 1, "maxItems": MAX_JOBS},
                required=True,
            ),
            Parameter(name="Last-Event-ID", where="header", what="The `id` of the last event."),
        ),
        answers=(
            Answer(what="The stream.", shape=_EVENT, content_type="text/event-stream"),
            Answer(status=204, what="All was told: do not come back."),
        ),
        failures=(InvalidId, JobNotFound, *STORES),
        signed=True,
        example='curl -N "$URL/api/events?jobId=aO…"',
    ),
)
