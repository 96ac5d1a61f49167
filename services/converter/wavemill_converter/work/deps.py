"""Deps: what all attempts of a converter share."""

from collections.abc import Callable

from msgspec import Struct

from wavemill_common.progress.store import ProgressStore
from wavemill_common.queue.jobs import JobQueue
from wavemill_common.records import JobStore
from wavemill_common.settings import Timings
from wavemill_converter.tools import Tools
from wavemill_converter.work.scratch import Scratch


class Deps(Struct, frozen=True):
    """The stores, the queue, the tools, and the settings that count."""

    jobs: JobStore
    queue: JobQueue
    progress: ProgressStore
    tools: Tools
    scratch: Scratch
    timings: Timings
    job_ttl: float
    max_strikes: int
    drain_grace: float
    streaming: bool
    now: Callable[[], float]
