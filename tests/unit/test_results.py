"""Which files a job becomes: their plans, their names, and how they share runs of ffmpeg."""

from typing import Any

import pytest
from msgspec import structs

from wavemill_common.errors import InvalidOption, LimitExceeded
from wavemill_common.jobs import Job
from wavemill_common.media import Chapter, MediaInfo
from wavemill_common.options import ConvertOptions, Wanted
from wavemill_converter.plan.results import AT_ONCE, Result, clock_of, plan_results, runs
from wavemill_converter.probe.limits import Limits
from wavemill_converter.probe.source import Probed

BOOK = Probed(
    media=MediaInfo(
        duration=300.0,
        chapters=(
            Chapter(0.0, 100.0, "Intro"),
            Chapter(100.0, 250.0, "Who/what: why?"),
            Chapter(250.0, 300.0),
        ),
    ),
    demuxer="mov",
    layout="stereo",
    channels=2,
    sample_rate=44_100,
    bits=32,
    floating=True,
    lossless=False,
    size=5_000_000,
    duration_exact=True,
)


def job(*wanted: Wanted) -> Job:
    first, *more = wanted
    return Job(
        job_id="j",
        file_id="f",
        file_name="A book.m4b",
        input_key="uploads/f.m4b",
        format=first.format,
        quality=first.quality,
        options=first.options,
        more=tuple(more),
        created_at=0,
        updated_at=0,
        expires_at=1,
        due_at=None,
        attempt=1,
        claim_id="claim",
    )


def want(target: str, quality: str = "standard", **options: Any) -> Wanted:
    return Wanted(format=target, quality=quality, options=ConvertOptions(**options))


def planned(*wanted: Wanted, source: Probed = BOOK) -> tuple[Result, ...]:
    return plan_results(job(*wanted), source, Limits())


def test_every_result_has_a_number_a_key_and_a_name_of_its_own() -> None:
    results = planned(want("mp3"), want("opus"), want("mp3", "320k"), want("alac"), want("m4a"))

    assert [one.number for one in results] == [0, 1, 2, 3, 4]
    assert len({one.key for one in results}) == 5
    assert [one.file_name for one in results] == [
        "A book.mp3", "A book.opus", "A book (2).mp3", "A book.m4a", "A book (2).m4a",
    ]  # fmt: skip


def test_split_by_chapters_each_part_is_trimmed_named_and_tagged() -> None:
    results = planned(want("mp3", split="chapters", fade_in=1.0, fade_out=1.0))

    assert [one.file_name for one in results] == [
        "A book - 01 Intro.mp3", "A book - 02 Who what why.mp3", "A book - 03 Chapter 3.mp3",
    ]  # fmt: skip
    assert [one.plan.duration for one in results] == [100, 150, 50]
    assert [one.options.metadata["track"] for one in results] == ["1/3", "2/3", "3/3"]
    assert [one.options.metadata["title"] for one in results][2] == "Chapter 3"
    assert [one.options.fade_in for one in results] == [1, None, None]
    assert [one.options.fade_out for one in results] == [None, None, 1]


def test_split_and_trimmed_only_what_is_left_of_the_chapters_is_made() -> None:
    results = planned(want("wav", split="chapters", trim_start=90, trim_end=260))
    assert [(one.options.trim_start, one.options.trim_end) for one in results] == [
        (90, 100), (100, 250), (250, 260),
    ]  # fmt: skip


def test_a_file_without_chapters_cannot_be_split_by_them() -> None:
    plain = structs.replace(BOOK, media=MediaInfo(duration=300.0))
    with pytest.raises(InvalidOption, match="no chapters"):
        planned(want("mp3", split="chapters"), source=plain)


def test_one_result_that_is_too_large_refuses_the_job() -> None:
    with pytest.raises(LimitExceeded):
        plan_results(job(want("mp3"), want("wav")), BOOK, Limits(max_output_bytes=20_000_000))


def test_results_share_runs_but_not_more_than_a_run_can_carry() -> None:
    results = planned(*[want("mp3")] * (2 * AT_ONCE + 1))
    assert [len(one) for one in runs(results)] == [AT_ONCE, AT_ONCE, 1]


def test_the_source_is_the_clock_where_the_results_begin_at_different_times() -> None:
    assert clock_of(planned(want("mp3"), want("opus"))) is None
    assert clock_of(planned(want("mp3", trim_start=10.0))) is None
    assert clock_of(planned(want("mp3", trim_start=200.0, trim_end=210.0))) == 210
    assert clock_of(planned(want("mp3", split="chapters"))) == 300
