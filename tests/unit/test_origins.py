"""A page of another site changes nothing; our own page works behind any proxy."""

import pytest

from wavemill_gateway.access.origins import is_foreign

ALLOWED = frozenset({"https://good.example"})
EVIL = "https://evil.example"


@pytest.mark.parametrize(
    "headers",
    [
        {},  # curl, scripts, other servers
        {"Host": "a.example"},
        {"Host": "127.0.0.1:8080", "Origin": "http://127.0.0.1:8080"},
        {"Host": "127.0.0.1:8080", "Origin": "http://127.0.0.1:8080", "Sec-Fetch-Site": "none"},
        {"Host": "A.example", "Origin": "https://a.example"},  # TLS ends at the proxy
        {"Host": "10.0.0.5:8080", "Origin": "https://a.example", "X-Forwarded-Host": "a.example"},
        {"Host": "wavemill", "Origin": "https://a.example", "Sec-Fetch-Site": "same-origin"},
        {"Host": "a.example", "Origin": "https://good.example", "Sec-Fetch-Site": "cross-site"},
        {"Host": "a.example", "Origin": "https://good.example"},
    ],
)
def test_this_may_change_something(headers: dict[str, str]) -> None:
    assert not is_foreign(headers, ALLOWED)


@pytest.mark.parametrize(
    "headers",
    [
        {"Host": "a.example", "Sec-Fetch-Site": "cross-site"},
        {"Host": "a.example", "Origin": EVIL},
        {"Host": "a.example", "Origin": EVIL, "Sec-Fetch-Site": "cross-site"},
        {"Host": "a.example", "Origin": "https://b.a.example", "Sec-Fetch-Site": "same-site"},
        {"Host": "localhost:8080", "Origin": "http://localhost:3000"},
        {"Host": "a.example", "Origin": "null"},
        {"Host": "", "Origin": "https://"},
        {"Origin": "https://good.example.evil.example"},
        {"Host": "a.example", "Origin": "http://good.example"},  # another scheme is another site
        {"Host": "a.example", "Origin": "http://[::1"},
    ],
)
def test_this_may_not(headers: dict[str, str]) -> None:
    assert is_foreign(headers, ALLOWED)
