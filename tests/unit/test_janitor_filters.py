"""What the janitor's command line reads and writes, without any store."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec import structs

from wavemill_common.jobs import Job, JobStatus
from wavemill_common.objects import ObjectInfo
from wavemill_common.options import ConvertOptions
from wavemill_common.queue.converters import ConverterStatus
from wavemill_common.queue.inspection import LaneReport, QueueReport, ServerReport
from wavemill_janitor.cli.filters import AgeRange, JobFilter, format_age, parse_age, parse_names
from wavemill_janitor.cli.findings import (
    Level,
    judge_converters,
    judge_jobs,
    judge_keys,
    judge_queue,
    judge_server,
    judge_space,
)
from wavemill_janitor.cli.parser import build_parser, shield_ids
from wavemill_janitor.orphans import Kind, Place, place_of, why_orphaned
from wavemill_janitor.output import clean, format_bytes, plain_table, record, redact, stamp

NOW = 1_800_000_000.0
GIB = 1 << 30


def a_job(**fields: object) -> Job:
    known: dict[str, object] = {
        "job_id": "job", "file_id": "file", "file_name": "a.wav", "input_key": "uploads/file.wav",
        "format": "mp3", "quality": "high", "created_at": NOW - 100, "updated_at": NOW,
        "expires_at": NOW + 1, "due_at": None,
    }  # fmt: skip
    return Job(**(known | fields))  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("text", "seconds"),
    [("90s", 90), ("15m", 900), ("2h", 7200), ("3d", 259_200), ("1.5h", 5400), ("0s", 0)],
)
def test_an_age_is_read_in_its_unit(text: str, seconds: float) -> None:
    assert parse_age(text) == seconds


@pytest.mark.parametrize(
    "text", ["", "5", "h", "-2h", "2 h", "2w", "2h30m", "1e3s", "\u0663h", ".5h"]
)
def test_what_is_no_age_is_refused_with_what_would_be(text: str) -> None:
    with pytest.raises(ValueError, match="90s, 15m, 2h, 3d"):
        parse_age(text)


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(0, "0s"), (59.4, "59s"), (59.6, "1m00s"), (125, "2m05s"), (11_400, "3h10m"),
     (360_000, "4d04h"), (-5, "0s"), (None, "-")],
)  # fmt: skip
def test_an_age_is_written_in_its_two_largest_units(seconds: float | None, text: str) -> None:
    assert format_age(seconds) == text


@given(st.floats(0, 1e9))
def test_every_age_can_be_written(seconds: float) -> None:
    assert format_age(seconds)


def test_states_are_read_one_or_several_and_a_wrong_one_is_named() -> None:
    assert parse_names("failed", JobStatus) == ["failed"]
    assert parse_names("failed, created", JobStatus) == ["failed", "created"]
    with pytest.raises(ValueError, match="'dead' is none of created, processing"):
        parse_names("failed,dead", JobStatus)


def test_each_term_of_a_filter_counts() -> None:
    job = a_job(owner="key:me", status=JobStatus.FAILED)
    fits = JobFilter(
        statuses=frozenset({JobStatus.FAILED}),
        formats=frozenset({"mp3"}),
        owner="key:me",
        age=AgeRange(older_than=99, newer_than=101),
    )
    assert fits.matches(job, NOW)
    assert JobFilter().matches(job, NOW)
    for wrong in (
        JobFilter(statuses=frozenset({JobStatus.CREATED})),
        JobFilter(formats=frozenset({"wav"})),
        JobFilter(owner=""),
        JobFilter(age=AgeRange(older_than=101)),
        JobFilter(age=AgeRange(newer_than=99)),
    ):
        assert not wrong.is_open
        assert not wrong.matches(job, NOW)


@pytest.mark.parametrize("owner", ["", "net:0f3a"])
def test_who_has_no_key_is_meant_by_an_empty_owner(owner: str) -> None:
    assert JobFilter(owner="").matches(a_job(owner=owner), NOW)


def test_a_tombstone_matches_no_filter() -> None:
    assert not JobFilter().matches(a_job(tombstone=True), NOW)


def test_only_a_filter_for_live_states_is_content_with_live_jobs() -> None:
    assert JobFilter(statuses=frozenset({JobStatus.CREATED})).only_live
    both = frozenset({JobStatus.CREATED, JobStatus.FAILED})
    assert not JobFilter(statuses=both).only_live
    assert not JobFilter().only_live


def test_a_name_cannot_steer_the_terminal() -> None:
    assert clean("a\x1b[2Jb\u202e\x9b\r.wav") == "a�[2Jb���.wav"
    assert clean("Lied für Léna 🎵\n") == "Lied für Léna 🎵\n"


def test_a_url_is_shown_without_what_may_be_secret() -> None:
    shown = redact("https://me:word@example.org:8443/hook?token=abc#x")
    assert shown == "https://example.org:8443/hook?…"
    assert redact("https://example.org/hook") == "https://example.org/hook"


def test_a_record_shows_times_as_people_read_them_and_no_secrets() -> None:
    shown = record({"createdAt": 0.0, "webhook": {"url": "https://h/x?key=1", "deliveredAt": None}})
    assert shown == {
        "createdAt": "1970-01-01T00:00:00Z",
        "webhook": {"url": "https://h/x?…", "deliveredAt": None},
    }
    assert stamp(None) is None


def test_columns_are_aligned_and_sizes_have_units() -> None:
    assert plain_table(("id", "size"), [("abc", "1"), ("d", "22")]) == [
        "ID   SIZE", "abc  1", "d    22",
    ]  # fmt: skip
    assert [format_bytes(size) for size in (0, 1023, 1024, 5 * GIB)] == [
        "0 B", "1023 B", "1.0 KiB", "5.0 GiB",
    ]  # fmt: skip


def test_an_id_that_begins_with_a_dash_is_no_option() -> None:
    dashed, plain = "-" + "a" * 31, "b" * 32
    asked = ["jobs", "cancel", plain, dashed, "--apply"]
    assert shield_ids(asked) == ["jobs", "cancel", "--apply", "--", plain, dashed]
    args = build_parser().parse_args(shield_ids(asked))
    assert (args.ids, args.apply) == ([plain, dashed], True)
    assert shield_ids(["jobs", "show", plain]) == ["jobs", "show", plain]
    owned = ["jobs", "cancel", dashed, "--owner", plain]
    assert shield_ids(owned) == ["jobs", "cancel", "--owner", plain, "--", dashed]


def test_every_command_has_help_with_examples_and_exit_codes(
    capsys: pytest.CaptureFixture[str],
) -> None:
    for words in (
        "run", "sweep", "doctor", "jobs list", "jobs show", "jobs requeue", "jobs cancel",
        "jobs expire", "uploads list", "uploads abort", "queue stats", "queue dead",
        "queue replay", "queue peek", "storage orphans", "storage usage", "webhooks redeliver",
    ):  # fmt: skip
        with pytest.raises(SystemExit) as end:
            build_parser().parse_args([*words.split(), "--help"])
        assert end.value.code == 0
        shown = capsys.readouterr().out
        assert f"wavemill-janitor {words}" in shown.split("examples:")[1]
        assert "exit codes:" in shown
        assert ("--json" in shown.split("examples:")[0]) is (words != "run")


# --- orphans ---


@pytest.mark.parametrize(
    ("key", "place"),
    [
        ("uploads/chunks/f-1/part-0", Place(Kind.CHUNK, "f-1")),
        ("uploads/chunks/f-1/piece-8400000", Place(Kind.CHUNK, "f-1")),
        ("uploads/chunks/f-1/whole-12", Place(Kind.CHUNK, "f-1")),
        ("uploads/chunks/f-1/staged-_x-Y1", Place(Kind.CHUNK, "f-1")),
        ("uploads/f-1.wav", Place(Kind.UPLOAD, "f-1")),
        ("conversions/j_1/3-0-abcdef12.mp3", Place(Kind.RESULT, "j_1", 3)),
        ("conversions/j_1/cover-0.png", Place(Kind.RESULT, "j_1")),
        ("uploads/notes/readme.txt", Place(Kind.FOREIGN, "")),
        ("conversions/readme", Place(Kind.FOREIGN, "")),
    ],
)
def test_a_key_says_whose_it_is(key: str, place: Place) -> None:
    assert place_of(key) == place


def test_a_running_attempts_result_is_no_orphan_but_a_lost_attempts_is() -> None:
    job = a_job(status=JobStatus.PROCESSING, attempt=2)
    for attempt, orphaned in ((1, True), (2, False), (3, False)):
        key = f"conversions/job/{attempt}-0-abcdef12.mp3"
        why = why_orphaned(ObjectInfo(key, 1, NOW, "e"), place_of(key), job)
        assert (why is not None) is orphaned


def test_a_cover_that_came_with_a_job_is_no_orphan_while_the_job_names_it() -> None:
    key = "conversions/job/cover-0.png"
    info = ObjectInfo(key, 1, NOW, "e")
    with_cover = structs.replace(a_job(), options=ConvertOptions(cover=key))
    assert why_orphaned(info, place_of(key), with_cover) is None
    assert why_orphaned(info, place_of(key), None) is not None


# --- findings ---


def converter(**fields: object) -> ConverterStatus:
    known: dict[str, object] = {
        "name": "one", "ffmpeg_version": "7.1", "formats": ("mp3",), "slots": 2, "running": 1,
    }  # fmt: skip
    return ConverterStatus(**(known | fields))  # type: ignore[arg-type]


def test_what_is_wrong_with_a_server_is_told_with_what_to_do() -> None:
    good = ServerReport(version="7.2.4", eviction="noeviction", append_only=True, clock_ahead=1.9)
    assert {check.level for check in judge_server(good)} == {Level.OK}
    bad = ServerReport(version="6.2.1", eviction="allkeys-lru", append_only=False, clock_ahead=-2.1)
    checks = judge_server(bad)
    assert {check.level for check in checks} == {Level.FINDING}
    assert all(check.advice for check in checks)


def test_formats_that_nobody_makes_are_listed() -> None:
    checks = {check.name: check for check in judge_converters([converter()])}
    assert checks["formats"].level is Level.FINDING
    assert "m4a" in checks["formats"].message
    assert "mp3" not in checks["formats"].message
    assert checks["ffmpeg"].level is Level.OK


def test_no_converter_and_a_converter_without_ffmpeg_are_findings() -> None:
    assert judge_converters([])[0].level is Level.FINDING
    checks = {check.name: check for check in judge_converters([converter(ffmpeg_version=None)])}
    assert checks["ffmpeg"].level is Level.FINDING


def test_an_empty_redis_has_no_groups_and_no_epoch() -> None:
    lane = LaneReport(lane="bulk", waiting=0, pending=0, has_group=False)
    empty = QueueReport(lanes=(lane,), consumers=(), delayed=0, dead=2, epoch=None)
    assert [check.level for check in judge_queue(empty)] == [Level.FINDING] * 3


def test_thresholds_decide_about_space_keys_and_jobs() -> None:
    assert judge_space(3 * GIB, 2 * GIB).level is Level.OK
    assert judge_space(GIB, 2 * GIB).level is Level.FINDING
    assert judge_keys([], 10).level is Level.OK
    assert judge_keys(["a"] * 10, 10).message.startswith("10 or more")
    assert [one.level for one in judge_jobs(0, 60.0, 0)] == [Level.OK] * 3
    assert [one.level for one in judge_jobs(1, 1e4, 1)] == [Level.FINDING] * 3
