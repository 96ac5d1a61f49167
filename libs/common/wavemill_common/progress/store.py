"""ProgressStore: the newest progress of each job in Redis. A zombie cannot move the bar."""

from collections.abc import Collection
from contextlib import suppress
from typing import Any, cast

import msgspec
from msgspec import Struct
from redis.asyncio import Redis

from wavemill_common.progress.snapshot import Progress

PROGRESS_TTL = 3600.0  # seconds
MOST_AT_ONCE = 1000  # jobs in one read; a script takes some thousand keys
SEEN_AT_ONCE, SEEN_AT_MOST = 500, 2000  # keys

# key | revision, progress, the body without its opening brace, TTL in ms, channel
# Writes only what is newer, and never shows less than before; a stopped job (-1) is the exception.
_WRITE = """
local shown = tonumber(ARGV[2])
local old = redis.call('GET', KEYS[1])
if old then
  local seen = cjson.decode(old)
  if seen.revision >= tonumber(ARGV[1]) then return 0 end
  if shown >= 0 and seen.progress > shown then shown = seen.progress end
end
local now = redis.call('TIME')
local at = string.format('%d%03d', now[1], math.floor(now[2] / 1000))
local body = '{"progress":' .. shown .. ',"writtenAt":' .. at .. ',' .. ARGV[3]
redis.call('SET', KEYS[1], body, 'PX', ARGV[4])
redis.call('PUBLISH', ARGV[5], body)
return 1
"""

# keys → the time in ms, then what each key holds (false → nil: a Lua table ends at a nil)
_READ = """
local now = redis.call('TIME')
local found = redis.call('MGET', unpack(KEYS))
for i = 1, #KEYS do found[i] = found[i] or '' end
table.insert(found, 1, string.format('%d%03d', now[1], math.floor(now[2] / 1000)))
return found
"""


def progress_key(job_id: str) -> str:
    """Where the newest progress of a job lies."""
    return f"progress:{job_id}"


def channel_of(job_id: str) -> str:
    """Where every new progress of a job is published."""
    return f"job:{job_id}"


def decode_progress(body: bytes) -> Progress:
    """Read a progress object from its JSON."""
    return msgspec.json.decode(body, type=Progress)


class _Stamp(Struct, rename="camel"):
    """When a progress was written, in milliseconds by Redis' clock."""

    written_at: int = 0


class ProgressStore:
    """Writes and reads the newest progress. Raises what redis-py raises."""

    def __init__(self, client: Redis) -> None:
        self._redis = cast("Any", client)

    async def write(self, progress: Progress) -> bool:
        """Store and publish a progress if it is newer than the stored one; tell whether."""
        fields = msgspec.to_builtins(progress)
        shown = fields.pop("progress")
        body = msgspec.json.encode(fields)[1:]
        written = await self._redis.eval(
            _WRITE,
            1,
            progress_key(progress.job_id),
            progress.revision,
            shown,
            body,
            int(PROGRESS_TTL * 1000),
            channel_of(progress.job_id),
        )
        return bool(written)

    async def read(self, job_ids: Collection[str]) -> dict[str, tuple[Progress, float]]:
        """Read the newest progress of jobs → (progress, its age in seconds); unknown: left out.

        A thousand cost one round trip, and one reply to be parsed.
        """
        found, ids = dict[str, tuple[Progress, float]](), list(job_ids)
        for start in range(0, len(ids), MOST_AT_ONCE):
            found |= await self._read(ids[start : start + MOST_AT_ONCE])
        return found

    async def _read(self, job_ids: list[str]) -> dict[str, tuple[Progress, float]]:
        keys = map(progress_key, job_ids)
        now, *bodies = await self._redis.eval(_READ, len(job_ids), *keys)
        found = {}
        for job_id, body in zip(job_ids, bodies, strict=True):
            if body:
                # What another version of us wrote may not be understood: the record answers.
                with suppress(msgspec.MsgspecError):
                    written_at = msgspec.json.decode(body, type=_Stamp).written_at / 1000
                    found[job_id] = (decode_progress(body), max(0.0, int(now) / 1000 - written_at))
        return found

    async def ended(self, count: int) -> list[tuple[Progress, float]]:
        """The jobs that ended last → (progress, seconds since then), the latest first.

        At most `SEEN_AT_MOST` keys are looked at, so of very many jobs this is a sample.
        """
        seen: list[str] = []
        cursor = 0
        while len(seen) < SEEN_AT_MOST:
            cursor, keys = await self._redis.scan(
                cursor, match=progress_key("*"), count=SEEN_AT_ONCE
            )
            seen += [key.decode().removeprefix(progress_key("")) for key in keys]
            if not cursor:
                break
        found = await self.read(seen) if seen else {}
        ended = [one for one in found.values() if one[0].is_terminal]
        return sorted(ended, key=lambda one: one[1])[:count]

    async def forget(self, job_id: str) -> None:
        """Drop a job's progress: its record is gone."""
        await self._redis.delete(progress_key(job_id))
