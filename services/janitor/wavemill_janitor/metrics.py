"""Metrics of the janitor: its sweeps, and the queue, which it reads when somebody asks."""

import asyncio
import math
import time
from collections.abc import Awaitable, Callable

from prometheus_client import Counter, Gauge, Summary

from wavemill_common.connections import REDIS_ERRORS, connect
from wavemill_common.queue.converters import ConverterRegistry, ConverterStatus
from wavemill_common.queue.inspection import QueueInspector, QueueReport
from wavemill_common.settings import Settings
from wavemill_common.stores import redis_url

LAST_SUCCESS = Gauge(
    "wavemill_janitor_sweep_last_success_timestamp_seconds",
    "When a sweep last came to its end (seconds since 1970); 0: not yet",
    ["sweep"],
)
DONE = Counter("wavemill_janitor_sweep_items_total", "What sweeps have done", ["sweep"])
FAILED = Counter("wavemill_janitor_sweep_failures_total", "Sweeps that failed", ["sweep"])
TOOK = Summary("wavemill_janitor_sweep_duration_seconds", "How long sweeps take", ["sweep"])
WEBHOOKS = Counter(
    "wavemill_webhook_calls_total", "Webhooks called: delivered, or failed", ["result"]
)

REDIS_UP = Gauge("wavemill_redis_up", "1 if Redis answered when this was asked, else 0")
WAITING = Gauge("wavemill_queue_waiting_jobs", "Jobs that no converter has taken yet", ["lane"])
PENDING = Gauge("wavemill_queue_pending_jobs", "Jobs in the hands of converters", ["lane"])
LAG = Gauge(
    "wavemill_queue_lag_jobs",
    "Entries not delivered yet, as the consumer group counts; absent where Redis cannot tell",
    ["lane"],
)
OLDEST = Gauge(
    "wavemill_queue_oldest_waiting_seconds", "Age of the longest waiting job; 0: none", ["lane"]
)
DELAYED = Gauge("wavemill_queue_delayed_jobs", "Jobs that wait for their next attempt")
DEAD = Gauge("wavemill_queue_dead_letters", "Jobs given up that nobody has dealt with")
CONVERTERS = Gauge("wavemill_converters", "Converters alive, by whether they have ffmpeg", ["able"])
SLOTS = Gauge("wavemill_converters_slots", "Slots of all converters alive", ["state"])

PATIENCE = 2.0  # seconds
_BY_LANE = (WAITING, PENDING, LAG, OLDEST, CONVERTERS, SLOTS)


async def observed(name: str, sweep: Callable[[], Awaitable[int]]) -> int:
    """Do a sweep, and count it."""
    sweep_name, began = name.strip("_"), time.perf_counter()
    try:
        done = await sweep()
    except Exception:
        FAILED.labels(sweep_name).inc()
        raise
    TOOK.labels(sweep_name).observe(time.perf_counter() - began)
    LAST_SUCCESS.labels(sweep_name).set_to_current_time()
    DONE.labels(sweep_name).inc(done)
    return done


async def read_queue(settings: Settings) -> None:
    """Look at the queue. Where Redis does not answer, nothing is told of it: no stale numbers."""
    try:
        async with (
            asyncio.timeout(PATIENCE),
            connect(redis_url(settings), reply_timeout=PATIENCE) as redis,
        ):
            queue = await QueueInspector(redis).report()
            converters = await ConverterRegistry(redis).alive()
    except (TimeoutError, *REDIS_ERRORS):
        _forget()
        return
    REDIS_UP.set(1)
    _show_queue(queue)
    _show_converters(converters)


def _show_queue(queue: QueueReport) -> None:
    LAG.clear()
    for lane in queue.lanes:
        WAITING.labels(lane.lane).set(lane.waiting)
        PENDING.labels(lane.lane).set(lane.pending)
        OLDEST.labels(lane.lane).set(lane.oldest_waiting or 0.0)
        if lane.lag is not None:
            LAG.labels(lane.lane).set(lane.lag)
    DELAYED.set(queue.delayed)
    DEAD.set(queue.dead)


def _show_converters(converters: list[ConverterStatus]) -> None:
    able = sum(one.ffmpeg_version is not None for one in converters)
    CONVERTERS.labels("yes").set(able)
    CONVERTERS.labels("no").set(len(converters) - able)
    used = sum(one.running for one in converters)
    SLOTS.labels("used").set(used)
    SLOTS.labels("free").set(max(0, sum(one.slots for one in converters) - used))


def _forget() -> None:
    REDIS_UP.set(0)
    for gauge in _BY_LANE:
        gauge.clear()
    for gauge in (DELAYED, DEAD):
        gauge.set(math.nan)
