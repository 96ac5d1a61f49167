"""What the proxy reads in a request, and what it answers."""

import pytest

from wavemill_converter.store.proxy import Request, parse_request, response_head


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("GET /tok HTTP/1.1\r\nHost: x\r\n\r\n", Request("tok")),
        ("GET /tok HTTP/1.1\r\nRange: bytes=0-\r\n\r\n", Request("tok", 0)),
        ("GET /tok HTTP/1.1\r\nrange: bytes=10-19\r\n\r\n", Request("tok", 10, 19)),
        ("POST /tok HTTP/1.1\r\n\r\n", None),
        ("GET /tok", None),
        ("", None),
    ],
)
def test_a_request_is_a_token_and_perhaps_a_range(text: str, expected: Request | None) -> None:
    assert parse_request(text.encode()) == expected


def test_a_whole_object_is_answered_with_its_length() -> None:
    assert b"200 OK" in response_head(Request("t"), 0, 100, 100)
    assert b"Content-Length: 100\r\n" in response_head(Request("t"), 0, 100, 100)


def test_a_range_is_answered_with_what_it_is_of() -> None:
    head = response_head(Request("t", 10, 19), 10, 20, 100)
    assert b"206 Partial" in head
    assert b"Content-Range: bytes 10-19/100" in head
    assert b"Content-Length: 10\r\n" in head


def test_a_range_beyond_the_end_is_refused() -> None:
    assert b"416" in response_head(Request("t", 100), 100, 100, 100)


def test_a_connection_ends_with_the_object_and_not_before() -> None:
    assert b"Connection: close\r\n" in response_head(Request("t", 10, 99), 10, 100, 100)
    assert b"Connection: close" not in response_head(Request("t", 10, 19), 10, 20, 100)
