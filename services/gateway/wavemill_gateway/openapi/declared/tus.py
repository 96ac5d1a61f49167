"""Uploads by tus 1.0: one stream of bytes, which goes on where it broke."""

from wavemill_common.errors import (
    FileTooLarge,
    InvalidChunk,
    InvalidFormat,
    InvalidId,
    SlowRequest,
    UploadInUse,
    UploadNotFound,
)
from wavemill_gateway.openapi.declare import Answer, Body, Endpoint, Parameter
from wavemill_gateway.openapi.declared.common import FILE_ID
from wavemill_gateway.openapi.failures import STORES
from wavemill_gateway.tus.errors import (
    ChecksumMismatch,
    OffsetConflict,
    Stopping,
    UnknownVersion,
    UploadInterrupted,
    UploadLocked,
)
from wavemill_gateway.tus.routes import OFFSET_OCTETS, PATH

_TAG = "Upload by tus"
_ONE = PATH + "/{fileId}"
_BYTES = Body(content_type=OFFSET_OCTETS, shape={"type": "string", "format": "binary"})
_VERSION = Parameter(
    name="Tus-Resumable", where="header", what="`1.0.0`.", schema={"const": "1.0.0"}, required=True
)
_CHECKSUM = Parameter(name="Upload-Checksum", where="header", what="`sha256 BASE64` of the body.")
_EXPIRY = {"Upload-Expires": "When it is deleted."}
_OFFSET = {"Upload-Offset": "How many bytes are kept.", **_EXPIRY}
_FOUND = (InvalidId, UploadNotFound, UnknownVersion, *STORES)
_TURN = (UploadLocked, UploadInterrupted, Stopping)
_TAKEN = (
    *(OffsetConflict, ChecksumMismatch, InvalidFormat, InvalidChunk, FileTooLarge, SlowRequest),
    *_TURN,
)


def _abilities(path: str, name: str, *parameters: Parameter) -> Endpoint:
    headers = {
        "Tus-Version": "The versions spoken.",
        "Tus-Extension": "The extensions spoken.",
        "Tus-Max-Size": "The largest file, in bytes.",
        "Tus-Checksum-Algorithm": "The digests understood.",
    }
    return Endpoint(
        method="OPTIONS",
        path=path,
        name=name,
        tag=_TAG,
        summary="See what of tus is spoken",
        parameters=parameters,
        answers=(Answer(status=204, what="The abilities.", headers=headers),),
        keyed=False,
    )


def _create(path: str, name: str) -> Endpoint:
    headers = {"Location": "Where.", **_OFFSET}
    return Endpoint(
        method="POST",
        path=path,
        name=name,
        tag=_TAG,
        summary="Open an upload",
        details="Its first bytes may come along. Its id is its `fileId` everywhere else.",
        parameters=(
            _VERSION,
            Parameter(
                name="Upload-Length",
                where="header",
                what="The size of the file in bytes.",
                schema={"type": "integer", "minimum": 0},
                required=True,
            ),
            Parameter(
                name="Upload-Metadata", where="header", what="`filename BASE64`, and what you like."
            ),
            _CHECKSUM,
        ),
        bodies=(_BYTES,),
        answers=(Answer(status=201, what="It is open.", headers=headers),),
        failures=(*_FOUND, *_TAKEN),
    )


ENDPOINTS = (
    _abilities(PATH, "showTus"),
    _abilities(PATH + "/", "showTusToo"),
    _abilities(_ONE, "showTusOfUpload", FILE_ID),
    _create(PATH, "createByTus"),
    _create(PATH + "/", "createByTusToo"),
    Endpoint(
        method="HEAD",
        path=_ONE,
        name="showOffset",
        tag=_TAG,
        summary="Learn where to go on",
        parameters=(FILE_ID, _VERSION),
        answers=(
            Answer(what="How much is kept.", headers={**_OFFSET, "Upload-Length": "The size."}),
        ),
        failures=(*_FOUND, *_TAKEN),
    ),
    Endpoint(
        method="PATCH",
        path=_ONE,
        name="append",
        tag=_TAG,
        summary="Send bytes behind those that are kept",
        details="The last one completes the file. A newer request ends an older one, and what had"
        " arrived of that is kept.",
        parameters=(
            *(FILE_ID, _VERSION),
            Parameter(
                name="Upload-Offset",
                where="header",
                what="Where these bytes begin.",
                schema={"type": "integer", "minimum": 0},
                required=True,
            ),
            _CHECKSUM,
        ),
        bodies=(_BYTES,),
        answers=(Answer(status=204, what="They are kept.", headers=_OFFSET),),
        failures=(*_FOUND, *_TAKEN),
    ),
    Endpoint(
        method="DELETE",
        path=_ONE,
        name="terminateByTus",
        tag=_TAG,
        summary="Remove an upload",
        parameters=(FILE_ID, _VERSION),
        answers=(Answer(status=204, what="It is gone."),),
        failures=(*_FOUND, UploadInUse, *_TURN),
    ),
    Endpoint(
        method="POST",
        path=_ONE,
        name="overrideByTus",
        tag=_TAG,
        summary="PATCH, HEAD or DELETE, for clients that cannot",
        parameters=(
            FILE_ID,
            Parameter(
                name="X-HTTP-Method-Override",
                where="header",
                what="What is meant.",
                schema={"enum": ["PATCH", "HEAD", "DELETE"]},
                required=True,
            ),
            _VERSION,
        ),
        bodies=(_BYTES,),
        answers=(
            Answer(what="As of HEAD.", headers=_OFFSET),
            Answer(status=204, what="As of PATCH or DELETE."),
        ),
        failures=(*_FOUND, *_TAKEN, UploadInUse, (405, "method_not_allowed")),
    ),
)
