"""ConverterRegistry: which converters are alive, and what they can do."""

from typing import Any, cast

import msgspec
from msgspec import Struct
from redis.asyncio import Redis

from wavemill_common.queue import scripts

ALIVE_FOR = 30  # seconds without an announcement after which a converter counts as gone
ANNOUNCE_EVERY = 10.0  # seconds


class ConverterStatus(Struct, frozen=True, kw_only=True, rename="camel"):
    """What a converter tells of itself; `ffmpeg_version` is None where it found no ffmpeg.

    `sandbox` names what contains its ffmpeg.
    """

    name: str
    ffmpeg_version: str | None
    formats: tuple[str, ...]
    slots: int
    running: int
    sandbox: tuple[str, ...] = ()


class ConverterRegistry:
    """Converters announce themselves here; gateways and operators read it."""

    def __init__(self, client: Redis) -> None:
        self._redis = cast("Any", client)
        self._keys = (scripts.CONVERTERS, f"{scripts.CONVERTERS}:details")

    async def announce(self, status: ConverterStatus) -> None:
        """Be alive for another `ALIVE_FOR` seconds."""
        body = msgspec.json.encode(status)
        await self._redis.eval(scripts.ANNOUNCE, 2, *self._keys, status.name, body, ALIVE_FOR)

    async def withdraw(self, name: str) -> None:
        """Be gone at once."""
        await self._redis.zrem(self._keys[0], name)
        await self._redis.hdel(self._keys[1], name)

    async def alive(self) -> list[ConverterStatus]:
        """The converters that announced themselves lately."""
        found = await self._redis.eval(scripts.ALIVE, 2, *self._keys, ALIVE_FOR)
        return [msgspec.json.decode(body, type=ConverterStatus) for body in found if body]
