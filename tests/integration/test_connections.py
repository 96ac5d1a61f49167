"""What we need of redis-py beyond what it does by itself, against a real server."""

import asyncio

import pytest

from support.redis import TestRedis
from wavemill_common.connections import REDIS_ERRORS, connect


@pytest.mark.parametrize("turns", range(12))
async def test_a_command_can_be_cancelled_at_any_moment(
    redis_server: TestRedis, turns: int
) -> None:
    async with connect(redis_server.url) as client:

        async def ask_for_ever() -> None:
            while True:
                await client.get("key")

        await client.set("key", "value")
        for _ in range(10):
            asking = asyncio.create_task(ask_for_ever())
            for _ in range(turns):
                await asyncio.sleep(0)
            asking.cancel()
            _, running = await asyncio.wait([asking], timeout=2)
            assert not running
            assert await client.get("key") == b"value"


async def test_a_connection_that_the_server_closed_fails_no_command(own_redis: TestRedis) -> None:
    async with connect(own_redis.url) as client:
        await asyncio.gather(*(client.get("key") for _ in range(5)))
        own_redis.kill()
        await own_redis.start_again()
        assert await asyncio.gather(*(client.get("key") for _ in range(5))) == [None] * 5


async def test_waiting_for_a_reply_ends_with_the_timeout(own_redis: TestRedis) -> None:
    async with connect(own_redis.url, reply_timeout=0.2) as client:
        await client.get("key")
        own_redis.pause()
        try:
            async with asyncio.timeout(2):
                with pytest.raises(REDIS_ERRORS):
                    await client.get("key")
        finally:
            own_redis.resume()
        assert await client.get("key") is None
