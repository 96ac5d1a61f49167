"""What every error of the HTTP interface has to look like."""

from collections.abc import Mapping
from http import HTTPStatus
from typing import Any

Reply = tuple[int, dict[str, Any], Mapping[str, str]]


def assert_problem(reply: Reply, status: int, code: str) -> dict[str, Any]:
    """Check that a reply is this error, told as the interface tells errors; return its body."""
    found, body, headers = reply
    assert (found, body.get("code")) == (status, code), body
    assert headers["Content-Type"].startswith("application/problem+json")
    assert body["status"] == status
    assert body["title"] == HTTPStatus(status).phrase
    assert body["error"]
    assert body["requestId"] == headers["X-Request-Id"]
    return body
