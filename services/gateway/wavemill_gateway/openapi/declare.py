"""What is declared of a route: what it takes, what it answers, how it may fail."""

from collections.abc import Mapping
from typing import Any

from msgspec import Struct, field

from wavemill_common.errors import AppError

JSON = "application/json"
PROBLEM = "application/problem+json"
FORM = "multipart/form-data"
BYTES = "application/octet-stream"
REF = "#/components/schemas/{name}"

Shape = Any  # a type that msgspec describes, or a JSON Schema as it is
Failure = type[AppError] | tuple[int, str]  # a class, or the status and code of the framework's


class Parameter(Struct, frozen=True, kw_only=True):
    """A value in the path, the query or a header."""

    name: str
    where: str = "query"
    what: str
    schema: Mapping[str, Any] = field(default_factory=lambda: {"type": "string"})
    required: bool = False


class Body(Struct, frozen=True, kw_only=True):
    """What may be sent: one of the content types that a route reads."""

    content_type: str = JSON
    shape: Shape


class Answer(Struct, frozen=True, kw_only=True):
    """A success; `shape` None for one without a body."""

    status: int = 200
    what: str
    shape: Shape = None
    content_type: str = JSON
    headers: Mapping[str, str] = {}


class Endpoint(Struct, frozen=True, kw_only=True):
    """A route as the interface shows it.

    `keyed`: an API key is asked for, where keys are. `signed`: a token in the query does, too.
    `example` is a line for the shell.
    """

    method: str
    path: str
    name: str
    tag: str
    summary: str
    details: str = ""
    parameters: tuple[Parameter, ...] = ()
    bodies: tuple[Body, ...] = ()
    answers: tuple[Answer, ...]
    failures: tuple[Failure, ...] = ()
    keyed: bool = True
    signed: bool = False
    example: str = ""


def described(failure: Failure) -> tuple[int, str]:
    """The status and the code of a failure."""
    return failure if isinstance(failure, tuple) else (failure.status, failure.code)
