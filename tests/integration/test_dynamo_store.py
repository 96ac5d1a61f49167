"""What the DynamoDB job store promises beyond the contract: lost replies, limits, shards."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from botocore.exceptions import ClientError, ReadTimeoutError
from msgspec import structs

from support.aws import create_tables, dynamo_config
from wavemill_common import retry
from wavemill_common.errors import (
    Conflict,
    JobNotFound,
    JobStoreUnavailable,
    StorageForbidden,
    Throttled,
    UploadNotFound,
)
from wavemill_common.jobs import Change, Guard, Job, JobStatus
from wavemill_common.records import dynamo_index
from wavemill_common.records.dynamo_calls import DynamoCalls, DynamoConfig
from wavemill_common.records.dynamodb import DynamoJobStore
from wavemill_common.uploads import Chunk, Upload

NOW = 1_800_000_000.25
DAY = 86_400.0
DIGEST = "a" * 64


class Clock:
    """A time that a test sets."""

    def __init__(self) -> None:
        self.time = NOW

    def __call__(self) -> float:
        return self.time


class Fixture:
    """A store, and what lies beneath it."""

    def __init__(self, calls: DynamoCalls, config: DynamoConfig) -> None:
        self.calls = calls
        self.config = config
        self.clock = Clock()
        self.store = DynamoJobStore(calls, config, self.clock)

    async def item(self, job_id: str) -> dict[str, Any]:
        reply = await self.calls.once(
            "get_item", TableName=self.config.jobs_table, Key={"jobId": {"S": job_id}}
        )
        found: dict[str, Any] = reply["Item"]
        return found


@pytest.fixture
async def dynamo(moto: str) -> AsyncIterator[Fixture]:
    config = dynamo_config(moto)
    async with DynamoCalls.open(config) as calls:
        await create_tables(calls, config)
        yield Fixture(calls, config)


@pytest.fixture(autouse=True)
def _no_waits(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(retry, "BASE", 0.001)


def a_job(job_id: str = "job", **fields: object) -> Job:
    job = Job(
        job_id=job_id,
        file_id="file",
        file_name="a.wav",
        input_key="uploads/file.wav",
        format="mp3",
        quality="high",
        created_at=NOW,
        updated_at=NOW,
        expires_at=NOW + DAY,
        due_at=NOW + 10,
    )
    return structs.replace(job, **fields)


def an_upload(**fields: object) -> Upload:
    upload = Upload(
        file_id="file",
        file_name="a.wav",
        size=8 * 2001,
        chunk_size=8,
        storage_key="uploads/file.wav",
        created_at=NOW,
        expires_at=NOW + DAY,
    )
    return structs.replace(upload, **fields)


def refused(code: str, message: str = "", status: int = 400) -> Callable[[], ClientError]:
    response: Any = {
        "Error": {"Code": code, "Message": message},
        "ResponseMetadata": {"HTTPStatusCode": status},
    }
    return lambda: ClientError(response, "Anything")


def timed_out() -> ReadTimeoutError:
    return ReadTimeoutError(endpoint_url="http://dynamo")


@contextmanager
def failing(
    calls: DynamoCalls,
    operation: str,
    fault: Callable[[], Exception],
    *,
    after: bool,
    times: int = 1,
) -> Iterator[list[str]]:
    """Let the next calls of an operation fail: before they reach the server, or after it acted."""
    client, left, seen = calls._client, [fault] * times, []

    class Failing:
        def __getattr__(self, name: str) -> Any:
            async def call(**parameters: Any) -> Any:
                seen.append(name)
                if name != operation or not left:
                    return await getattr(client, name)(**parameters)
                if after:
                    await getattr(client, name)(**parameters)
                fault = left.pop()
                raise fault()

            return call

    calls._client = Failing()
    yield seen
    calls._client = client


@contextmanager
def before_the_next(
    dynamo: Fixture, operation: str, happens: Callable[[], Awaitable[None]]
) -> Iterator[None]:
    """Let something happen when a call is about to be sent: once, to the next of its kind."""
    client = dynamo.calls._client

    class Late:
        def __getattr__(self, name: str) -> Any:
            async def call(**parameters: Any) -> Any:
                if name == operation:
                    dynamo.calls._client = client
                    await happens()
                return await getattr(client, name)(**parameters)

            return call

    dynamo.calls._client = Late()
    yield
    assert dynamo.calls._client is client


@contextmanager
def pages_first(dynamo: Fixture, happens: Callable[[], Awaitable[None]]) -> Iterator[None]:
    """Let the next batch read its pages, then something happen, then it read the upload."""
    client, table = dynamo.calls._client, dynamo.config.uploads_table

    class InTwo:
        async def batch_get_item(self, RequestItems: Any) -> Any:  # noqa: N803 - as AWS has it
            dynamo.calls._client = client
            request, replies = RequestItems[table], []
            for half in (request["Keys"][1:], request["Keys"][:1]):
                asked = {table: request | {"Keys": half}}
                replies.append(await client.batch_get_item(RequestItems=asked))
                if len(replies) == 1:
                    await happens()
            found = [item for reply in replies for item in reply["Responses"][table]]
            return replies[0] | {"Responses": {table: found}}

    dynamo.calls._client = InTwo()
    yield
    assert dynamo.calls._client is client


# --- lost replies ---


async def test_a_change_whose_reply_was_lost_counts_as_written(dynamo: Fixture) -> None:
    job = await dynamo.store.put_job(a_job())
    change = job.look_again(NOW)  # its guard no longer holds once it is written
    with failing(dynamo.calls, "put_item", timed_out, after=True) as seen:
        assert await dynamo.store.apply(change)
    assert seen == ["put_item", "put_item"]
    assert await dynamo.store.job("job") == change.job


async def test_a_change_that_never_arrived_is_sent_again(dynamo: Fixture) -> None:
    change = (await dynamo.store.put_job(a_job())).look_again(NOW)
    with failing(dynamo.calls, "put_item", timed_out, after=False):
        assert await dynamo.store.apply(change)
    assert await dynamo.store.job("job") == change.job


async def test_a_change_that_came_too_late_is_not_taken_for_ones_own(dynamo: Fixture) -> None:
    job = await dynamo.store.put_job(a_job())
    await dynamo.store.apply(job.start("other", NOW, 120))
    with failing(dynamo.calls, "put_item", timed_out, after=False):
        assert not await dynamo.store.apply(job.cancel(NOW, DAY))
    assert (await dynamo.store.job("job")).claim_id == "other"


async def test_what_is_stored_already_is_no_proof_without_a_lost_reply(dynamo: Fixture) -> None:
    job = await dynamo.store.put_job(a_job())
    never = Guard(statuses=frozenset({JobStatus.FAILED}))
    assert not await dynamo.store.apply(Change(job, (never,)))
    throttled = refused("ThrottlingException")
    with failing(dynamo.calls, "put_item", throttled, after=False):
        assert not await dynamo.store.apply(Change(job, (never,)))


async def test_a_new_job_whose_reply_was_lost_is_the_job(dynamo: Fixture) -> None:
    with failing(dynamo.calls, "put_item", timed_out, after=True):
        assert await dynamo.store.put_job(a_job()) == a_job()


async def test_uploads_survive_lost_replies(dynamo: Fixture) -> None:
    upload = an_upload()
    with failing(dynamo.calls, "put_item", timed_out, after=True):
        await dynamo.store.put_upload(upload)
    with pytest.raises(Conflict):
        await dynamo.store.put_upload(upload)
    completing = upload.completing(NOW)
    with failing(dynamo.calls, "put_item", timed_out, after=True):
        assert await dynamo.store.save_upload(completing)
    with failing(dynamo.calls, "update_item", timed_out, after=True):
        assert (await dynamo.store.add_chunk(upload, 0, DIGEST)).chunks == {0: DIGEST}
    with failing(dynamo.calls, "transact_write_items", timed_out, after=True):
        assert await dynamo.store.remove_upload(completing)
    assert not await dynamo.store.remove_upload(completing)


async def test_a_removal_whose_reply_was_lost_counts(dynamo: Fixture) -> None:
    job = await dynamo.store.put_job(a_job())
    with failing(dynamo.calls, "delete_item", timed_out, after=True):
        assert await dynamo.store.remove_job(job)
    assert not await dynamo.store.remove_job(job)


# --- outages and limits ---


async def test_throttling_is_waited_out(dynamo: Fixture) -> None:
    throttled = refused("ProvisionedThroughputExceededException")
    with failing(dynamo.calls, "put_item", throttled, after=False, times=3):
        assert await dynamo.store.put_job(a_job()) == a_job()


async def test_lasting_throttling_says_when_to_come_back(dynamo: Fixture) -> None:
    with (
        failing(dynamo.calls, "get_item", refused("ThrottlingException"), after=False, times=99),
        pytest.raises(Throttled) as raised,
    ):
        await dynamo.store.job("job")
    assert (raised.value.status, raised.value.code) == (429, "throttled")
    assert raised.value.retry_after


async def test_a_conflict_of_transactions_is_tried_again(dynamo: Fixture) -> None:
    upload = an_upload()
    await dynamo.store.put_upload(upload)
    reasons = [{"Code": "None"}, {"Code": "TransactionConflict"}]
    response: Any = {
        "Error": {"Code": "TransactionCanceledException"},
        "CancellationReasons": reasons,
    }

    def conflict() -> ClientError:
        return ClientError(response, "TransactWriteItems")

    with failing(dynamo.calls, "transact_write_items", conflict, after=False):
        assert await dynamo.store.remove_upload(upload)


async def test_an_outage_is_named_with_what_to_check() -> None:
    config = dynamo_config("http://127.0.0.1:1")
    async with DynamoJobStore.open(config) as store:
        with pytest.raises(
            JobStoreUnavailable, match=r"127\.0\.0\.1:1 does not answer.*DYNAMODB_END"
        ):
            await store.job("job")


async def test_a_missing_table_is_named_with_how_to_make_it(moto: str) -> None:
    config = dynamo_config(moto)
    async with DynamoJobStore.open(config) as store:
        with pytest.raises(JobStoreUnavailable, match=f"{config.uploads_table}.*setup --apply"):
            await store.check()


@pytest.mark.parametrize(
    ("message", "permission"),
    [
        (
            "User: arn:x is not authorized to perform: dynamodb:GetItem on resource: arn:t/u",
            "dynamodb:GetItem on arn:t/u",
        ),
        ("", "dynamodb:GetItem on table uploads-"),
    ],
)
async def test_a_missing_permission_is_named(
    dynamo: Fixture, message: str, permission: str
) -> None:
    denied = refused("AccessDeniedException", message)
    with (
        failing(dynamo.calls, "get_item", denied, after=False),
        pytest.raises(StorageForbidden, match=permission) as raised,
    ):
        await dynamo.store.check()
    assert raised.value.status == 403


async def test_credentials_that_are_not_accepted_are_named(dynamo: Fixture) -> None:
    fault = refused("UnrecognizedClientException")
    with (
        failing(dynamo.calls, "get_item", fault, after=False) as seen,
        pytest.raises(StorageForbidden, match="AWS_ACCESS_KEY_ID"),
    ):
        await dynamo.store.job("job")
    assert seen == ["get_item"]  # waiting would not help


async def test_a_mistake_of_ours_is_no_outage(dynamo: Fixture) -> None:
    fault = refused("ValidationException")
    with (
        failing(dynamo.calls, "get_item", fault, after=False) as seen,
        pytest.raises(ClientError),
    ):
        await dynamo.store.job("job")
    assert seen == ["get_item"]


async def test_a_server_error_is_tried_again(dynamo: Fixture) -> None:
    await dynamo.store.put_job(a_job())
    fault = refused("InternalServerError", status=500)
    with failing(dynamo.calls, "get_item", fault, after=False, times=2):
        assert await dynamo.store.job("job") == a_job()


async def test_keys_that_a_batch_leaves_out_are_asked_again(dynamo: Fixture) -> None:
    for name in ("a", "b", "c"):
        await dynamo.store.put_job(a_job(name))
    client, table = dynamo.calls._client, dynamo.config.jobs_table

    class OneAtATime:
        async def batch_get_item(self, RequestItems: Any) -> Any:  # noqa: N803 - as AWS has it
            request = RequestItems[table]
            first, rest = request["Keys"][:1], request["Keys"][1:]
            reply = await client.batch_get_item(RequestItems={table: request | {"Keys": first}})
            unprocessed = {table: request | {"Keys": rest}} if rest else {}
            return reply | {"UnprocessedKeys": unprocessed}

    dynamo.calls._client = OneAtATime()
    assert set(await dynamo.store.jobs(["a", "b", "c", "a", "nobody"])) == {"a", "b", "c"}


async def test_a_store_that_is_closed_says_so(dynamo: Fixture) -> None:
    await dynamo.store.close()
    with pytest.raises(JobStoreUnavailable, match="closed"):
        await dynamo.store.check()


# --- expiry ---


async def test_a_tombstone_whose_time_is_over_counts_as_gone(dynamo: Fixture) -> None:
    ended = a_job(status=JobStatus.FAILED, due_at=None)
    bury = (await dynamo.store.put_job(ended)).bury(NOW)
    assert await dynamo.store.apply(bury)
    assert int((await dynamo.item("job"))["ttl"]["N"]) >= bury.job.expires_at
    dynamo.clock.time = bury.job.expires_at + 1
    with pytest.raises(JobNotFound):
        await dynamo.store.job("job")
    assert await dynamo.store.jobs(["job"]) == {}
    assert [job async for job in dynamo.store.all_jobs()] == []
    anything = Guard(statuses=frozenset(JobStatus))
    assert not await dynamo.store.apply(Change(bury.job, (anything,)))


async def test_a_tombstone_past_its_time_makes_room_and_is_swept(dynamo: Fixture) -> None:
    bury = (await dynamo.store.put_job(a_job(status=JobStatus.FAILED))).bury(NOW)
    await dynamo.store.apply(bury)
    dynamo.clock.time = bury.job.expires_at + 1
    expired = [job async for job in dynamo.store.expired_jobs(dynamo.clock.time, 10)]
    assert expired == [bury.job]
    assert await dynamo.store.put_job(a_job()) == a_job()
    assert not await dynamo.store.remove_job(bury.job)
    assert await dynamo.store.job("job") == a_job()


async def test_only_a_tombstone_may_be_deleted_by_the_database(dynamo: Fixture) -> None:
    await dynamo.store.put_job(a_job(expires_at=NOW - DAY))
    assert "ttl" not in await dynamo.item("job")
    assert await dynamo.store.job("job") == a_job(expires_at=NOW - DAY)


# --- items, indexes, shards ---


async def test_a_job_is_kept_with_the_attributes_that_others_read(dynamo: Fixture) -> None:
    await dynamo.store.put_job(a_job(owner="me", output_key="conversions/x.mp3"))
    item = await dynamo.item("job")
    readable = {name: value.get("S") or value.get("N") for name, value in item.items()}
    record = readable.pop("record")
    assert record
    assert readable == {
        "jobId": "job",
        "status": "created",
        "inputS3Location": "uploads/file.wav",
        "outputS3Location": "conversions/x.mp3",
        "format": "mp3",
        "quality": "high",
        "createdAt": "1800000000.25",
        "updatedAt": "1800000000.25",
        "attempt": "0",
        "owner": "me",
        "expiresAt": "1800086400.25",
        "expiryShard": readable["expiryShard"],
        "dueAt": "1800000010.25",
        "dueShard": readable["dueShard"],
    }


async def test_a_job_that_ends_leaves_the_index_of_due_jobs(dynamo: Fixture) -> None:
    job = await dynamo.store.put_job(a_job())
    assert (await dynamo.item("job"))["dueShard"]["S"].startswith("D#")
    await dynamo.store.apply(job.cancel(NOW, DAY))
    assert not {"dueAt", "dueShard", "claimId"} & set(await dynamo.item("job"))


async def test_times_are_stored_exactly(dynamo: Fixture) -> None:
    due_at = 1_800_000_000.1 + 1 / 3
    job = await dynamo.store.put_job(a_job(due_at=due_at))
    assert (await dynamo.store.job("job")).due_at == due_at
    beside = structs.replace(job, due_at=due_at + 2**-20)
    assert not await dynamo.store.apply(beside.look_again(NOW))
    assert await dynamo.store.apply(job.look_again(NOW))


async def test_a_large_index_is_read_by_shards_in_order(
    dynamo: Fixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(dynamo_index, "SMALL", 5)
    monkeypatch.setattr(dynamo_index, "LEAST", 1)
    monkeypatch.setattr(dynamo_index, "SHARDS", 4)
    monkeypatch.setattr("wavemill_common.records.dynamo_tables.SHARDS", 4)
    due = {f"job-{number}": NOW + (number * 37) % 60 for number in range(60)}
    await asyncio.gather(*(dynamo.store.put_job(a_job(one, due_at=at)) for one, at in due.items()))
    ordered = sorted(due, key=lambda one: due[one])
    for limit in (1, 7, 59, 500):
        found = [job.job_id async for job in dynamo.store.due_jobs(NOW + 50, limit)]
        assert found == ordered[:50][:limit]


async def test_a_small_index_costs_one_request_and_many_shards_few_at_once(
    dynamo: Fixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    await dynamo.store.put_job(a_job())
    with failing(dynamo.calls, "nothing", timed_out, after=False) as seen:
        assert [job async for job in dynamo.store.due_jobs(NOW, 10)] == []
    assert seen == ["scan"]
    await dynamo.store.put_job(a_job("another"))
    monkeypatch.setattr(dynamo_index, "SMALL", 1)
    with failing(dynamo.calls, "nothing", timed_out, after=False) as seen:
        assert len([job async for job in dynamo.store.due_jobs(NOW + 11, 10)]) == 2
    assert seen == ["scan", *["query"] * 128, "batch_get_item"]


async def test_a_job_that_an_index_still_shows_is_judged_by_its_record(
    dynamo: Fixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    await dynamo.store.put_job(a_job("later", due_at=NOW + DAY))

    async def stale(*_: object) -> list[str]:
        return ["later", "gone"]

    monkeypatch.setattr(dynamo.store._due, "before", stale)
    assert [job async for job in dynamo.store.due_jobs(NOW, 10)] == []


async def test_a_record_that_cannot_be_read_does_not_stop_a_sweep(dynamo: Fixture) -> None:
    await dynamo.store.put_job(a_job("good"))
    await dynamo.store.put_job(a_job("bad"))
    bad = await dynamo.item("bad") | {"record": {"S": "{"}}
    await dynamo.calls.once("put_item", TableName=dynamo.config.jobs_table, Item=bad)
    assert [job.job_id async for job in dynamo.store.due_jobs(NOW + 11, 10)] == ["good"]
    assert [job.job_id async for job in dynamo.store.all_jobs()] == ["good"]


# --- chunks ---


async def test_chunks_lie_a_thousand_to_an_item(dynamo: Fixture) -> None:
    await dynamo.store.put_upload(an_upload())
    for index in (999, 1000, 1999, 2000):
        await dynamo.store.add_chunk(an_upload(), index, f"{index:064x}")
    assert set(await dynamo.store.chunks(an_upload())) == {999, 1000, 1999, 2000}
    items = [one async for one in dynamo.calls.scan(dynamo.config.uploads_table)]
    chunks = {
        item["fileId"]["S"]: sorted(name for name in item if name[1:].isdigit()) for item in items
    }
    assert chunks == {
        "file": [],
        "file#0": ["c999"],
        "file#1": ["c1000", "c1999"],
        "file#2": ["c2000"],
    }
    assert [one.file_id async for one in dynamo.store.all_uploads()] == ["file"]
    assert await dynamo.store.remove_upload(an_upload())
    assert [one async for one in dynamo.calls.scan(dynamo.config.uploads_table)] == []


async def test_chunks_of_an_upload_of_unknown_size_are_found(dynamo: Fixture) -> None:
    upload = an_upload(size=None)
    await dynamo.store.put_upload(upload)
    await dynamo.store.add_chunk(upload, 1500, DIGEST)
    assert await dynamo.store.chunks(upload) == {1500: DIGEST}


async def test_a_chunk_takes_three_calls(dynamo: Fixture) -> None:
    await dynamo.store.put_upload(an_upload())
    for index in (0, 1, 2000):  # also the first of its page
        with failing(dynamo.calls, "", timed_out, after=False) as seen:
            chunk = await dynamo.store.chunk("file", index)
            await dynamo.store.add_chunk(chunk.upload, index, DIGEST)
        assert seen == ["batch_get_item", "update_item", "batch_get_item"]


async def test_a_chunk_of_a_completed_upload_is_told_though_its_page_was_read_first(
    dynamo: Fixture,
) -> None:
    upload = an_upload()
    await dynamo.store.put_upload(upload)

    async def completed() -> None:
        await dynamo.store.add_chunk(upload, 1500, DIGEST)
        assert await dynamo.store.save_upload(upload.completing(NOW))

    with pages_first(dynamo, completed):
        chunk = await dynamo.store.chunk("file", 1500)
    assert chunk == Chunk(upload.completing(NOW), 1500, DIGEST)


@pytest.mark.parametrize("others", [1, 1500])
async def test_what_is_recorded_just_before_a_chunk_is_told_with_it(
    dynamo: Fixture, others: int
) -> None:
    upload = an_upload()
    await dynamo.store.put_upload(upload)

    async def another() -> None:
        await dynamo.store.add_chunk(upload, others, DIGEST)

    with before_the_next(dynamo, "update_item", another):
        arrived = await dynamo.store.add_chunk(upload, 0, DIGEST)
    assert set(arrived.chunks) == {0, others}


@pytest.mark.parametrize("before", [(), (1,)])
async def test_a_chunk_that_comes_after_the_removal_leaves_nothing(
    dynamo: Fixture, before: tuple[int, ...]
) -> None:
    upload = an_upload()
    await dynamo.store.put_upload(upload)
    for index in before:
        await dynamo.store.add_chunk(upload, index, DIGEST)

    async def removed() -> None:
        assert await dynamo.store.remove_upload(upload)

    with before_the_next(dynamo, "update_item", removed), pytest.raises(UploadNotFound):
        await dynamo.store.add_chunk(upload, 0, DIGEST)
    assert [one async for one in dynamo.calls.scan(dynamo.config.uploads_table)] == []


async def test_an_abort_right_after_a_chunk_was_recorded_is_seen(dynamo: Fixture) -> None:
    upload = an_upload()
    await dynamo.store.put_upload(upload)

    async def aborted() -> None:
        assert await dynamo.store.save_upload(upload.aborted())

    with before_the_next(dynamo, "batch_get_item", aborted), pytest.raises(UploadNotFound):
        await dynamo.store.add_chunk(upload, 0, DIGEST)
    assert await dynamo.store.remove_upload(upload.aborted())
    assert [one async for one in dynamo.calls.scan(dynamo.config.uploads_table)] == []


def test_credentials_are_not_shown() -> None:
    config = dynamo_config("http://dynamo", secret_key="s3cr3t")  # noqa: S106
    assert "s3cr3t" not in repr(config)
