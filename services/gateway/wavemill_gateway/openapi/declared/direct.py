"""Direct uploads: straight to S3, by the paths of Uppy's Companion."""

from wavemill_common.errors import (
    Conflict,
    FileTooLarge,
    InvalidChunk,
    InvalidFormat,
    InvalidId,
    InvalidJson,
    NotFound,
    SlowRequest,
    UploadIncomplete,
    UploadInUse,
    UploadNotFound,
)
from wavemill_common.uploads import MAX_CHUNKS
from wavemill_gateway.direct import BeginRequest, CompleteRequest
from wavemill_gateway.openapi.declare import Answer, Body, Endpoint, Parameter
from wavemill_gateway.openapi.declared.common import ID
from wavemill_gateway.openapi.failures import STORES
from wavemill_gateway.openapi.shapes import (
    DirectComplete,
    DirectUpload,
    Nothing,
    SignedForm,
    SignedPart,
    StoredPart,
)

_UPLOAD = Parameter(name="uploadId", where="path", what="The upload.", schema=ID, required=True)
_KEY = Parameter(name="key", what="The upload's key.", required=True)
_NUMBER = Parameter(
    name="partNumber",
    where="path",
    what="Which part, from 1.",
    schema={"type": "integer", "minimum": 1, "maximum": MAX_CHUNKS},
    required=True,
)
_SIZE = Parameter(
    name="size",
    what="Bytes that the part must have.",
    schema={"type": "integer", "minimum": 1},
)
_TAG = "Straight to S3"
_FOUND = (InvalidId, NotFound, UploadNotFound)

ENDPOINTS = (
    Endpoint(
        method="POST",
        path="/s3/multipart",
        name="beginDirectUpload",
        tag=_TAG,
        summary="Open an upload in parts",
        bodies=(Body(shape=BeginRequest),),
        answers=(Answer(what="The upload.", shape=DirectUpload),),
        failures=(InvalidJson, NotFound, UploadNotFound, SlowRequest, FileTooLarge, *STORES),
    ),
    Endpoint(
        method="GET",
        path="/s3/multipart/{uploadId}",
        name="listParts",
        tag=_TAG,
        summary="List the parts that have arrived",
        parameters=(_UPLOAD, _KEY),
        answers=(Answer(what="The parts.", shape=list[StoredPart]),),
        failures=(*_FOUND, *STORES),
    ),
    Endpoint(
        method="GET",
        path="/s3/multipart/{uploadId}/{partNumber}",
        name="signPart",
        tag=_TAG,
        summary="Learn where to PUT a part",
        parameters=(_UPLOAD, _NUMBER, _KEY, _SIZE),
        answers=(Answer(what="Where, within 5 minutes.", shape=SignedPart),),
        failures=(*_FOUND, InvalidChunk, FileTooLarge, *STORES),
    ),
    Endpoint(
        method="POST",
        path="/s3/multipart/{uploadId}/complete",
        name="completeDirectUpload",
        tag=_TAG,
        summary="Make the parts a complete upload",
        parameters=(_UPLOAD, _KEY),
        bodies=(Body(shape=CompleteRequest),),
        answers=(Answer(what="The complete upload.", shape=DirectComplete),),
        failures=(
            *(*_FOUND, InvalidJson, InvalidChunk, InvalidFormat, Conflict, UploadIncomplete),
            *(SlowRequest, FileTooLarge, *STORES),
        ),
    ),
    Endpoint(
        method="DELETE",
        path="/s3/multipart/{uploadId}",
        name="abortDirectUpload",
        tag=_TAG,
        summary="Remove an upload with its parts",
        parameters=(_UPLOAD, _KEY),
        answers=(Answer(what="It is gone.", shape=Nothing),),
        failures=(*_FOUND, UploadInUse, *STORES),
    ),
    Endpoint(
        method="GET",
        path="/s3/params",
        name="signForm",
        tag=_TAG,
        summary="Learn where to POST a small file",
        details="Then complete it by `POST /api/uploads/{fileId}/complete`.",
        parameters=(Parameter(name="filename", what="Its name; only ever shown."),),
        answers=(Answer(what="The form, good for 5 minutes.", shape=SignedForm),),
        failures=(NotFound, *STORES),
    ),
)
