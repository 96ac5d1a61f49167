"""What DynamoDB refused or did not answer, as errors that say what would help."""

import re
from typing import Any

import structlog

from wavemill_common.errors import (
    AppError,
    JobStoreForbidden,
    JobStoreUnavailable,
    Throttled,
)

log = structlog.get_logger()

_RETRY_AFTER = 2.0  # seconds
_THROTTLED = frozenset(
    {
        "ProvisionedThroughputExceededException",
        "ProvisionedThroughputExceeded",
        "RequestLimitExceeded",
        "ThrottlingException",
        "ThrottlingError",
        "TransactionConflict",
        "TransactionInProgressException",
    }
)
_CREDENTIALS = frozenset(
    {
        "ExpiredTokenException",
        "IncompleteSignatureException",
        "InvalidClientTokenId",
        "InvalidSignatureException",
        "MissingAuthenticationTokenException",
        "UnrecognizedClientException",
    }
)
_DENIED = frozenset({"AccessDenied", "AccessDeniedException"})
_NO_TABLE = "ResourceNotFoundException"
_CONDITION = frozenset({"ConditionalCheckFailedException", "ConditionalCheckFailed"})
_NO_CREDENTIALS = frozenset(
    {"NoCredentialsError", "PartialCredentialsError", "CredentialRetrievalError"}
)
_ACTION = re.compile(r"perform: (\S+) on resource: (\S+)")


class ConditionFailed(Exception):
    """A conditional write was refused; `item` is what is stored, None where nothing is."""

    def __init__(self, item: dict[str, Any] | None) -> None:
        super().__init__("the condition does not hold")
        self.item = item


def refusal(error: Any, operation: str, table: str) -> Exception:
    """Translate a botocore ClientError: the service answered, and did not do it."""
    details: dict[str, Any] = error.response.get("Error", {})
    code, message = str(details.get("Code", "")), str(details.get("Message", ""))
    if code in _CONDITION:
        return ConditionFailed(error.response.get("Item") or None)
    if code == "TransactionCanceledException":
        return _cancellation(error.response.get("CancellationReasons", ()))
    if code in _THROTTLED:
        log.warning("job_store_throttled", operation=operation, table=table, code=code)
        return Throttled("the job store is at its limit of requests; try again in a moment")
    status = error.response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0)
    return _misuse(code, message, operation, table) or _other(error, code, message, status)


def no_answer(error: Exception, endpoint: str) -> AppError:
    """Translate what kept a call from being answered: it may or may not have been carried out."""
    if type(error).__name__ in _NO_CREDENTIALS:
        return JobStoreForbidden(
            "no AWS credentials were found: give the service a role, or set AWS_ACCESS_KEY_ID and"
            " AWS_SECRET_ACCESS_KEY"
        )
    return JobStoreUnavailable(
        f"the job store {endpoint} does not answer ({type(error).__name__}); check that it runs,"
        " and DYNAMODB_ENDPOINT_URL and AWS_REGION",
        retry_after=_RETRY_AFTER,
    )


def _cancellation(reasons: Any) -> Exception:
    codes = [str(reason.get("Code", "None")) for reason in reasons]
    for code, reason in zip(codes, reasons, strict=True):
        if code in _CONDITION:
            return ConditionFailed(reason.get("Item") or None)
    if any(code in _THROTTLED for code in codes):
        return Throttled("the job store is at its limit of requests; try again in a moment")
    return JobStoreUnavailable(f"the job store cancelled a transaction: {', '.join(codes)}")


def _misuse(code: str, message: str, operation: str, table: str) -> AppError | None:
    """What only an operator can mend; None where it is something else."""
    if code in _DENIED:
        told = _ACTION.search(message)
        action, resource = told.groups() if told else (_action(operation), f"table {table}")
        return JobStoreForbidden(
            f"the service lacks the permission {action} on {resource};"
            " `wavemill-janitor setup` prints the policies that are needed"
        )
    if code in _CREDENTIALS:
        return JobStoreForbidden(
            f"AWS does not accept the credentials ({code}); check the role, or AWS_ACCESS_KEY_ID"
            " and AWS_SECRET_ACCESS_KEY"
        )
    if code == _NO_TABLE:
        return JobStoreUnavailable(
            f"there is no table {table} in this region; check AWS_REGION and"
            " DYNAMODB_JOBS_TABLE/DYNAMODB_UPLOADS_TABLE,"
            " or make it with `wavemill-janitor setup --apply`",
            retry_after=_RETRY_AFTER,
        )
    return None


def _other(error: Any, code: str, message: str, status: int) -> Exception:
    if status in range(400, 500):  # what we sent is wrong: a mistake of ours, not an outage
        return error  # type: ignore[no-any-return]
    return JobStoreUnavailable(
        f"the job store failed: {code} {message}".strip(), retry_after=_RETRY_AFTER
    )


def _action(operation: str) -> str:
    """`put_item` → `dynamodb:PutItem`."""
    return "dynamodb:" + "".join(word.capitalize() for word in operation.split("_"))
