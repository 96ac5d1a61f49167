"""Tokens of links: for one thing, one job, one key, one hour; whatever is altered opens nothing."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from support.records import a_job
from wavemill_common.errors import InvalidToken, TokenExpired
from wavemill_gateway.access.caller import ANYONE, Caller
from wavemill_gateway.access.links import links_of
from wavemill_gateway.access.tokens import GOOD_FOR, Grant, Purpose, Tokens
from wavemill_gateway.wire import without_query

NOW = 1_800_000_000.0
KEY = "0123456789ab"
JOB, OTHER = "j" * 32, "o" * 32


def tokens(secret: bytes = b"secret", now: float = NOW) -> Tokens:
    return Tokens(secret, lambda: now)


def a_token(purpose: Purpose = Purpose.EVENTS, job_id: str = JOB, key_id: str = KEY) -> str:
    return tokens().sign(purpose, job_id, key_id)


def test_a_token_opens_its_job_among_several() -> None:
    assert tokens().read(Purpose.EVENTS, [OTHER, JOB], a_token()) == Grant(JOB, KEY)


def test_a_token_opens_nothing_else() -> None:
    for purpose, job_ids in ((Purpose.DOWNLOAD, [JOB]), (Purpose.EVENTS, [OTHER]),
                             (Purpose.EVENTS, [])):  # fmt: skip
        with pytest.raises(InvalidToken):
            tokens().read(purpose, job_ids, a_token())


def test_a_token_of_another_secret_opens_nothing() -> None:
    with pytest.raises(InvalidToken):
        tokens(b"another").read(Purpose.EVENTS, [JOB], a_token())


def test_a_token_is_good_for_an_hour_and_says_then_how_to_get_another() -> None:
    token = a_token()
    assert tokens(now=NOW + GOOD_FOR - 1).read(Purpose.EVENTS, [JOB], token).job_id == JOB
    with pytest.raises(TokenExpired, match=r"GET /api/jobs/\{jobId\}"):
        tokens(now=NOW + GOOD_FOR).read(Purpose.EVENTS, [JOB], token)


def test_whose_and_until_when_cannot_be_rewritten() -> None:
    expiry, key_id, mac = a_token().split(".")
    for forged in (f"{int(expiry) + 1}.{key_id}.{mac}", f"{expiry}.ba9876543210.{mac}",
                   f"0{expiry}.{key_id}.{mac}"):  # fmt: skip
        with pytest.raises(InvalidToken):
            tokens().read(Purpose.EVENTS, [JOB], forged)


@given(st.data())
def test_no_altered_token_opens_anything(data: st.DataObject) -> None:
    token = a_token()
    place = data.draw(st.integers(0, len(token) - 1))
    letter = data.draw(st.characters())
    altered = token[:place] + letter + token[place + 1 :]
    if altered != token:
        with pytest.raises(InvalidToken):
            tokens().read(Purpose.EVENTS, [JOB], altered)


@given(st.text())
def test_no_text_of_any_kind_is_more_than_refused(text: str) -> None:
    with pytest.raises(InvalidToken):
        tokens().read(Purpose.EVENTS, [JOB], text)


def test_links_are_signed_for_whoever_has_a_key_and_bare_for_others() -> None:
    bare = links_of(a_job(JOB), tokens(), ANYONE)
    assert (bare.events_url, bare.download_url) == (
        f"/api/events?jobId={JOB}",
        f"/api/download?jobId={JOB}",
    )
    signed = links_of(a_job(JOB), tokens(), Caller(network="here", key_id=KEY))
    assert signed.progress_url == f"/api/progress?jobId={JOB}"
    assert signed.events_url == f"{bare.events_url}&token={a_token()}"
    assert signed.download_url == f"{bare.download_url}&token={a_token(Purpose.DOWNLOAD)}"


def test_a_token_is_left_out_of_what_is_logged() -> None:
    line = f"Bad request: b'GET /api/events?jobId={JOB}&token={a_token()} HTTP/1.1'"
    assert without_query(line) == "Bad request: b'GET /api/events?… HTTP/1.1'"
