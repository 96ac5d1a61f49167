"""Jobs: an upload is converted, estimated, or all of it done in one request."""

from wavemill_common.catalogue import FORMATS
from wavemill_common.errors import (
    Conflict,
    FileTooLarge,
    Gone,
    IdempotencyKeyReused,
    InvalidFormat,
    InvalidId,
    InvalidJson,
    InvalidOption,
    InvalidQuality,
    InvalidWebhook,
    JobNotFound,
    NotReady,
    SlowRequest,
    UploadIncomplete,
    UploadNotFound,
)
from wavemill_common.progress.snapshot import Progress
from wavemill_gateway.asked import ConvertBody
from wavemill_gateway.jobs import Accepted
from wavemill_gateway.listing import MAX_JOBS
from wavemill_gateway.oneshot import MAX_WAIT
from wavemill_gateway.openapi.declare import FORM, Answer, Body, Endpoint, Parameter
from wavemill_gateway.openapi.declared.common import ID, JOB
from wavemill_gateway.openapi.declared.results import RESULT
from wavemill_gateway.openapi.failures import STORES, job_failures
from wavemill_gateway.openapi.shapes import Estimate, JobList, JobRecord, Offer

_ACCEPTED = Answer(status=202, what="The job, and where to follow it.", shape=Accepted)
_REFUSED = (
    *(InvalidJson, InvalidId, InvalidFormat, InvalidQuality, InvalidOption, InvalidWebhook),
    *(SlowRequest, FileTooLarge, UploadNotFound),
)
_ONE_FORM = {
    "type": "object",
    "properties": {
        "format": {
            "type": "string",
            "enum": list(FORMATS),
            "description": "What to convert to.",
        },
        "quality": {"type": "string", "description": "As in POST /api/convert-audio."},
        "options": {"type": "string", "description": "As there, written as JSON."},
        "wait": {
            "type": "string",
            "description": f"Seconds to wait for the result, {MAX_WAIT:.0f} at most.",
        },
        "deleteAfterDownload": {
            "type": "string",
            "enum": ["true", "false"],
            "description": "Keep nothing once the answer has gone out whole.",
        },
        "file": {"type": "string", "format": "binary", "description": "The file."},
    },
    "required": ["file", "format"],
}

ENDPOINTS = (
    Endpoint(
        method="GET",
        path="/api/formats",
        name="showFormats",
        tag="Convert",
        summary="See what this installation converts to",
        details="Formats, presets, options, and the limits on what may be sent.",
        answers=(Answer(what="The offer.", shape=Offer),),
        example="curl $URL/api/formats",
    ),
    Endpoint(
        method="POST",
        path="/api/convert-audio",
        name="convertAudio",
        tag="Convert",
        summary="Convert an upload",
        details="One `format`, or several `outputs`. With an `Idempotency-Key` a repeat gets the"
        " first job; without one every POST is a new job.\n\n"
        "The upload need not be complete: it is converted as it arrives, where it can be.",
        parameters=(
            Parameter(
                name="Idempotency-Key",
                where="header",
                what="1 to 255 visible ASCII characters of your own.",
                schema={"type": "string", "pattern": "^[!-~]{1,255}$"},
            ),
        ),
        bodies=(Body(shape=ConvertBody),),
        answers=(_ACCEPTED,),
        failures=(*_REFUSED, IdempotencyKeyReused, *STORES),
        example="""curl -H 'Content-Type: application/json' $URL/api/convert-audio \\
  -d '{"fileId": "k7…", "format": "opus", "quality": "high"}'""",
    ),
    Endpoint(
        method="POST",
        path="/api/estimate",
        name="estimate",
        tag="Convert",
        summary="Learn what would come of it",
        details="The same body; nothing is converted or stored. `warnings` tell what would be"
        " lost, as far as the upload's `media` lets foresee it.",
        bodies=(Body(shape=ConvertBody),),
        answers=(Answer(what="Size, duration and warnings of each output.", shape=Estimate),),
        failures=(*_REFUSED, UploadIncomplete, *STORES),
    ),
    Endpoint(
        method="POST",
        path="/api/convert",
        name="convert",
        tag="Convert",
        summary="Send a file, get the converted file",
        details="All in one request, for scripts. The fields may stand in the query, too. What"
        " takes longer than `wait` is followed as a job.",
        bodies=(Body(content_type=FORM, shape=_ONE_FORM),),
        answers=(RESULT, _ACCEPTED),
        failures=(
            *_REFUSED,
            UploadIncomplete,
            NotReady,
            Gone,
            JobNotFound,
            *job_failures(),
            *STORES,
        ),
        example="curl -F file=@talk.wav -F format=mp3 $URL/api/convert -o talk.mp3",
    ),
    Endpoint(
        method="GET",
        path="/api/jobs",
        name="listJobs",
        tag="Convert",
        summary="List jobs",
        details="Those of the API key, newest first; or those that are named.",
        parameters=(
            Parameter(
                name="jobId",
                what=f"Up to {MAX_JOBS} jobs.",
                schema={"type": "array", "items": ID, "maxItems": MAX_JOBS},
            ),
            Parameter(
                name="limit",
                what="Jobs on a page.",
                schema={"type": "integer", "minimum": 1, "maximum": MAX_JOBS},
            ),
            Parameter(name="cursor", what="The `cursor` of the page before."),
        ),
        answers=(Answer(what="The page.", shape=JobList),),
        failures=(InvalidId, *STORES),
    ),
    Endpoint(
        method="GET",
        path="/api/jobs/{jobId}",
        name="showJob",
        tag="Convert",
        summary="See the whole record of a job",
        details="The source, what was wanted, and for each result what became of it.",
        parameters=(JOB,),
        answers=(Answer(what="The record.", shape=JobRecord),),
        failures=(InvalidId, JobNotFound, Gone, *STORES),
    ),
    Endpoint(
        method="DELETE",
        path="/api/jobs/{jobId}",
        name="removeJob",
        tag="Convert",
        summary="Cancel a job, or remove it",
        details="One that runs is cancelled. One that has ended is removed: results, record, and"
        " the upload unless another job that has not ended needs it.",
        parameters=(JOB,),
        answers=(
            Answer(status=200, what="It is cancelled.", shape=Progress),
            Answer(status=204, what="It is gone."),
        ),
        failures=(InvalidId, JobNotFound, Gone, *STORES),
    ),
    Endpoint(
        method="POST",
        path="/api/jobs/{jobId}/retry",
        name="retryJob",
        tag="Convert",
        summary="Run a failed or cancelled job again",
        parameters=(JOB,),
        answers=(_ACCEPTED,),
        failures=(*(InvalidId, JobNotFound, UploadNotFound, Conflict, Gone, *STORES),),
    ),
)
