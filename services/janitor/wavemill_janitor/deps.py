"""Deps: what janitors work on."""

from collections.abc import Callable

from msgspec import Struct

from wavemill_common.objects import ObjectStore
from wavemill_common.progress.store import ProgressStore
from wavemill_common.queue.jobs import JobQueue
from wavemill_common.records import JobStore


class Deps(Struct, frozen=True):
    """The stores, the queue, and the settings that count."""

    jobs: JobStore
    objects: ObjectStore
    queue: JobQueue
    progress: ProgressStore
    job_ttl: float
    webhook_secret: bytes
    webhook_private: bool
    now: Callable[[], float]
