"""One run for all who ask at the same time, and nobody suffers when the first of them leaves."""

import asyncio

import pytest

from wavemill_gateway.sharing import Shared


class Work:
    """Counts its runs; each ends when it is told to."""

    def __init__(self) -> None:
        self.runs = 0
        self.may_end = asyncio.Event()

    async def __call__(self) -> int:
        self.runs += 1
        await self.may_end.wait()
        return self.runs


async def begun(*tasks: "asyncio.Task[tuple[int, bool]]") -> None:
    """Let tasks come to where they wait."""
    for _ in tasks:
        await asyncio.sleep(0)


async def test_who_comes_meanwhile_gets_the_same_result() -> None:
    shared, work = Shared[int](), Work()
    tasks = [asyncio.create_task(shared.run("a", work)) for _ in range(3)]
    await begun(*tasks)
    work.may_end.set()
    assert await asyncio.gather(*tasks) == [(1, True), (1, False), (1, False)]


async def test_a_first_caller_who_leaves_takes_nobody_along() -> None:
    shared, work = Shared[int](), Work()
    first, *others = [asyncio.create_task(shared.run("a", work)) for _ in range(3)]
    await begun(first, *others)
    first.cancel()
    await begun(first, *others)
    work.may_end.set()
    assert await asyncio.gather(*others) == [(2, True), (2, False)]
    assert first.cancelled()


async def test_an_error_is_everybodys() -> None:
    shared = Shared[int]()

    async def fail() -> int:
        await asyncio.sleep(0)
        raise ValueError("no")

    tasks = [asyncio.create_task(shared.run("a", fail)) for _ in range(2)]
    for task in tasks:
        with pytest.raises(ValueError, match="no"):
            await task
