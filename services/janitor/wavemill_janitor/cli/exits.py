"""Exits: how a command ends, as a number for scripts and a sentence for people."""

from typing import ClassVar

from wavemill_common.connections import REDIS_ERRORS
from wavemill_common.errors import (
    AppError,
    JobStoreForbidden,
    JobStoreUnavailable,
    StorageForbidden,
    Throttled,
    Unavailable,
)

OK = 0
FAILED = 1
USAGE = 2
FINDINGS = 3
DEPENDENCY_DOWN = 4
INTERRUPTED = 130

OUTAGES = (Unavailable, StorageForbidden, *REDIS_ERRORS)  # what a dependency that is down raises

_ADVICE = {
    "storage_unavailable": "see that its disk or server is up; `doctor` tests it",
    "storage_forbidden": "give this user the right to read and write there",
    "insufficient_storage": "free some space, then run this again",
    "job_store_unavailable": "see that the file's disk is there and that nobody locks it",
    "throttled": "wait a minute, then run this again",
}


class CommandError(Exception):
    """A command cannot be carried out; the message says why and what would work."""

    status: ClassVar[int] = FAILED
    code: ClassVar[str] = "failed"


class UsageError(CommandError):
    """The command line asks for something that makes no sense."""

    status, code = USAGE, "usage"


class DependencyDown(CommandError):
    """Something that is needed does not answer: which, why, and what to do."""

    status, code = DEPENDENCY_DOWN, "dependency_down"


def explain(error: BaseException) -> CommandError:
    """Turn what a store or Redis raised into what a command ends with. Holds no secrets."""
    if isinstance(error, CommandError):
        return error
    if isinstance(error, (Unavailable, StorageForbidden)):
        of_records = isinstance(error, JobStoreUnavailable | JobStoreForbidden | Throttled)
        which = "the job store" if of_records else "the object store"
        advice = _ADVICE.get(error.code, "run `wavemill-janitor doctor`")
        more = "" if "; " in error.message else f"; {advice}"  # some know better themselves
        return DependencyDown(f"{which} is down: {error.message}{more}")
    if isinstance(error, AppError):
        return CommandError(error.message)
    if isinstance(error, REDIS_ERRORS):
        return DependencyDown(
            f"Redis is down: {first_line(error)}; start it (embedded: `wavemill up`), or see that "
            "REDIS_URL or DATA_DIR names the one that wavemill uses, and REDIS_TLS how"
        )
    return CommandError(f"unexpected {type(error).__name__}: {first_line(error)}")


def first_line(error: BaseException) -> str:
    """What an error says, on one line."""
    return (str(error).strip() or type(error).__name__).splitlines()[0][:300]
