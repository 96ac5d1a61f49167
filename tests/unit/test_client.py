"""The client's pure parts: errors from problems, pauses, events, names."""

import json
from pathlib import Path

import pytest

from wavemill_client.errors import (
    Conflict,
    InvalidRequest,
    ServerUnreachable,
    TooMany,
    Unavailable,
    refusal,
)
from wavemill_client.names import paths_in, safe_name
from wavemill_client.parts import part_path
from wavemill_client.retry import Retry
from wavemill_client.sse import Event, EventParser
from wavemill_client.upload import to_send
from wavemill_client.values import Output, Upload


def problem(status: int, **members: object) -> bytes:
    base = {"type": "about:blank", "status": status, "title": "-", "detail": "-"}
    return json.dumps({**base, **members}).encode()


def test_a_problem_becomes_an_error_of_its_kind_with_all_that_it_tells() -> None:
    body = problem(409, code="upload_incomplete", error="parts miss", requestId="r1", missing=[2])

    error = refusal(409, body, {})

    assert isinstance(error, Conflict)
    assert (error.status, error.code, error.message) == (409, "upload_incomplete", "parts miss")
    assert error.request_id == "r1"
    assert error.members == {"missing": [2]}
    assert not error.is_transient


def test_a_retry_after_is_read_from_the_header_or_the_body() -> None:
    body = problem(429, code="rate_limited", error="slower", retryAfter=7)

    assert refusal(429, body, {}).retry_after == 7
    assert refusal(429, body, {"Retry-After": "9"}).retry_after == 9
    assert isinstance(refusal(429, body, {}), TooMany)


def test_an_answer_that_is_no_problem_is_an_error_all_the_same() -> None:
    error = refusal(502, b"<h1>Bad Gateway</h1>", {})

    assert isinstance(error, Unavailable)
    assert (error.code, error.is_transient) == ("http_502", True)
    assert "502 Bad Gateway" in error.message


def test_pauses_grow_to_their_cap_and_half_of_each_is_luck() -> None:
    policy, error = Retry(tries=9, base=1, cap=4), ServerUnreachable("away")

    assert [policy.pause(n, error, 1.0) for n in (1, 2, 3, 4)] == [1, 2, 4, 4]
    assert [policy.pause(n, error, 0.0) for n in (1, 2, 3, 4)] == [0.5, 1, 2, 2]
    assert policy.pause(9, error, 0.5) is None


def test_a_server_that_asks_for_a_pause_gets_it_and_one_that_asks_for_an_hour_is_left() -> None:
    policy = Retry(base=0.5)

    def asks(seconds: int) -> TooMany:
        return TooMany("slower", status=429, code="rate_limited", retry_after=seconds)

    assert policy.pause(1, asks(20), 0.0) == 20
    assert policy.pause(1, asks(20), 1.0) == 20.5
    assert policy.pause(1, asks(3600), 0.0) is None


def test_what_no_waiting_mends_is_not_tried_again() -> None:
    assert Retry().pause(1, InvalidRequest("no", status=400, code="x"), 0.0) is None


@pytest.mark.parametrize("size", [1, 2, 7, 1000])
def test_events_are_read_however_they_are_cut(size: int) -> None:
    stream = (
        b': hello\n\nid: a:1\nevent: progress\ndata: {"a"\ndata: :1}\n\r\nretry: 5\n\ndata: x\n\n'
    )
    parser, found = EventParser(), list[Event]()

    for start in range(0, len(stream), size):
        found += parser.feed(stream[start : start + size])

    assert found == [Event("progress", '{"a"\n:1}'), Event("message", "x")]


def an_upload(received: str) -> Upload:
    return Upload(
        file_id="f",
        file_name="a.wav",
        size=6,
        chunk_size=1,
        total_chunks=6,
        received=received,
        complete=False,
        expires_at="",
    )


def test_what_is_missing_of_an_upload_is_read_from_its_ranges() -> None:
    assert an_upload("0-1,4").missing == [2, 3, 5]


@pytest.mark.parametrize(
    ("received", "order"),
    [("", [0, 5, 1, 2, 3, 4]), ("0-3", [0, 4, 5]), ("0-4", [0, 5]), ("1,4", [1, 0, 5, 2, 3])],
)
def test_the_last_chunk_goes_second_and_one_that_is_there_goes_first(
    received: str, order: list[int]
) -> None:
    assert to_send(an_upload(received)) == order


@pytest.mark.parametrize(
    ("told", "kept"),
    [
        ("talk.mp3", "talk.mp3"),
        ("../../etc/passwd", "passwd"),
        ("C:\\x\\talk.mp3", "talk.mp3"),
        ("..", "result"),
        ("", "result"),
        ("a\x00\n\x1b[31mb.mp3", "a[31mb.mp3"),
    ],
)
def test_a_name_from_a_server_never_leaves_its_folder(told: str, kept: str) -> None:
    assert safe_name(told) == kept


def test_results_of_the_same_name_are_numbered() -> None:
    outputs = [output("Song.mp3"), output("song.mp3"), output("x.mp3")]
    names = [path.name for path in paths_in(Path("d"), outputs)]
    assert names == ["Song.mp3", "song (2).mp3", "x.mp3"]


def test_a_part_file_belongs_to_one_result_and_its_name_fits_any_disk() -> None:
    path = part_path(Path("d") / ("ü" * 125 + ".mp3"), output("x"))
    assert path.name.endswith(".0123456789ab.part")
    assert len(path.name.encode()) <= 255


def output(name: str) -> Output:
    return Output(
        format="mp3", file_name=name, mime="audio/mpeg", size=1, sha256="0123456789abcdef"
    )
