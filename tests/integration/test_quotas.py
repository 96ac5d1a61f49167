"""Quotas against real records, as one gateway keeps them."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from msgspec import structs

from wavemill_common.errors import RateLimited
from wavemill_common.records import JobStore
from wavemill_common.records.sqlite import SqliteJobStore
from wavemill_common.uploads import Upload, UploadState
from wavemill_gateway.access.quotas import QuotaLimits, Quotas

NOW = 1_800_000_000.0


@pytest.fixture
async def records(tmp_path: Path) -> AsyncIterator[JobStore]:
    async with SqliteJobStore.open(tmp_path / "records.sqlite3") as one:
        yield one


def an_upload(name: str, owner: str = "key:a") -> Upload:
    return Upload(
        file_id=name,
        file_name="a.wav",
        size=10,
        chunk_size=10,
        storage_key=f"uploads/{name}.wav",
        created_at=NOW,
        expires_at=NOW + 100,
        owner=owner,
    )


def quotas(records: JobStore, **limits: int) -> Quotas:
    return Quotas(records, QuotaLimits(**limits), lambda: NOW)


async def test_an_owner_may_have_a_limit_of_its_own(records: JobStore) -> None:
    few = quotas(records, open_uploads=1)
    for name in ("one", "two", "three"):
        async with few.room_for_upload(an_upload(name), 10, own=3):
            await records.put_upload(an_upload(name))
    with pytest.raises(RateLimited, match="you have 3 uploads"):
        async with few.room_for_upload(an_upload("four"), 10, own=3):
            pass
    async with few.room_for_upload(an_upload("five"), 10, own=0):  # any number
        pass


async def test_a_record_that_could_not_be_written_takes_no_room(records: JobStore) -> None:
    one = quotas(records, open_uploads=1)
    with pytest.raises(ZeroDivisionError):
        async with one.room_for_upload(an_upload("one"), 10):
            raise ZeroDivisionError
    async with one.room_for_upload(an_upload("two"), 10):
        pass


async def test_what_is_being_written_counts_already(records: JobStore) -> None:
    one = quotas(records, open_uploads=1, stored_bytes=15)
    async with one.room_for_upload(an_upload("one"), 10):
        with pytest.raises(RateLimited):
            async with one.room_for_upload(an_upload("two"), 10):
                pass
        other = quotas(records, stored_bytes=15)
        async with other.room_for_upload(an_upload("two"), 10):
            with pytest.raises(RateLimited, match="GiB"):
                async with other.room_for_upload(an_upload("three"), 6):
                    pass


async def test_what_ended_elsewhere_takes_no_room(records: JobStore) -> None:
    """Another process deleted it a moment after this one had let it in."""
    one = quotas(records, open_uploads=1)
    first = an_upload("one")
    async with one.room_for_upload(first, 10):
        await records.put_upload(first)
    assert await records.remove_upload(first)
    async with one.room_for_upload(an_upload("two"), 10):
        await records.put_upload(an_upload("two"))
    completing = structs.replace(an_upload("two"), revision=2, state=UploadState.COMPLETING)
    assert await records.save_upload(completing)
    with pytest.raises(RateLimited):  # still under way
        async with one.room_for_upload(an_upload("three"), 10):
            pass
