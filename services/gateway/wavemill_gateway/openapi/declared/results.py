"""Results: whole, in part, or from the store itself."""

import msgspec
from msgspec import structs

from wavemill_common.errors import (
    Gone,
    InvalidId,
    JobNotFound,
    NoPeaks,
    NotReady,
    RangeNotSatisfiable,
)
from wavemill_gateway.archive import MAX_JOBS
from wavemill_gateway.openapi.declare import Answer, Endpoint, Parameter
from wavemill_gateway.openapi.declared.common import FLAG, ID, JOB, JOB_ASKED
from wavemill_gateway.openapi.failures import STORES, job_failures
from wavemill_gateway.peaks import Audiowaveform, Waveform

_BYTES = {"type": "string", "format": "binary"}
_FORMS = (Waveform, Audiowaveform)
_PEAKS = {
    "anyOf": [msgspec.json.schema_components([one])[1][one.__name__] for one in _FORMS],
}
_HEADERS = {
    "Content-Disposition": "The name, in ASCII and in UTF-8.",
    "ETag": "The SHA-256 of the result.",
    "Accept-Ranges": "`bytes`.",
}
RESULT = Answer(what="The result.", shape=_BYTES, content_type="*/*", headers=_HEADERS)

_NO_RESULT = (
    *(InvalidId, JobNotFound, NotReady, Gone, *STORES),
    *((409, code) for code in sorted({"cancelled", *(code for _, code in job_failures())})),
)
_OUTPUT = Parameter(
    name="output",
    what="Which of several results, from 0.",
    schema={"type": "integer", "minimum": 0, "maximum": 999},
)

_DOWNLOAD = Endpoint(
    method="GET",
    path="/api/download",
    name="download",
    tag="Download",
    summary="Get a result",
    details="Ranges, conditions and names work as in any good file server. Of a job that failed,"
    " this tells the job's own error.",
    parameters=(
        JOB_ASKED,
        _OUTPUT,
        Parameter(
            name="presigned",
            what="`1`: be sent to the object store, where that is S3; the URL is good for 5"
            " minutes.",
            schema=FLAG,
        ),
        Parameter(name="Range", where="header", what="One range: `bytes=0-99`."),
        Parameter(name="If-None-Match", where="header", what="The ETag you have."),
        Parameter(name="If-Range", where="header", what="The ETag that your part is of."),
    ),
    answers=(
        RESULT,
        Answer(
            status=206,
            what="The part.",
            shape=_BYTES,
            content_type="*/*",
            headers={**_HEADERS, "Content-Range": "Which part of how much."},
        ),
        Answer(status=302, what="It is in the object store.", headers={"Location": "Where."}),
        Answer(status=304, what="You have it.", headers={"ETag": _HEADERS["ETag"]}),
    ),
    failures=(RangeNotSatisfiable, *_NO_RESULT),
    signed=True,
    example='curl -OJ "$URL/api/download?jobId=aO…"',
)

ENDPOINTS = (
    _DOWNLOAD,
    structs.replace(
        _DOWNLOAD,
        method="HEAD",
        name="lookAtDownload",
        summary="See a result's size and name",
        details="As GET, without the bytes.",
        answers=(
            Answer(what="The headers of the result.", headers=_HEADERS),
            Answer(status=304, what="You have it.", headers={"ETag": _HEADERS["ETag"]}),
        ),
        example="",
    ),
    Endpoint(
        method="GET",
        path="/api/archive",
        name="archive",
        tag="Download",
        summary="Get the results of several jobs as one zip",
        details="All of them must have completed. Of equal names the second becomes `name (2)`.",
        parameters=(
            Parameter(
                name="jobId",
                what=f"1 to {MAX_JOBS} jobs.",
                schema={"type": "array", "items": ID, "minItems": 1, "maxItems": MAX_JOBS},
                required=True,
            ),
        ),
        answers=(Answer(what="The zip.", shape=_BYTES, content_type="application/zip"),),
        failures=_NO_RESULT,
        signed=True,
        example='curl -OJ "$URL/api/archive?jobId=aO…&jobId=kP…"',
    ),
    Endpoint(
        method="GET",
        path="/api/jobs/{jobId}/peaks",
        name="showPeaks",
        tag="Download",
        summary="Get the peaks of a source or a result, for a waveform",
        details='Of jobs with `"peaks": true`. wavesurfer.js takes `[peaks]` and `duration` as'
        " they are; `as=audiowaveform` is what peaks.js reads.",
        parameters=(
            JOB,
            Parameter(name="of", what="Of what.", schema={"enum": ["source", "output"]}),
            _OUTPUT,
            Parameter(
                name="as", what="In which form.", schema={"enum": ["floats", "audiowaveform"]}
            ),
            Parameter(name="If-None-Match", where="header", what="The ETag you have."),
        ),
        answers=(
            Answer(what="The peaks.", shape=_PEAKS, headers={"ETag": "Theirs."}),
            Answer(status=304, what="You have them.", headers={"ETag": "Theirs."}),
        ),
        failures=(NoPeaks, *_NO_RESULT),
    ),
)
