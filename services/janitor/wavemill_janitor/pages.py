"""Pages: take one step for each of many records, a page at a time, several abreast."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from typing import TypeVar

AT_ONCE = 500  # records of a page
ABREAST = 16  # steps at the same time: each waits for stores most of its time

T = TypeVar("T")


async def sweep_pages(
    read: Callable[[int], AsyncIterator[T]], step: Callable[[T], Awaitable[bool]]
) -> int:
    """Take a step for each record that `read` finds; return how many steps did something.

    Another page is read while pages are full, and their records mostly go; what stays comes again
    with the next sweep. A failed step keeps no other from being taken; the first failure is raised.
    """
    done = 0
    while True:
        page = [record async for record in read(AT_ONCE)]
        moved = await _each(page, step)
        done += moved
        if len(page) < AT_ONCE or 2 * moved < AT_ONCE:
            return done


async def _each(records: Sequence[T], step: Callable[[T], Awaitable[bool]]) -> int:
    free = asyncio.Semaphore(ABREAST)

    async def take(record: T) -> bool:
        async with free:
            return await step(record)

    results = await asyncio.gather(*map(take, records), return_exceptions=True)
    for result in results:
        if isinstance(result, BaseException):
            raise result
    return sum(map(bool, results))
