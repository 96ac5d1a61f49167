"""Uploads: how many chunks, which bytes, which state after which."""

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wavemill_common.uploads import (
    COMPLETION_TAKEOVER,
    Upload,
    UploadState,
    count_chunks,
    describe_ranges,
)

NOW = 1_800_000_000.0


def an_upload(size: int | None = 20, chunk_size: int = 8) -> Upload:
    return Upload(
        file_id="file",
        file_name="a.wav",
        size=size,
        chunk_size=chunk_size,
        storage_key="uploads/file.wav",
        created_at=NOW,
        expires_at=NOW + 100,
    )


@given(size=st.integers(1, 10**12), chunk_size=st.integers(1, 10**9))
def test_the_chunks_make_exactly_the_file(size: int, chunk_size: int) -> None:
    upload = an_upload(size, chunk_size)
    last = upload.total_chunks - 1
    assert upload.total_chunks == count_chunks(size, chunk_size) >= 1
    assert last * chunk_size + upload.chunk_length(last) == size
    assert 1 <= upload.chunk_length(last) <= chunk_size
    assert last == 0 or upload.chunk_length(0) == chunk_size


def test_an_upload_of_unknown_size_has_no_chunks_yet() -> None:
    assert an_upload(size=None).total_chunks == 0


def test_chunks_lie_below_the_prefix_of_their_upload() -> None:
    upload = an_upload()
    assert upload.chunk_key(2) == "uploads/chunks/file/part-2"
    assert upload.chunk_key(2).startswith(upload.chunks_prefix)


def test_every_change_makes_the_next_revision() -> None:
    upload = an_upload()
    changed = (
        upload.completing(NOW),
        upload.reopened(),
        upload.completed(20, None, None),
        upload.aborted(),
        upload.used_by("job", (), NOW),
    )
    assert {one.revision for one in changed} == {upload.revision + 1}


def test_a_completion_leads_to_a_complete_upload() -> None:
    completing = an_upload(size=None).completing(NOW)
    assert (completing.state, completing.completing_at) == (UploadState.COMPLETING, NOW)
    complete = completing.completed(20, "a" * 64, None)
    assert (complete.is_complete, complete.size, complete.sha256) == (True, 20, "a" * 64)
    assert complete.completing_at is None


def test_a_completion_that_could_not_be_carried_out_may_begin_again() -> None:
    reopened = an_upload().completing(NOW).reopened()
    assert reopened.state is UploadState.OPEN
    assert reopened.may_complete(NOW)


def test_a_crashed_completion_may_be_taken_over_after_a_while() -> None:
    completing = an_upload().completing(NOW)
    assert not completing.may_complete(NOW + COMPLETION_TAKEOVER - 0.1)
    assert completing.may_complete(NOW + COMPLETION_TAKEOVER)


@pytest.mark.parametrize("ended", [an_upload().aborted(), an_upload().completed(20, None, None)])
def test_an_upload_that_has_ended_is_not_completed(ended: Upload) -> None:
    assert not ended.may_complete(NOW + 10 * COMPLETION_TAKEOVER)


def test_an_upload_lives_as_long_as_the_jobs_that_need_it() -> None:
    whole = an_upload().completed(20, None, None)
    used = whole.used_by("one", (), until=NOW + 500).used_by("two", (), until=NOW + 50)
    assert used.expires_at == NOW + 500
    assert used.job_ids == ("one", "two")


def test_jobs_that_have_ended_no_longer_need_the_upload() -> None:
    used = an_upload().used_by("one", (), NOW).used_by("two", {"one"}, NOW)
    assert used.job_ids == ("two",)


def test_a_job_needs_an_upload_once_however_often_it_says_so() -> None:
    used = an_upload().used_by("one", (), NOW).used_by("one", (), NOW)
    assert used.job_ids == ("one",)


def test_of_an_upload_that_is_put_together_all_chunks_have_arrived() -> None:
    upload = an_upload(size=10, chunk_size=4)
    assert upload.received({0: "a", 2: "b"}) == {0, 2}
    completing = upload.completing(NOW)
    assert completing.received([0]) == {0, 1, 2}
    assert completing.completed(10, None, None).received([]) == {0, 1, 2}
    assert completing.reopened().received([0]) == {0}
    assert upload.aborted().received([0]) == {0}


@pytest.mark.parametrize(
    ("indexes", "text"),
    [
        ([], ""),
        ([4], "4"),
        ([0, 1, 3], "0-1,3"),
        ([3, 1, 0], "0-1,3"),
        ([0, 2, 4], "0,2,4"),
        ([5, 6, 7], "5-7"),
    ],
)
def test_ranges_are_written_briefly(indexes: list[int], text: str) -> None:
    assert describe_ranges(indexes) == text


@given(st.sets(st.integers(0, 300)))
def test_ranges_name_exactly_the_indexes_as_briefly_as_can_be(indexes: set[int]) -> None:
    ranges = [one.split("-") for one in describe_ranges(indexes).split(",") if one]
    pairs = [(int(one[0]), int(one[-1])) for one in ranges]
    assert {index for low, high in pairs for index in range(low, high + 1)} == indexes
    assert all(high + 1 < low for (_, high), (low, _) in pairwise(pairs))
