"""What S3 or the way to it refused, as errors that say what would help. The only such place."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import aiohttp
from botocore.exceptions import (
    BotoCoreError,
    ClientError,
    CredentialRetrievalError,
    NoCredentialsError,
    ParamValidationError,
    PartialCredentialsError,
)

from wavemill_common.errors import (
    AppError,
    InsufficientStorage,
    ObjectExists,
    ObjectNotFound,
    StorageForbidden,
    StorageUnavailable,
)

PERMISSIONS = {
    "put_object": "s3:PutObject",
    "create_multipart_upload": "s3:PutObject",
    "upload_part": "s3:PutObject",
    "complete_multipart_upload": "s3:PutObject",
    "copy_object": "s3:PutObject, and s3:GetObject of the source,",
    "upload_part_copy": "s3:PutObject, and s3:GetObject of the source,",
    "get_object": "s3:GetObject",
    # Without s3:ListBucket even a missing object is "forbidden".
    "head_object": "s3:GetObject, and s3:ListBucket,",
    "delete_object": "s3:DeleteObject",
    "delete_objects": "s3:DeleteObject",
    "list_objects_v2": "s3:ListBucket",
    "abort_multipart_upload": "s3:AbortMultipartUpload",
    "list_parts": "s3:ListMultipartUploadParts",
    "list_multipart_uploads": "s3:ListBucketMultipartUploads",
}
_MISSING = frozenset({"NoSuchKey", "NotFound", "404", "InvalidPart"})
_EXISTS = frozenset({"PreconditionFailed", "ConditionalRequestConflict", "412"})
_DENIED = frozenset({"AccessDenied", "AllAccessDisabled", "AccountProblem", "403"})
_BAD_KEY = frozenset(
    {"InvalidAccessKeyId", "SignatureDoesNotMatch", "InvalidToken", "ExpiredToken"}
)
_FULL = frozenset({"QuotaExceeded", "XMinioStorageFull", "InsufficientStorage", "507"})
_ELSEWHERE = frozenset(
    {"PermanentRedirect", "AuthorizationHeaderMalformed", "IllegalLocationConstraint", "301"}
)


class MultipartGone(ObjectNotFound):
    """The multipart upload was completed or aborted."""


class RangeBeyond(ObjectNotFound):
    """The object has no byte where the range begins."""


@contextmanager
def s3_faults(operation: str, bucket: str, key: str) -> Iterator[None]:
    """Translate what the block raises: everything of botocore's, aiohttp's, the system's."""
    try:
        yield
    except ClientError as error:
        raise _answered(error, operation, bucket, key) from error
    except ParamValidationError as error:
        raise ValueError(f"a mistake of ours in {operation}: {error}") from error
    except (NoCredentialsError, PartialCredentialsError, CredentialRetrievalError) as error:
        raise StorageForbidden(
            "there are no credentials for S3; set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, "
            "or give the machine or task a role"
        ) from error
    except (BotoCoreError, aiohttp.ClientError, TimeoutError, OSError) as error:
        reason = str(error) or type(error).__name__
        raise StorageUnavailable(f"S3 cannot be reached or broke off: {reason}") from error


def refusal_of(error: Mapping[str, Any], bucket: str) -> AppError:
    """Translate one of the errors that a call for many keys answers with."""
    fault = ClientError({"Error": dict(error)}, "delete_objects")
    return _answered(fault, "delete_objects", bucket, str(error.get("Key", "")))


def _answered(error: ClientError, operation: str, bucket: str, key: str) -> AppError:
    """Translate an answer of S3's own."""
    answer: dict[str, Any] = dict(error.response)
    code = str(answer.get("Error", {}).get("Code", ""))
    says = str(answer.get("Error", {}).get("Message", ""))
    if code == "NoSuchUpload":
        return MultipartGone(
            f"there is no such multipart upload of {key}: it was completed or aborted"
        )
    if code in {"InvalidRange", "416"}:
        return RangeBeyond(f"{key} ends before that range")
    if code in _MISSING:
        return ObjectNotFound(f"{key} is not stored")
    if code in _EXISTS:
        return ObjectExists(f"{key} is stored already")
    return _refused(code, says, operation, bucket, key) or _configuration(
        answer, code, says, bucket
    )


def _refused(code: str, says: str, operation: str, bucket: str, key: str) -> AppError | None:
    if code in _DENIED:
        where = f"arn:aws:s3:::{bucket}/{key}" if key else f"arn:aws:s3:::{bucket}"
        return StorageForbidden(
            f"S3 lacks the permission {PERMISSIONS.get(operation, operation)} on {where}; grant it "
            "to this service's key or role"
        )
    if code in _BAD_KEY:
        return StorageForbidden(
            f"S3 does not take our credentials ({code}); check AWS_ACCESS_KEY_ID, "
            "AWS_SECRET_ACCESS_KEY or the role"
        )
    if code == "RequestTimeTooSkewed":
        return StorageForbidden("S3 does not take our clock; set this machine's time")
    if code in _FULL:
        return InsufficientStorage(f"no room is left in the object store: {says or code}")
    return None


def _configuration(answer: dict[str, Any], code: str, says: str, bucket: str) -> AppError:
    if code == "NoSuchBucket":
        return StorageUnavailable(f"there is no bucket {bucket}; create it, or correct S3_BUCKET")
    if code in _ELSEWHERE:
        region = _region(answer)
        return StorageUnavailable(
            f"the bucket {bucket} lies in {region or 'another region'}; set AWS_REGION"
            + (f"={region}" if region else " to that")
        )
    return StorageUnavailable(f"S3 failed: {code or 'unknown error'} {says}".rstrip())


def _region(answer: dict[str, Any]) -> str:
    headers = answer.get("ResponseMetadata", {}).get("HTTPHeaders", {})
    region = headers.get("x-amz-bucket-region") or answer.get("Error", {}).get("Region")
    return str(region or "")
