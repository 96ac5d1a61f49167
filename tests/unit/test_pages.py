"""A step for each of many records: page by page, several abreast."""

import asyncio
from collections.abc import AsyncIterator

import pytest

from wavemill_janitor.pages import ABREAST, AT_ONCE, sweep_pages


class Records:
    """Numbers that go once their step is taken, but for those that stay."""

    def __init__(self, count: int, staying: int = 0) -> None:
        self.left = list(range(count))
        self.staying = set(range(staying))
        self.reads = self.abreast = self.most = 0

    async def read(self, most: int) -> AsyncIterator[int]:
        self.reads += 1
        for number in self.left[:most]:
            yield number

    async def take(self, number: int) -> bool:
        self.abreast += 1
        self.most = max(self.most, self.abreast)
        await asyncio.sleep(0)
        self.abreast -= 1
        if number in self.staying:
            return False
        self.left.remove(number)
        return True


async def test_more_than_a_page_goes_in_one_sweep() -> None:
    records = Records(2 * AT_ONCE + 1)
    assert await sweep_pages(records.read, records.take) == 2 * AT_ONCE + 1
    assert not records.left
    assert records.reads == 3


async def test_so_many_steps_are_taken_at_once_and_no_more() -> None:
    records = Records(100)
    await sweep_pages(records.read, records.take)
    assert records.most == ABREAST


async def test_a_page_that_stays_is_left_for_the_next_sweep() -> None:
    records = Records(2 * AT_ONCE, staying=AT_ONCE)
    assert await sweep_pages(records.read, records.take) == 0
    assert records.reads == 1


async def test_a_failed_step_keeps_no_other_from_being_taken() -> None:
    records = Records(40)

    async def take(number: int) -> bool:
        if number == 3:
            raise LookupError("three")
        return await records.take(number)

    with pytest.raises(LookupError, match="three"):
        await sweep_pages(records.read, take)
    assert records.left == [3]
