"""What every JobStore promises; each adapter passes this same suite."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import aclosing
from pathlib import Path

import msgspec
import pytest
from msgspec import structs

from support.aws import dynamo_store
from wavemill_common.api_keys import ApiKey
from wavemill_common.errors import Conflict, JobNotFound, Poison, UploadNotFound
from wavemill_common.jobs import Change, Guard, Job, JobError, JobStatus, Output, Remark
from wavemill_common.media import Chapter, Cover, MediaInfo
from wavemill_common.options import ConvertOptions
from wavemill_common.records import JobStore, Place, job_items, job_rows
from wavemill_common.records.sqlite import SqliteJobStore
from wavemill_common.records.usage import Usage
from wavemill_common.uploads import Arrived, Chunk, Upload, UploadState

NOW = 1_800_000_000.25
LEASE = 120.0
DAY = 86_400.0
DIGEST, OTHER = "a" * 64, "b" * 64


@pytest.fixture(params=["sqlite", "dynamodb"])
async def store(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[JobStore]:
    if request.param == "sqlite":
        async with SqliteJobStore.open(tmp_path / "records.db") as opened:
            yield opened
    else:
        async with dynamo_store(request.getfixturevalue("moto"), NOW) as opened:
            yield opened


def a_job(job_id: str = "job", **fields: object) -> Job:
    job = Job(
        job_id=job_id,
        file_id="file",
        file_name="Lied für Léna.wav",
        input_key="uploads/file.wav",
        format="mp3",
        quality="high",
        created_at=NOW,
        updated_at=NOW,
        expires_at=NOW + DAY,
        due_at=NOW + 10,
    )
    return structs.replace(job, **fields)


async def recorded(store: JobStore, index: int, digest: str) -> str:
    """Record a chunk of the one upload; the digest on record then."""
    return (await store.add_chunk(an_upload(), index, digest)).chunks[index]


@pytest.fixture
def _older(monkeypatch: pytest.MonkeyPatch) -> None:
    """Write records as a version did that knew nothing of traces."""

    def encode_less(record: Job) -> bytes:
        fields = msgspec.to_builtins(record)
        del fields["traceparent"]
        return msgspec.json.encode(fields)

    for module in (job_rows, job_items):
        monkeypatch.setattr(module, "encode", encode_less)


def an_upload(file_id: str = "file", **fields: object) -> Upload:
    upload = Upload(
        file_id=file_id,
        file_name="Lied für Léna.wav",
        size=20,
        chunk_size=8,
        storage_key=f"uploads/{file_id}.wav",
        created_at=NOW,
        expires_at=NOW + DAY,
    )
    return structs.replace(upload, **fields)


MEDIA = MediaInfo(
    container="wav",
    duration=1.1,
    sample_rate=44_100,
    tags={"title": "Ünïcode 🎵"},
    chapters=(Chapter(0.0, 0.1, "one"),),
    cover=Cover("image/png", 5),
)
OUTPUT = Output(
    key="conversions/job/1-1-x.mp3",
    format="mp3",
    file_name="a.mp3",
    mime="audio/mpeg",
    size=5,
    sha256=DIGEST,
    media=MEDIA,
)


async def claimed(store: JobStore, claim_id: str = "me", job_id: str = "job") -> Job:
    change = (await store.put_job(a_job(job_id))).start(claim_id, NOW, LEASE)
    assert await store.apply(change)
    return change.job


async def ids(jobs: AsyncIterator[Job]) -> list[str]:
    return [job.job_id async for job in jobs]


# --- jobs: put and read ---


async def test_a_job_is_read_back_with_every_field(store: JobStore) -> None:
    job = a_job(
        options=ConvertOptions(sample_rate=48_000, channels=1),
        owner="somebody",
        status=JobStatus.PROCESSING,
        attempt=3,
        claim_id="claim",
        not_before=NOW + 0.1,
        progress=42,
        media=MEDIA,
        outputs=(OUTPUT,),
        output_key=OUTPUT.key,
        error=JobError(code="x", message="y", detail="z"),
        warnings=(Remark("code", "words"),),
    )
    assert await store.put_job(job) == job
    assert await store.job("job") == job


async def test_putting_the_same_id_again_returns_the_first_job(store: JobStore) -> None:
    first = await store.put_job(a_job(request_hash="one"))
    assert await store.put_job(a_job(request_hash="two")) == first
    assert (await store.job("job")).request_hash == "one"


async def test_of_many_puts_of_one_id_all_return_the_same_job(store: JobStore) -> None:
    puts = (store.put_job(a_job(request_hash=str(number))) for number in range(10))
    hashes = {job.request_hash for job in await asyncio.gather(*puts)}
    assert hashes == {(await store.job("job")).request_hash}


async def test_an_unknown_job_is_not_found(store: JobStore) -> None:
    with pytest.raises(JobNotFound):
        await store.job("nobody")


async def test_several_jobs_are_read_at_once_and_unknown_ids_left_out(store: JobStore) -> None:
    wanted = [f"job-{number}" for number in range(230)]
    await asyncio.gather(*(store.put_job(a_job(one)) for one in [*wanted, "other"]))
    found = await store.jobs([*wanted, "nobody"])
    assert set(found) == set(wanted)
    assert found["job-7"] == a_job("job-7")
    assert await store.jobs([]) == {}


# --- jobs: conditional changes ---


async def test_a_change_is_written_when_its_guard_holds(store: JobStore) -> None:
    job = await claimed(store)
    assert await store.job("job") == job
    assert job.attempt == 1


async def test_a_change_of_an_unknown_job_is_not_written(store: JobStore) -> None:
    assert not await store.apply(a_job("nobody").start("me", NOW, LEASE))
    with pytest.raises(JobNotFound):
        await store.job("nobody")


async def test_a_change_without_a_guard_is_not_written(store: JobStore) -> None:
    await store.put_job(a_job())
    assert not await store.apply(Change(a_job(progress=1), ()))


@pytest.mark.parametrize(
    ("guard", "holds"),
    [
        (Guard(statuses=frozenset({JobStatus.PROCESSING})), True),
        (Guard(statuses=frozenset({JobStatus.CREATED})), False),
        (Guard(statuses=frozenset(JobStatus)), True),
        (Guard(statuses=frozenset()), False),
        (Guard(statuses=frozenset(JobStatus), attempt=1), True),
        (Guard(statuses=frozenset(JobStatus), attempt=0), False),
        (Guard(statuses=frozenset(JobStatus), claim_id="me"), True),
        (Guard(statuses=frozenset(JobStatus), claim_id="you"), False),
        (Guard(statuses=frozenset(JobStatus), due_at=NOW + LEASE), True),
        (Guard(statuses=frozenset(JobStatus), due_at=NOW + LEASE + 0.001), False),
        (Guard(statuses=frozenset(JobStatus), attempt=1, claim_id="you"), False),
    ],
)
async def test_every_term_of_a_guard_counts(store: JobStore, guard: Guard, holds: bool) -> None:  # noqa: FBT001
    job = await claimed(store)
    changed = structs.replace(job, progress=50)
    assert await store.apply(Change(changed, (guard,))) is holds
    assert await store.job("job") == (changed if holds else job)


async def test_one_guard_of_several_is_enough(store: JobStore) -> None:
    job = await claimed(store)
    wrong = Guard(statuses=frozenset({JobStatus.FAILED}))
    right = Guard(statuses=frozenset({JobStatus.PROCESSING}), claim_id="me")
    assert await store.apply(Change(job, (wrong, right)))
    assert not await store.apply(Change(job, (wrong, wrong)))


async def test_no_claim_is_not_the_claim_that_a_guard_asks_for(store: JobStore) -> None:
    await store.put_job(a_job())
    guard = Guard(statuses=frozenset({JobStatus.CREATED}), claim_id="me")
    assert not await store.apply(Change(a_job(progress=1), (guard,)))


async def test_a_job_that_is_not_due_is_not_due_at_any_time(store: JobStore) -> None:
    await store.put_job(a_job(due_at=None))
    guard = Guard(statuses=frozenset({JobStatus.CREATED}), due_at=NOW)
    assert not await store.apply(Change(a_job(), (guard,)))


async def test_of_many_claimers_exactly_one_wins(store: JobStore) -> None:
    job = await store.put_job(a_job())
    claims = [job.start(f"claim-{number}", NOW, LEASE) for number in range(8)]
    won = await asyncio.gather(*(store.apply(claim) for claim in claims))
    assert sum(won) == 1
    assert (await store.job("job")).claim_id == f"claim-{won.index(True)}"


async def test_a_claim_sent_again_after_a_lost_reply_still_holds(store: JobStore) -> None:
    claim = (await store.put_job(a_job())).start("me", NOW, LEASE)
    assert await store.apply(claim)
    assert await store.apply(claim)
    assert (await store.job("job")).attempt == 1


async def test_a_zombie_can_write_nothing_after_a_takeover(store: JobStore) -> None:
    zombie = await claimed(store, "zombie")
    takeover = zombie.start("heir", NOW + LEASE, LEASE)
    assert await store.apply(takeover)
    error = JobError(code="x", message="y")
    for change in (
        zombie.reached(90, 5).renew(NOW, LEASE),
        zombie.complete((OUTPUT,), MEDIA, (), NOW, DAY),
        zombie.fail(error, NOW, DAY),
        zombie.delay(error, NOW, NOW + 5, 10),
        zombie.hand_back(NOW, 10),
        zombie.look_again(NOW),
        zombie.cancel(NOW, DAY),
    ):
        assert not await store.apply(change)
    assert await store.job("job") == takeover.job


async def test_a_cancelled_job_cannot_be_completed(store: JobStore) -> None:
    job = await claimed(store)
    cancel = job.cancel(NOW, DAY)
    assert await store.apply(cancel)
    assert not await store.apply(job.complete((OUTPUT,), MEDIA, (), NOW, DAY))
    assert await store.job("job") == cancel.job


async def test_a_completed_job_cannot_be_cancelled_or_given_up(store: JobStore) -> None:
    job = await claimed(store)
    done = job.complete((OUTPUT,), MEDIA, (), NOW, DAY)
    assert await store.apply(done)
    assert not await store.apply(job.cancel(NOW, DAY))
    assert not await store.apply(job.give_up(Poison("it crashes"), NOW, DAY))
    assert not await store.apply(done.job.start("other", NOW, LEASE))
    assert await store.apply(done)  # sent again after a lost reply
    assert await store.job("job") == done.job


async def test_of_a_completion_and_a_cancellation_one_wins(store: JobStore) -> None:
    for number in range(10):
        job = await claimed(store, job_id=f"job-{number}")
        both = (job.complete((OUTPUT,), MEDIA, (), NOW, DAY), job.cancel(NOW, DAY))
        assert sum(await asyncio.gather(*map(store.apply, both))) == 1


async def test_a_job_is_removed_only_as_it_was_seen(store: JobStore) -> None:
    job = await claimed(store)
    assert not await store.remove_job(structs.replace(job, attempt=0))
    assert not await store.remove_job(structs.replace(job, status=JobStatus.FAILED))
    assert await store.remove_job(job)
    assert not await store.remove_job(job)
    with pytest.raises(JobNotFound):
        await store.job("job")


# --- jobs: queries ---


async def test_due_jobs_come_longest_due_first_up_to_the_limit(store: JobStore) -> None:
    for name, due_at in (("c", 30.0), ("a", 10.0), ("none", None), ("b", 20.0), ("d", 40.0)):
        await store.put_job(a_job(name, due_at=due_at))
    assert await ids(store.due_jobs(40.0, 10)) == ["a", "b", "c"]
    assert await ids(store.due_jobs(40.0, 2)) == ["a", "b"]
    assert await ids(store.due_jobs(10.0, 10)) == []
    assert await ids(store.due_jobs(40.0, 0)) == []


async def test_a_job_that_has_ended_is_never_due(store: JobStore) -> None:
    job = await claimed(store)
    assert await ids(store.due_jobs(NOW + 1000, 10)) == ["job"]
    await store.apply(job.cancel(NOW, DAY))
    assert await ids(store.due_jobs(NOW + 1e9, 10)) == []


async def test_jobs_due_at_the_same_moment_are_all_found(store: JobStore) -> None:
    names = [f"job-{number:03}" for number in range(450)]
    await asyncio.gather(*(store.put_job(a_job(name)) for name in names))
    assert sorted(await ids(store.due_jobs(NOW + 11, 1000))) == names
    assert len(await ids(store.due_jobs(NOW + 11, 333))) == 333


async def test_a_sweep_may_change_each_job_that_it_is_given(store: JobStore) -> None:
    names = [f"job-{number:03}" for number in range(250)]
    await asyncio.gather(*(store.put_job(a_job(name)) for name in names))
    seen = []
    async for job in store.due_jobs(NOW + 11, 1000):
        assert await store.apply(job.look_again(NOW + 100))
        seen.append(job.job_id)
    assert sorted(seen) == names
    assert await ids(store.due_jobs(NOW + 11, 1000)) == []


async def test_live_jobs_are_those_that_have_not_ended(store: JobStore) -> None:
    for status in JobStatus:
        await store.put_job(a_job(status.value, status=status, due_at=None))
    assert sorted(await ids(store.live_jobs())) == ["created", "processing"]


async def test_all_live_jobs_are_listed_however_many(store: JobStore) -> None:
    names = [f"job-{number:03}" for number in range(450)]
    await asyncio.gather(*(store.put_job(a_job(name)) for name in names))
    assert sorted(await ids(store.live_jobs())) == names


async def test_all_jobs_are_told_once_each_whatever_their_state(store: JobStore) -> None:
    for status in JobStatus:
        await store.put_job(a_job(status.value, status=status, due_at=None))
    await store.put_job(a_job("gone", status=JobStatus.FAILED, due_at=None, tombstone=True))
    assert sorted(await ids(store.all_jobs())) == sorted([*JobStatus, "gone"])


async def test_all_jobs_are_told_however_many_and_as_they_are_stored(store: JobStore) -> None:
    assert await ids(store.all_jobs()) == []
    names = [f"job-{number:03}" for number in range(450)]
    await asyncio.gather(*(store.put_job(a_job(name)) for name in names))
    found = [job async for job in store.all_jobs()]
    assert sorted(job.job_id for job in found) == names
    assert a_job("job-007") in found


async def test_jobs_that_go_during_a_look_at_all_hide_no_others(store: JobStore) -> None:
    names = {f"job-{number:03}" for number in range(450)}
    await asyncio.gather(*(store.put_job(a_job(name)) for name in names))
    seen = []
    async for job in store.all_jobs():
        assert await store.remove_job(job)
        seen.append(job.job_id)
    assert sorted(seen) == sorted(names)
    assert await ids(store.all_jobs()) == []


async def test_expired_jobs_are_found_ended_or_not(store: JobStore) -> None:
    await store.put_job(a_job("live", expires_at=10.0))
    await store.put_job(a_job("ended", expires_at=20.0, status=JobStatus.FAILED, due_at=None))
    await store.put_job(a_job("young", expires_at=30.0))
    assert sorted(await ids(store.expired_jobs(30.0, 10))) == ["ended", "live"]
    assert len(await ids(store.expired_jobs(30.0, 1))) == 1
    assert await ids(store.expired_jobs(10.0, 10)) == []


async def test_a_tombstone_expires_again_later(store: JobStore) -> None:
    job = (await claimed(store)).complete((OUTPUT,), MEDIA, (), NOW, DAY)
    await store.apply(job)
    tombstone = job.job.bury(NOW + DAY)
    assert await store.apply(tombstone)
    assert await ids(store.expired_jobs(NOW + DAY + 1, 10)) == []
    assert await ids(store.expired_jobs(tombstone.job.expires_at + 1, 10)) == ["job"]
    assert await store.remove_job(await store.job("job"))


# --- uploads ---


async def test_an_upload_is_read_back_with_every_field(store: JobStore) -> None:
    upload = an_upload(
        owner="somebody", state=UploadState.COMPLETE, sha256=DIGEST, media=MEDIA, job_ids=("a", "b")
    )
    await store.put_upload(upload)
    assert await store.upload("file") == upload


async def test_an_upload_whose_size_is_not_known_is_kept(store: JobStore) -> None:
    await store.put_upload(an_upload(size=None))
    assert (await store.upload("file")).size is None


async def test_an_id_that_is_taken_is_a_conflict(store: JobStore) -> None:
    await store.put_upload(an_upload())
    with pytest.raises(Conflict):
        await store.put_upload(an_upload(size=1))
    assert (await store.upload("file")).size == 20


async def test_an_unknown_upload_is_not_found(store: JobStore) -> None:
    with pytest.raises(UploadNotFound):
        await store.upload("nobody")
    assert not await store.save_upload(an_upload("nobody").completing(NOW))
    assert not await store.remove_upload(an_upload("nobody"))
    assert await store.chunks(an_upload("nobody")) == {}


async def test_an_upload_is_saved_over_its_own_revision_only(store: JobStore) -> None:
    upload = an_upload()
    await store.put_upload(upload)
    completing = upload.completing(NOW)
    assert await store.save_upload(completing)
    assert not await store.save_upload(upload.aborted())
    assert await store.upload("file") == completing
    assert await store.save_upload(completing.completed(20, DIGEST, MEDIA))


async def test_of_many_completions_exactly_one_begins(store: JobStore) -> None:
    await store.put_upload(an_upload())
    changes = [an_upload().completing(NOW + number) for number in range(8)]
    assert sum(await asyncio.gather(*map(store.save_upload, changes))) == 1


async def test_an_upload_is_removed_with_its_chunks_only_as_it_was_seen(store: JobStore) -> None:
    upload = an_upload()
    await store.put_upload(upload)
    await store.put_upload(an_upload("other"))
    await store.add_chunk(an_upload(), 0, DIGEST)
    await store.add_chunk(an_upload("other"), 0, OTHER)
    assert not await store.remove_upload(upload.aborted())
    assert await store.chunks(an_upload()) == {0: DIGEST}
    assert await store.remove_upload(upload)
    assert await store.chunks(an_upload()) == {}
    assert await store.chunks(an_upload("other")) == {0: OTHER}
    with pytest.raises(UploadNotFound):
        await store.upload("file")


async def test_chunks_are_recorded_in_any_order(store: JobStore) -> None:
    await store.put_upload(an_upload())
    for index in (2, 0):
        assert await recorded(store, index, DIGEST) == DIGEST
    assert await store.chunks(an_upload()) == {0: DIGEST, 2: DIGEST}


async def test_the_first_record_of_a_chunk_stays(store: JobStore) -> None:
    await store.put_upload(an_upload())
    assert await recorded(store, 0, DIGEST) == DIGEST
    assert await recorded(store, 0, OTHER) == DIGEST
    assert await recorded(store, 0, DIGEST) == DIGEST
    assert await store.chunks(an_upload()) == {0: DIGEST}


async def test_of_many_records_of_one_chunk_all_return_the_same(store: JobStore) -> None:
    await store.put_upload(an_upload())
    digests = [f"{number:064x}" for number in range(8)]
    told = await asyncio.gather(*(recorded(store, 0, digest) for digest in digests))
    assert set(told) == {(await store.chunks(an_upload()))[0]}


async def test_all_chunks_are_recorded_however_many(store: JobStore) -> None:
    upload = an_upload(size=8 * 2500)
    await store.put_upload(upload)
    # Some of each page, and both sides of its ends: 2500 would be only slower.
    indices = {*range(0, 2500, 9), 999, 1000, 1999, 2000, 2499}
    wanted = {index: f"{index:064x}" for index in indices}
    await asyncio.gather(*(store.add_chunk(upload, *chunk) for chunk in wanted.items()))
    assert await store.chunks(upload) == wanted


async def test_a_chunk_of_an_unknown_or_aborted_upload_is_refused(store: JobStore) -> None:
    with pytest.raises(UploadNotFound):
        await store.add_chunk(an_upload("nobody"), 0, DIGEST)
    await store.put_upload(an_upload())
    await store.add_chunk(an_upload(), 0, DIGEST)
    await store.save_upload(an_upload().aborted())
    for index in (0, 1):
        with pytest.raises(UploadNotFound):
            await store.add_chunk(an_upload(), index, DIGEST)
    assert await store.remove_upload(an_upload().aborted())
    assert await store.chunks(an_upload()) == {}


async def test_a_chunk_is_read_with_its_upload(store: JobStore) -> None:
    with pytest.raises(UploadNotFound):
        await store.chunk("file", 0)
    upload = an_upload(size=8 * 1500)
    await store.put_upload(upload)
    await store.add_chunk(upload, 1, DIGEST)
    assert await store.chunk("file", 0) == Chunk(upload, 0)
    assert await store.chunk("file", 1) == Chunk(upload, 1, DIGEST)
    assert await store.chunk("file", 1499) == Chunk(upload, 1499)
    assert await store.chunk("file", 10**15 - 1) == Chunk(upload, 10**15 - 1)
    assert await store.save_upload(upload.completing(NOW))
    assert await store.chunk("file", 1) == Chunk(upload.completing(NOW), 1, DIGEST)


async def test_whoever_records_a_chunk_is_told_all_of_them_and_the_newest_upload(
    store: JobStore,
) -> None:
    upload = an_upload(size=8 * 1500)
    await store.put_upload(upload)
    assert await store.add_chunk(upload, 0, DIGEST) == Arrived(upload, {0: DIGEST})
    newest = upload.used_by("job", (), NOW)
    assert await store.save_upload(newest)
    arrived = await store.add_chunk(upload, 1499, OTHER)
    assert arrived == Arrived(newest, {0: DIGEST, 1499: OTHER})


@pytest.mark.parametrize("last", [(0, 1), (0, 1001)])
async def test_of_those_who_record_the_last_chunks_at_once_one_sees_all(
    store: JobStore, last: tuple[int, int]
) -> None:
    upload = an_upload(size=8 * 1500)
    await store.put_upload(upload)
    told = await asyncio.gather(*(store.add_chunk(upload, index, DIGEST) for index in last))
    assert set(last) in [set(one.chunks) for one in told]


async def test_recording_a_chunk_does_not_disturb_a_change_of_the_upload(store: JobStore) -> None:
    upload = an_upload()
    await store.put_upload(upload)
    await store.add_chunk(an_upload(), 0, DIGEST)
    assert await store.save_upload(upload.completing(NOW))


async def test_expired_uploads_are_found(store: JobStore) -> None:
    for name, expires_at in (("b", 20.0), ("a", 10.0), ("c", 30.0)):
        await store.put_upload(an_upload(name, expires_at=expires_at))
    assert {one.file_id async for one in store.expired_uploads(30.0, 10)} == {"a", "b"}
    assert len([one async for one in store.expired_uploads(30.0, 1)]) == 1


async def test_a_file_that_a_job_needs_expires_later_but_not_before_it_is_whole(
    store: JobStore,
) -> None:
    for name, state in (("whole", UploadState.COMPLETE), ("open", UploadState.OPEN)):
        upload = an_upload(name, expires_at=10.0, state=state)
        await store.put_upload(upload)
        assert await store.save_upload(upload.used_by("job", (), until=50.0))
    assert [one.file_id async for one in store.expired_uploads(20.0, 10)] == ["open"]


async def test_all_uploads_are_told_once_each_whatever_their_state(store: JobStore) -> None:
    assert [one async for one in store.all_uploads()] == []
    names = [f"file-{number:03}" for number in range(450)]
    states = list(UploadState)
    uploads = [
        an_upload(name, state=states[number % len(states)]) for number, name in enumerate(names)
    ]
    await asyncio.gather(*map(store.put_upload, uploads))
    found = [one async for one in store.all_uploads()]
    assert sorted(one.file_id for one in found) == names
    assert uploads[7] in found


# --- upkeep ---


async def test_a_store_that_works_passes_its_check(store: JobStore) -> None:
    await store.check()
    await store.check()


# --- jobs of an owner ---


async def owned_by(store: JobStore, owner: str, after: Place | None = None) -> list[str]:
    return [job.job_id async for job in store.owned_jobs(owner, after)]


async def test_an_owners_jobs_come_newest_first(store: JobStore) -> None:
    for number in range(3):
        await store.put_job(a_job(f"mine-{number}", owner="key:a", created_at=NOW + number))
    await store.put_job(a_job("anothers", owner="key:b"))
    await store.put_job(a_job("nobodys"))
    assert await owned_by(store, "key:a") == ["mine-2", "mine-1", "mine-0"]
    assert await owned_by(store, "key:b") == ["anothers"]
    assert await owned_by(store, "key:c") == []


async def test_an_owners_jobs_go_on_behind_the_last_one_seen(store: JobStore) -> None:
    for number in range(205):
        await store.put_job(a_job(f"job-{number:03}", owner="key:a", created_at=NOW + number // 2))
    everything = await owned_by(store, "key:a")
    assert sorted(everything) == [f"job-{number:03}" for number in range(205)]
    for place in (0, 1, 2, 103, 203):
        job = await store.job(everything[place])
        rest = await owned_by(store, "key:a", (job.created_at, job.job_id))
        assert rest == everything[place + 1 :]


async def test_a_job_stays_its_owners_when_it_changes_and_goes_when_it_is_removed(
    store: JobStore,
) -> None:
    job = await store.put_job(a_job(owner="key:a"))
    assert await store.apply(change := job.start("me", NOW, LEASE))
    assert await owned_by(store, "key:a") == ["job"]
    assert await store.remove_job(change.job)
    assert await owned_by(store, "key:a") == []


async def test_a_page_of_an_owners_jobs_may_be_all_that_is_read(store: JobStore) -> None:
    for number in range(3):
        await store.put_job(a_job(f"mine-{number}", owner="key:a", created_at=NOW + number))
    async with aclosing(store.owned_jobs("key:a", None)) as jobs:
        assert (await anext(jobs)).job_id == "mine-2"


# --- API keys ---


def a_key(key_id: str = "0123456789ab", **fields: object) -> ApiKey:
    key = ApiKey(key_id=key_id, name="Léna's script", digest=DIGEST, created_at=NOW)
    return structs.replace(key, **fields)


async def test_a_key_is_read_back_with_every_field(store: JobStore) -> None:
    key = a_key(expires_at=NOW + DAY, rate_limit="60/minute", max_open_uploads=3)
    await store.add_key(key)
    assert await store.key(key.key_id) == key
    assert await store.key("ffffffffffff") is None


async def test_a_key_is_never_written_over_by_a_new_one(store: JobStore) -> None:
    await store.add_key(a_key())
    with pytest.raises(Conflict):
        await store.add_key(a_key(name="another"))
    assert await store.key("0123456789ab") == a_key()


async def test_a_key_is_revoked_by_saving_it(store: JobStore) -> None:
    await store.add_key(a_key())
    assert await store.save_key(a_key().revoked(NOW + 1))
    found = await store.key("0123456789ab")
    assert found is not None
    assert not found.is_good(NOW + 1)
    assert not await store.save_key(a_key("ffffffffffff"))


async def test_keys_are_no_uploads_and_uploads_are_no_keys(store: JobStore) -> None:
    keys = [a_key("0123456789ab"), a_key("0123456789ac")]
    for key in keys:
        await store.add_key(key)
    await store.put_upload(an_upload())
    await store.add_chunk(an_upload(), 0, DIGEST)
    found = [key async for key in store.all_keys()]
    assert sorted(found, key=lambda key: key.key_id) == keys
    assert [one.file_id async for one in store.all_uploads()] == ["file"]
    assert [one async for one in store.expired_uploads(NOW + 10 * DAY, 10)] == [an_upload()]


# --- what an owner has ----------------------------------------------------------------------------


async def test_usage_counts_what_is_under_way_and_what_is_stored(store: JobStore) -> None:
    open_one = an_upload("open", owner="net:a", size=20)
    await store.put_upload(open_one)
    await store.put_upload(an_upload("unknown", owner="net:a", size=None))
    await store.put_upload(
        an_upload("complete", owner="net:a", size=300, state=UploadState.COMPLETE)
    )
    await store.put_upload(an_upload("expired", owner="net:a", size=1, expires_at=NOW - 1))
    await store.put_upload(
        an_upload("aborted", owner="net:a", size=5000, state=UploadState.ABORTED)
    )
    await store.put_upload(an_upload("foreign", owner="net:b", size=70_000))
    await store.put_upload(an_upload("nobody"))
    await store.put_job(a_job("waiting", owner="net:a"))
    await store.put_job(
        a_job("done", owner="net:a", status=JobStatus.COMPLETED, outputs=(OUTPUT, OUTPUT))
    )
    await store.put_job(a_job("other", owner="net:b"))
    usage = await store.usage("net:a", NOW)
    assert usage.open_uploads == {"open", "unknown"}
    assert usage.unfinished_jobs == {"waiting"}
    assert usage.stored_bytes == 20 + 300 + 1 + 2 * OUTPUT.size
    assert await store.remove_upload(open_one)
    assert (await store.usage("net:a", NOW)).open_uploads == {"unknown"}


async def test_nobody_has_nothing(store: JobStore) -> None:
    await store.put_upload(an_upload())
    await store.put_job(a_job())
    usage = await store.usage("net:c", NOW)
    assert usage == Usage()


# --- other versions -------------------------------------------------------------------------------


@pytest.mark.usefixtures("_older")
async def test_a_record_of_a_version_without_traces_is_read(store: JobStore) -> None:
    await store.put_job(a_job())
    assert (await store.job("job")).traceparent is None


async def test_a_job_keeps_the_trace_that_it_was_accepted_in(store: JobStore) -> None:
    traceparent = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"
    await store.put_job(a_job(traceparent=traceparent))
    assert await store.apply((await store.job("job")).start("claim", NOW, LEASE))
    assert (await store.job("job")).traceparent == traceparent
