"""Reads of progress that share a round trip: nobody is told less, nobody holds up another."""

import asyncio
from collections.abc import AsyncIterator, Collection

import pytest

from support.records import a_job
from wavemill_common.progress.coalesced import CoalescedReads
from wavemill_common.progress.reader import ReadsProgress
from wavemill_common.progress.snapshot import Progress, progress_of


class Shelf(ReadsProgress):
    """A store of progress that counts its reads, and may be held up or broken."""

    def __init__(self) -> None:
        self.reads: list[list[str]] = []
        self.open = asyncio.Event()
        self.open.set()
        self.broken: Exception | None = None

    async def read(self, job_ids: Collection[str]) -> dict[str, tuple[Progress, float]]:
        self.reads.append(list(job_ids))
        await self.open.wait()
        if self.broken:
            raise self.broken
        return {one: (progress_of(a_job(one)), 0.0) for one in job_ids if one != "unknown"}


@pytest.fixture
def shelf() -> Shelf:
    return Shelf()


@pytest.fixture
async def reads(shelf: Shelf) -> AsyncIterator[CoalescedReads]:
    coalesced = CoalescedReads(shelf)
    async with asyncio.TaskGroup() as group:
        running = group.create_task(coalesced.run())
        yield coalesced
        running.cancel()


async def test_who_asks_in_the_same_moment_shares_one_read(
    shelf: Shelf, reads: CoalescedReads
) -> None:
    answers = await asyncio.gather(*(reads.read([one]) for one in ("a", "b", "a", "unknown")))
    assert shelf.reads == [["a", "b", "unknown"]]
    assert [sorted(answer) for answer in answers] == [["a"], ["b"], ["a"], []]


async def test_who_asks_while_a_read_is_under_way_gets_one_that_began_later(
    shelf: Shelf, reads: CoalescedReads
) -> None:
    shelf.open.clear()
    async with asyncio.TaskGroup() as group:
        group.create_task(reads.read(["a"]))
        while not shelf.reads:
            await asyncio.sleep(0)
        group.create_task(reads.read(["a"]))
        while len(shelf.reads) == 1:
            await asyncio.sleep(0)
        shelf.open.set()
    assert shelf.reads == [["a"], ["a"]]


async def test_a_failure_is_told_to_all_and_ends_nothing(
    shelf: Shelf, reads: CoalescedReads
) -> None:
    shelf.broken = ConnectionError("gone")
    found = await asyncio.gather(reads.read(["a"]), reads.read(["b"]), return_exceptions=True)
    assert [type(one) for one in found] == [ConnectionError, ConnectionError]
    shelf.broken = None
    assert set(await reads.read(["a"])) == {"a"}


async def test_who_leaves_takes_nothing_from_the_others(
    shelf: Shelf, reads: CoalescedReads
) -> None:
    shelf.open.clear()
    leaving, staying = (asyncio.ensure_future(reads.read([one])) for one in "ab")
    while not shelf.reads:
        await asyncio.sleep(0)
    leaving.cancel()
    shelf.open.set()
    assert set(await staying) == {"b"}
    assert leaving.cancelled()
