"""Event ids: `jobId:revision,…`, read back from whatever a client sends as Last-Event-ID."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wavemill_gateway.events import MAX_JOBS, parse_event_id

IDS = st.text("abcXYZ019_-", min_size=1, max_size=64)


@given(seen=st.dictionaries(IDS, st.integers(0, 10**12), max_size=MAX_JOBS))
def test_what_was_told_is_read_back(seen: dict[str, int]) -> None:
    text = ",".join(f"{job_id}:{revision}" for job_id, revision in seen.items())
    assert parse_event_id(text) == seen


@pytest.mark.parametrize(
    ("text", "seen"),
    [
        ("", {}),
        ("a", {}),
        ("a:", {}),
        ("a:-1", {}),
        ("a:1.5", {}),
        ("a:\u0661", {}),
        ("a:x,b:2", {"b": 2}),
        (",,b:2,", {"b": 2}),
        ("a:1,a:2", {"a": 2}),
    ],
)
def test_what_is_malformed_counts_as_not_seen(text: str, seen: dict[str, int]) -> None:
    assert parse_event_id(text) == seen


@given(text=st.text() | st.just("a:" + "9" * 10_000))
def test_any_text_is_read_without_a_crash(text: str) -> None:
    assert len(parse_event_id(text)) <= MAX_JOBS
