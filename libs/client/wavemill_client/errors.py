"""Every way in which a call can fail.

    WavemillError                 `code` is stable, the message is for people
    ├── ServerUnreachable         nobody answers, or the connection breaks again and again
    ├── NotWavemill               somebody answers, but not as wavemill does
    ├── DeadlineExceeded          also a TimeoutError
    ├── SourceChanged             the file changed while it was being sent
    ├── ResultDamaged             what arrived is not what the server says it made
    ├── JobFailed                 the job ended as failed or cancelled
    ├── NotReady                  it has not ended yet
    └── Refused                   the server said no, and why
        ├── InvalidRequest 400, 415, 422 …   NotAllowed 401, 403     NotFound 404
        ├── TooSlow 408   Conflict 409       Expired 410             TooLarge 413
        └── TooMany 429   Unavailable 5xx

A call has been tried again before one of these is raised, wherever that could have helped.
"""

from collections.abc import Mapping
from http import HTTPStatus
from typing import Any

import msgspec

from wavemill_client.values import JobError

_TRANSIENT = frozenset({408, 425, 429, 500, 502, 503, 504, 507})
SERVER_ERRORS = 500


class WavemillError(Exception):
    """Any failure of a call. `code` is stable and snake_case."""

    code: str = "failed"

    def __init__(self, message: str) -> None:
        super().__init__(message)
        self.message = message

    @property
    def is_transient(self) -> bool:
        """Whether the same call may succeed a little later."""
        return False

    @property
    def retry_after(self) -> float | None:
        """The seconds that the server asks us to wait, if it does."""
        return None


class ServerUnreachable(WavemillError):
    """Nobody answers at the server's address, or the connection breaks again and again."""

    code = "server_unreachable"

    @property
    def is_transient(self) -> bool:
        """It may come back."""
        return True


class NotWavemill(WavemillError):
    """Somebody answers, but not as wavemill does: the address is wrong, or a proxy is."""

    code = "not_wavemill"


class DeadlineExceeded(WavemillError, TimeoutError):
    """It was not done within the time that was given for it."""

    code = "deadline_exceeded"


class SourceChanged(WavemillError):
    """The file changed while it was being sent, so what arrived is neither the old nor the new."""

    code = "source_changed"


class ResultDamaged(WavemillError):
    """What arrived has another size or SHA-256 than the result that the server made."""

    code = "result_damaged"


class JobFailed(WavemillError):
    """The job ended as failed or cancelled. `error` tells why, `job_id` is good for a retry."""

    def __init__(self, job_id: str, error: JobError | None) -> None:
        why = error or JobError(code="cancelled", message="the job was cancelled")
        super().__init__(why.message)
        self.job_id = job_id
        self.error = why
        self.code = why.code


class NotReady(WavemillError):
    """The job has not ended yet."""

    code = "not_ready"


class Refused(WavemillError):
    """The server said no: `status` and `code` for programs, the message for people.

    `request_id` finds the request in the server's log. `members` are the other members of the
    problem (RFC 9457), such as `supportedFormats`.
    """

    def __init__(
        self,
        message: str,
        *,
        status: int,
        code: str,
        request_id: str | None = None,
        retry_after: float | None = None,
        members: Mapping[str, Any] | None = None,
    ) -> None:
        super().__init__(message)
        self.status = status
        self.code = code
        self.request_id = request_id
        self.members = dict(members or {})
        self._retry_after = retry_after

    @property
    def is_transient(self) -> bool:
        """Whether waiting may help."""
        return self.status in _TRANSIENT

    @property
    def retry_after(self) -> float | None:
        """The seconds that the server asks us to wait, if it does."""
        return self._retry_after


class InvalidRequest(Refused):
    """The request cannot be served as it is; the message says what would work."""


class NotAllowed(Refused):
    """The API key is missing, or may not do this."""


class NotFound(Refused):
    """There is no such upload or job, or it is not ours, or it expired long ago."""


class TooSlow(Refused):
    """The body came too slowly: send less at once."""


class Conflict(Refused):
    """It does not fit the present state: other bytes under that index, not ready, still in use."""


class Expired(Refused):
    """Its time is over, and its files are deleted."""


class TooLarge(Refused):
    """The file is larger than the server takes; `members["limit"]` in bytes."""


class TooMany(Refused):
    """Too much at once, of requests or in all; `retry_after` tells when to come back."""


class Unavailable(Refused):
    """The server, or what it stands on, fails for now."""


_BY_STATUS: Mapping[int, type[Refused]] = {
    401: NotAllowed,
    403: NotAllowed,
    404: NotFound,
    408: TooSlow,
    409: Conflict,
    410: Expired,
    413: TooLarge,
    429: TooMany,
}


class _Problem(msgspec.Struct, rename="camel"):
    """What we read of a problem body."""

    code: str
    error: str
    request_id: str | None = None
    retry_after: float | None = None


_KNOWN = {"type", "title", "status", "detail", *_Problem.__struct_encode_fields__}


def refusal(status: int, body: bytes, headers: Mapping[str, str]) -> Refused:
    """Make the error of an answer: of its problem body, or of what else there is. Pure."""
    kind = _BY_STATUS.get(status, Unavailable if status >= SERVER_ERRORS else InvalidRequest)
    wait = _seconds(headers.get("Retry-After"))
    try:
        problem = msgspec.json.decode(body, type=_Problem)
        members = msgspec.json.decode(body, type=dict[str, Any])
    except msgspec.MsgspecError:  # of a proxy on the way, or of another program
        return kind(
            f"the server answered {status} {_phrase(status)} without saying why",
            status=status,
            code=f"http_{status}",
            request_id=headers.get("X-Request-Id"),
            retry_after=wait,
        )
    return kind(
        problem.error,
        status=status,
        code=problem.code,
        request_id=problem.request_id or headers.get("X-Request-Id"),
        retry_after=problem.retry_after if wait is None else wait,
        members={name: value for name, value in members.items() if name not in _KNOWN},
    )


def _seconds(text: str | None) -> float | None:
    """Read a Retry-After in seconds; wavemill sends no dates."""
    return float(text) if text is not None and text.isascii() and text.isdigit() else None


def _phrase(status: int) -> str:
    try:
        return HTTPStatus(status).phrase
    except ValueError:
        return ""
