"""Results: whole, in part, or from the store itself."""

from msgspec import structs

from wavemill_common.errors import Gone, InvalidId, JobNotFound, NotReady, RangeNotSatisfiable
from wavemill_gateway.openapi.declare import Answer, Endpoint, Parameter
from wavemill_gateway.openapi.declared.common import FLAG, JOB_ASKED
from wavemill_gateway.openapi.failures import STORES, job_failures

_BYTES = {"type": "string", "format": "binary"}
_HEADERS = {
    "Content-Disposition": "The name, in ASCII and in UTF-8.",
    "ETag": "The SHA-256 of the result.",
    "Accept-Ranges": "`bytes`.",
}
RESULT = Answer(what="The result.", shape=_BYTES, content_type="*/*", headers=_HEADERS)

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
        Parameter(
            name="output",
            what="Which of several results, from 0.",
            schema={"type": "integer", "minimum": 0, "maximum": 999},
        ),
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
    failures=(
        *(InvalidId, JobNotFound, NotReady, Gone, RangeNotSatisfiable, *STORES),
        *((409, code) for code in sorted({"cancelled", *(code for _, code in job_failures())})),
    ),
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
)
