"""Uploads: in three ways, and what can be done with one."""

from typing import Any

from wavemill_common.errors import (
    ChunkConflict,
    Conflict,
    FileTooLarge,
    InvalidChunk,
    InvalidFormat,
    InvalidId,
    InvalidJson,
    SlowRequest,
    UploadIncomplete,
    UploadInUse,
    UploadNotFound,
)
from wavemill_gateway.openapi.declare import BYTES, FORM, Answer, Body, Endpoint, Parameter
from wavemill_gateway.openapi.declared.common import FILE_ID, ID, INDEX
from wavemill_gateway.openapi.failures import STORES
from wavemill_gateway.uploads import OpenRequest, UploadView

_BINARY = {"type": "string", "format": "binary"}
_CHUNK: dict[str, tuple[dict[str, Any], str]] = {
    "fileId": (ID, "The upload; absent with its first chunk: the answer tells it."),
    "chunkIndex": (INDEX, "Which chunk, from 0."),
    "totalChunks": (
        {"type": "integer", "minimum": 1, "maximum": 10_000},
        "`fileSize` divided by the chunk size, rounded up.",
    ),
    "fileName": ({"type": "string"}, "Its name; only ever shown."),
    "fileSize": ({"type": "integer", "minimum": 1}, "Bytes of the whole file."),
    "chunkSize": (
        {"type": "integer", "minimum": 5 * 2**20, "maximum": 64 * 2**20},
        "Bytes of every chunk but the last; the server's own where it is absent.",
    ),
    "chunkSha256": (
        {"type": "string", "pattern": "^[0-9a-fA-F]{64}$"},
        "The chunk's SHA-256: what arrives damaged is refused.",
    ),
}
_FORM = {
    "type": "object",
    "properties": {
        "file": {**_BINARY, "description": "A whole file; then nothing else is needed."},
        **{name: {**schema, "description": what} for name, (schema, what) in _CHUNK.items()},
        "chunk": {**_BINARY, "description": "Or the bytes of one chunk, behind its fields."},
    },
}
_STATE = Answer(what="The upload.", shape=UploadView)

ENDPOINTS = (
    Endpoint(
        method="POST",
        path="/api/upload-audio",
        name="uploadAudio",
        tag="Upload",
        summary="Send a file, or one chunk of it",
        details="Three ways: a form with the whole `file`; a form with one `chunk` behind its"
        " fields; or the bytes of one chunk as the body, with the fields in the query.\n\n"
        "The same chunk again is taken quietly; other bytes under the same index are 409. With its"
        " last chunk the file is put together by itself.",
        parameters=tuple(
            Parameter(name=name, what=f"{what} (Raw chunks only.)", schema=schema)
            for name, (schema, what) in _CHUNK.items()
        ),
        bodies=(
            Body(content_type=FORM, shape=_FORM),
            Body(content_type=BYTES, shape=_BINARY),
        ),
        answers=(
            Answer(status=200, what="The chunk is stored; others are missing.", shape=UploadView),
            Answer(status=201, what="The file is complete.", shape=UploadView),
        ),
        failures=(
            *(InvalidId, InvalidChunk, InvalidFormat, UploadNotFound, SlowRequest),
            *(Conflict, ChunkConflict, UploadIncomplete, FileTooLarge, *STORES),
        ),
        example="curl -F file=@talk.wav $URL/api/upload-audio",
    ),
    Endpoint(
        method="POST",
        path="/api/uploads",
        name="openUpload",
        tag="Upload",
        summary="Open an upload before its first chunk",
        details="Tells its id and its chunk size.",
        bodies=(Body(shape=OpenRequest),),
        answers=(Answer(status=201, what="The upload.", shape=UploadView),),
        failures=(InvalidJson, InvalidChunk, InvalidFormat, SlowRequest, FileTooLarge, *STORES),
        example="""curl -H 'Content-Type: application/json' $URL/api/uploads \\
  -d '{"fileName": "talk.wav", "fileSize": 33554432}'""",
    ),
    Endpoint(
        method="GET",
        path="/api/uploads/{fileId}",
        name="showUpload",
        tag="Upload",
        summary="See what has arrived",
        details="How to resume: what `received` lists is stored durably.",
        parameters=(FILE_ID,),
        answers=(_STATE,),
        failures=(InvalidId, UploadNotFound, *STORES),
    ),
    Endpoint(
        method="POST",
        path="/api/uploads/{fileId}/complete",
        name="completeUpload",
        tag="Upload",
        summary="Put the file together",
        details="A repeat gets the same answer. It also happens by itself with the last chunk.",
        parameters=(FILE_ID,),
        answers=(_STATE,),
        failures=(
            *(InvalidId, InvalidChunk, InvalidFormat, UploadNotFound),
            *(Conflict, UploadIncomplete, FileTooLarge, *STORES),
        ),
    ),
    Endpoint(
        method="DELETE",
        path="/api/uploads/{fileId}",
        name="removeUpload",
        tag="Upload",
        summary="Remove an upload",
        details="When this answers, its bytes are gone. Jobs that follow an upload which is not"
        " complete yet are cancelled.",
        parameters=(FILE_ID,),
        answers=(Answer(status=204, what="It is gone."),),
        failures=(InvalidId, UploadNotFound, UploadInUse, *STORES),
    ),
)
