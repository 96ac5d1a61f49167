"""A watcher's waits: its alarm outlasts one of them, and must ring at the end of the next."""

import asyncio
import time

from wavemill_common.progress.feed import Watch


async def woken(watch: Watch, seconds: float) -> None:
    """Begin a wait of so many seconds, and end it at once."""
    waiting = asyncio.create_task(watch.next(seconds))
    await asyncio.sleep(0)
    watch.wake()
    assert await waiting == []


async def test_the_alarm_of_a_wait_that_was_ended_does_not_end_the_next() -> None:
    watch = Watch({})
    await woken(watch, 0.01)
    began = time.monotonic()
    assert await watch.next(0.2) == []
    assert time.monotonic() - began >= 0.19


async def test_a_shorter_wait_is_not_held_up_by_the_alarm_of_a_longer_one() -> None:
    watch = Watch({})
    await woken(watch, 60)
    async with asyncio.timeout(10):
        assert await watch.next(0.01) == []
    watch.close()


async def test_a_closed_watch_rings_no_more() -> None:
    watch = Watch({})
    await woken(watch, 0.01)
    watch.close()
    async with asyncio.timeout(10):
        assert await watch.next(0.02) == []
