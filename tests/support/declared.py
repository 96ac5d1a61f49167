"""What /openapi.json declares, held against every answer that a test's client gets."""

import re
from collections.abc import Mapping
from functools import cache
from typing import Any

import jsonschema_rs

from wavemill_gateway.openapi.declare import JSON, PROBLEM
from wavemill_gateway.openapi.document import build

Operation = Mapping[str, Any]


def assert_declared(method: str, path: str, status: int, content_type: str, body: Any) -> None:
    """Fail where an answer is none of those declared: its status, its code, the form of its body.

    Whatever leads to no operation is not judged.
    """
    found = _operation(method, path.partition("?")[0])
    if found is None:
        return
    name, operation = found
    content = operation["responses"].get(str(status), {}).get("content", {})
    assert str(status) in operation["responses"], f"{name} may not answer {status}: {body}"
    if content_type in (JSON, PROBLEM) and body:
        assert content_type in content, f"{name} may not answer {status} as {content_type}: {body}"
        errors = list(_validator(name, status, content_type).iter_errors(body))
        assert not errors, f"{name} may not answer {status} with {body}: {errors[0]}"


def operation_names() -> set[str]:
    """All operations, as `GET /api/formats`."""
    return set(_operations())


@cache
def _document() -> dict[str, Any]:
    return build()


@cache
def _operations() -> dict[str, tuple[re.Pattern[str], Operation]]:
    return {
        f"{method.upper()} {path}": (re.compile(re.sub(r"{\w+}", "[^/]+", path)), operation)
        for path, methods in _document()["paths"].items()
        for method, operation in methods.items()
    }


def _operation(method: str, path: str) -> tuple[str, Operation] | None:
    for name, (pattern, operation) in _operations().items():
        if name.startswith(f"{method} ") and pattern.fullmatch(path):
            return name, operation
    return None


@cache
def _validator(name: str, status: int, content_type: str) -> jsonschema_rs.Draft202012Validator:
    responses = _operations()[name][1]["responses"]
    schema = responses[str(status)]["content"][content_type]["schema"]
    return jsonschema_rs.Draft202012Validator(
        {"allOf": [schema], "components": _document()["components"]}
    )
