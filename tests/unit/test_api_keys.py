"""API keys: random, recognisable, known by their hash; and what a request's header bears."""

import re

import pytest

from wavemill_common.api_keys import ApiKey, digest_of, id_of, new_key
from wavemill_gateway.access.gate import bearer

NOW = 1_800_000_000.0
KEY = "wm_0123456789ab_" + "x" * 43


def record_of(key: str, expires_at: float | None = None) -> ApiKey:
    return ApiKey(
        key_id=id_of(key) or "",
        name="mine",
        digest=digest_of(key),
        created_at=NOW,
        expires_at=expires_at,
    )


def test_a_key_can_be_recognised_and_has_256_random_bits() -> None:
    keys = {new_key() for _ in range(1000)}
    assert len(keys) == 1000
    assert all(re.fullmatch(r"wm_[0-9a-f]{12}_[A-Za-z0-9_-]{43}", key) for key in keys)
    assert all(id_of(key) == key[3:15] for key in keys)


@pytest.mark.parametrize(
    "text",
    ["", "wm_", "wm_0123456789ab_", "wm_0123456789ab_" + "x" * 42, "x" * 59, "Wm" + KEY[2:],
     KEY + "\n", KEY + "x", "wm_0123456789AB_" + "x" * 43, KEY[:-1] + "é"],
)  # fmt: skip
def test_what_is_no_key_has_no_id(text: str) -> None:
    assert id_of(KEY) == "0123456789ab"
    assert id_of(text) is None


def test_a_record_fits_its_own_key_only_and_does_not_hold_it() -> None:
    key = new_key()
    other = key[:-1] + ("A" if key[-1] != "A" else "B")
    record = record_of(key)
    assert record.fits(key)
    assert not record.fits(other)
    assert not record.fits(new_key())
    assert key[16:] not in repr(record)


def test_a_key_is_good_until_it_expires_or_is_revoked() -> None:
    key = record_of(new_key(), expires_at=NOW + 10)
    assert key.is_good(NOW + 9)
    assert not key.is_good(NOW + 10)
    revoked = key.revoked(NOW + 1)
    assert not revoked.is_good(NOW + 1)
    assert revoked.revoked(NOW + 5) == revoked


@pytest.mark.parametrize(
    ("header", "borne"),
    [("Bearer abc", "abc"), ("bearer  abc ", "abc"), ("BEARER abc", "abc"), ("Bearer ", ""),
     ("Basic abc", None), ("", None), ("Bearer", None), ("abc", None)],
)  # fmt: skip
def test_a_header_bears_a_key_after_its_scheme(header: str, borne: str | None) -> None:
    assert bearer(header) == borne
