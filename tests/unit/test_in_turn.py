"""Streams one after the other, each begun before it is wanted."""

import asyncio
from collections.abc import AsyncGenerator, Sequence

import pytest

from wavemill_common.errors import StorageUnavailable
from wavemill_common.objects.in_turn import AHEAD, Stream, in_turn

BLOCK = AHEAD // 4


class Source:
    """A stream of some blocks; it knows whether it was begun, and whether it was closed."""

    def __init__(self, blocks: int, fails_at: int | None = None) -> None:
        self.size = blocks * BLOCK
        self.begun = self.closed = False
        self._fails_at = fails_at
        self.may_begin = asyncio.Event()
        self.may_begin.set()

    async def blocks(self) -> AsyncGenerator[bytes, None]:
        self.begun = True
        try:
            await self.may_begin.wait()
            for number in range(self.size // BLOCK):
                if number == self._fails_at:
                    raise OSError("broken")
                yield bytes(BLOCK)
        finally:
            self.closed = True


def reading(sources: Sequence[Source]) -> AsyncGenerator[bytes, None]:
    return in_turn(Stream(one.blocks(), one.size) for one in sources)


async def take(blocks: AsyncGenerator[bytes, None], into: list[bytes]) -> None:
    async for block in blocks:
        into.append(block)  # noqa: PERF401 - what came before a failure counts


async def test_the_next_is_begun_a_little_before_the_end_and_not_sooner() -> None:
    sources = [Source(8), Source(8), Source(8)]
    blocks = reading(sources)
    begun = []
    async for _ in blocks:
        await asyncio.sleep(0)
        begun.append(sum(one.begun for one in sources))
    assert begun == [1] * 4 + [2] * 8 + [3] * 12
    assert all(one.closed for one in sources)


async def test_small_ones_are_begun_one_at_a_time() -> None:
    sources = [Source(1) for _ in range(5)]
    blocks = reading(sources)
    await anext(blocks)
    await asyncio.sleep(0)
    assert [one.begun for one in sources] == [True, True, False, False, False]
    await blocks.aclose()


@pytest.mark.parametrize("taken", [0, 1, 4, 5, 8, 9])
async def test_who_stops_early_leaves_nothing_open(taken: int) -> None:
    sources = [Source(8), Source(8)]
    sources[1].may_begin.clear()
    blocks = reading(sources)
    for _ in range(min(taken, 8)):
        await anext(blocks)
    await asyncio.sleep(0)
    await blocks.aclose()
    assert all(one.closed for one in sources if one.begun)
    assert asyncio.all_tasks() == {asyncio.current_task()}


async def test_who_is_cancelled_while_waiting_leaves_nothing_open() -> None:
    sources = [Source(1), Source(1)]
    sources[1].may_begin.clear()
    blocks = reading(sources)
    await anext(blocks)
    waiting = asyncio.ensure_future(anext(blocks))
    await asyncio.sleep(0)
    waiting.cancel()
    with pytest.raises(asyncio.CancelledError):
        await waiting
    await blocks.aclose()
    assert all(one.closed for one in sources)
    assert asyncio.all_tasks() == {asyncio.current_task()}


@pytest.mark.parametrize("fails_at", [0, 3])
async def test_a_failure_comes_when_its_turn_has_come(fails_at: int) -> None:
    sources = [Source(8), Source(8, fails_at), Source(8)]
    taken: list[bytes] = []
    with pytest.raises(OSError, match="broken"):
        await take(reading(sources), taken)
    assert len(taken) == 8 + fails_at
    assert all(one.closed for one in sources if one.begun)


async def test_a_stream_that_ends_early_is_an_error_and_no_silence() -> None:
    short = Source(2)
    streams = iter([Stream(short.blocks(), 3 * BLOCK), Stream(Source(1).blocks(), BLOCK)])
    taken: list[bytes] = []
    with pytest.raises(StorageUnavailable, match="ended early"):
        await take(in_turn(streams), taken)
    assert len(taken) == 2
