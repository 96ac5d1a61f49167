"""Whose is what: callers, their accounts, and what each may use."""

import pytest

from wavemill_gateway.access.caller import ANYONE, Caller
from wavemill_gateway.access.ownership import may_use, may_use_job

HERE, THERE = Caller(network="203.0.113.7"), Caller(network="198.51.100.1")
MINE, YOURS = Caller(network="203.0.113.7", key_id="a"), Caller(network="203.0.113.7", key_id="b")


def test_a_key_is_its_own_account_wherever_it_calls_from() -> None:
    assert MINE.account == MINE.owner(b"secret") == "key:a"
    assert HERE.account == "net:203.0.113.7"


def test_no_address_is_kept_but_the_same_network_is_the_same_owner() -> None:
    owner = HERE.owner(b"secret")
    assert owner.startswith("net:")
    assert "203.0.113.7" not in owner
    assert owner == Caller(network="203.0.113.7").owner(b"secret")
    assert owner not in {THERE.owner(b"secret"), HERE.owner(b"another")}


def test_what_is_a_keys_is_for_that_key_alone() -> None:
    owner = MINE.owner(b"secret")
    assert may_use(MINE, owner)
    assert not any(may_use(one, owner) for one in (YOURS, HERE, THERE, ANYONE))


@pytest.mark.parametrize("owner", ["", HERE.owner(b"secret")])
def test_what_is_nobodys_is_for_whoever_holds_its_id(owner: str) -> None:
    assert all(may_use(one, owner) for one in (MINE, YOURS, HERE, THERE, ANYONE))


def test_a_token_opens_a_job_and_no_upload() -> None:
    bearer = Caller(network="198.51.100.1", granted=frozenset({"job"}))
    assert may_use_job(bearer, "job", "key:a")
    assert not may_use_job(bearer, "other", "key:a")
    assert not may_use_job(bearer, "other", "")
    assert not may_use(bearer, "key:a")


def test_nobody_can_pass_for_a_key_by_the_name_of_a_network() -> None:
    assert not may_use(Caller(network="key:a"), "key:a")
