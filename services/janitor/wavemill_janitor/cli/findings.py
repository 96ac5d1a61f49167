"""Findings: what doctor makes of what it sees, and what to do about it. Pure."""

import re
from collections.abc import Sequence
from enum import StrEnum

from msgspec import Struct

from wavemill_common.catalogue import FORMATS
from wavemill_common.queue.converters import ConverterStatus
from wavemill_common.queue.inspection import QueueReport, ServerReport
from wavemill_janitor.cli.filters import format_age
from wavemill_janitor.output import format_bytes

OLDEST_REDIS = (7, 0)
CLOCK_TOLERANCE = 2.0  # seconds
WAITING_LONG = 900.0  # seconds
MIN_FREE = 1 << 30  # bytes


class Level(StrEnum):
    """How a check went."""

    OK = "ok"
    FINDING = "finding"
    DOWN = "down"
    SKIPPED = "skipped"  # it could not be looked at, or is of no concern here


class Check(Struct, frozen=True):
    """One line of doctor's answer; `advice` says what to do, empty where all is well."""

    name: str
    level: Level
    message: str
    advice: str = ""


def ok(name: str, message: str) -> Check:
    """All is well."""
    return Check(name, Level.OK, message)


def finding(name: str, message: str, advice: str) -> Check:
    """Something should be done."""
    return Check(name, Level.FINDING, message, advice)


def judge_space(free: int, largest_upload: int) -> Check:
    """The data directory's disk."""
    message = f"{format_bytes(free)} free"
    needed = max(MIN_FREE, largest_upload)
    if free < needed:
        advice = (
            f"free at least {format_bytes(needed)}, one upload of the largest size: "
            "`storage usage` shows what fills it, `storage orphans` what nobody needs"
        )
        return finding("free space", message, advice)
    return ok("free space", message)


def judge_server(server: ServerReport) -> list[Check]:
    """The Redis or Valkey server."""
    numbers = tuple(int(one) for one in re.findall(r"\d+", server.version)[:2])
    version = ok("redis version", server.version)
    if numbers < OLDEST_REDIS:
        version = finding("redis version", server.version, "install Redis or Valkey 7.0 or newer")
    eviction = ok("redis eviction", server.eviction)
    if server.eviction != "noeviction":
        advice = "set maxmemory-policy to noeviction: any other deletes queued work"
        eviction = finding("redis eviction", server.eviction, advice)
    durable = ok("redis append-only file", "on")
    if not server.append_only:
        advice = "set appendonly to yes: without it a restart empties the queue (a janitor refills)"
        durable = finding("redis append-only file", "off", advice)
    return [version, eviction, durable, _judge_clock(server.clock_ahead)]


def _judge_clock(ahead: float) -> Check:
    message = f"{ahead:+.2f} s from this machine's"
    if abs(ahead) > CLOCK_TOLERANCE:
        return finding("redis clock", message, "run NTP on both machines: leases go by clocks")
    return ok("redis clock", message)


def judge_keys(strays: Sequence[str], limit: int) -> Check:
    """Keys that never expire and are none of ours."""
    if not strays:
        return ok("redis keys", "all expire, but for the queue's own")
    many = f"{limit} or more" if len(strays) >= limit else f"{len(strays)}"
    advice = "if no other program shares this Redis, delete them: they never expire"
    return finding("redis keys", f"{many} others without a TTL, as {strays[0]!r}", advice)


def judge_queue(queue: QueueReport) -> list[Check]:
    """The queue's groups, its epoch, its dead letters."""
    missing = [one.lane for one in queue.lanes if not one.has_group]
    groups = ok("queue groups", f"{len(queue.lanes)} lanes")
    if missing:
        advice = "start a converter or `wavemill-janitor run`: either makes them"
        groups = finding("queue groups", f"missing for {', '.join(missing)}", advice)
    epoch = ok("queue epoch", "set")
    if queue.epoch is None:
        advice = "Redis lost its data: `wavemill-janitor sweep` fills the queue from the records"
        epoch = finding("queue epoch", "absent", advice)
    dead = ok("dead letters", "none")
    if queue.dead:
        advice = "look at them with `queue dead`; run them again with `queue replay`"
        dead = finding("dead letters", f"{queue.dead} jobs were given up", advice)
    return [groups, epoch, dead]


def judge_converters(alive: Sequence[ConverterStatus]) -> list[Check]:
    """Who converts, and what cannot be converted to."""
    if not alive:
        return [
            finding(
                "converters", "none is alive", "start a converter: python -m wavemill_converter"
            )
        ]
    slots = sum(one.slots for one in alive)
    running = sum(one.running for one in alive)
    checks = [ok("converters", f"{len(alive)} alive, {running} of {slots} slots in use")]
    without = [one.name for one in alive if not one.ffmpeg_version]
    if without:
        advice = "install ffmpeg 5 or newer there, or set WAVEMILL_FFMPEG to its path"
        checks.append(finding("ffmpeg", f"missing on {', '.join(without)}", advice))
    else:
        versions = sorted({one.ffmpeg_version or "" for one in alive})
        checks.append(ok("ffmpeg", f"version {', '.join(versions)}"))
    offered = {name for one in alive for name in one.formats}
    missing = [name for name in FORMATS if name not in offered]
    if missing:
        advice = "install an ffmpeg with their encoders, or live without these formats"
        checks.append(finding("formats", f"nobody makes {', '.join(missing)}", advice))
    else:
        checks.append(ok("formats", f"all {len(FORMATS)} of the catalogue"))
    return checks


def judge_jobs(stuck: int, oldest_waiting: float | None, undelivered: int) -> list[Check]:
    """Jobs that should be further on. `oldest_waiting` in seconds."""
    checks = [ok("stuck jobs", "none")]
    if stuck:
        advice = (
            "is a janitor running? `wavemill-janitor sweep` looks after them once; "
            "`jobs requeue --status created,processing` shows what the queue has lost"
        )
        checks = [finding("stuck jobs", f"{stuck} due for over 5 minutes", advice)]
    waiting = format_age(oldest_waiting) if oldest_waiting is not None else "nothing waits"
    if oldest_waiting is not None and oldest_waiting > WAITING_LONG:
        advice = "start more converters, or raise WAVEMILL_CONVERTER_SLOTS; see `queue stats`"
        checks.append(finding("oldest waiting job", waiting, advice))
    else:
        checks.append(ok("oldest waiting job", waiting))
    if undelivered:
        advice = "see `webhooks redeliver --failed`, which tells why, and calls again with --apply"
        checks.append(finding("webhooks", f"{undelivered} given up undelivered", advice))
    else:
        checks.append(ok("webhooks", "none given up"))
    return checks


def judge_orphans(found: int, looked_at: int) -> Check:
    """Objects that no record names, among those that were looked at."""
    message = f"{found} among {looked_at} objects looked at"
    if found:
        return finding("orphans", message, "list them all with `storage orphans`")
    return ok("orphans", message)
