"""Context: open only what a command needs, so that most work while something else is down."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from wavemill_common.connections import connect
from wavemill_common.queue.jobs import JobQueue
from wavemill_common.records import JobStore
from wavemill_common.settings import Environment, SettingError, Settings
from wavemill_common.stores import open_job_store, redis_url
from wavemill_common.submission import Submission
from wavemill_janitor.cli.exits import DependencyDown
from wavemill_janitor.deps import Deps
from wavemill_janitor.main import open_deps

PATIENCE = 5.0  # seconds that an operator waits for Redis to answer


def check_data(settings: Settings) -> None:
    """Return if there is data to look at; a mistyped directory must not become an empty store.

    Raises:
        DependencyDown: there is none.
    """
    if settings.env is not Environment.EMBEDDED:
        return
    if not settings.records_path.exists():
        raise DependencyDown(
            f"the job store is not there: {settings.records_path.absolute()} does not exist; "
            "set DATA_DIR to the directory that wavemill runs on, or start `wavemill up` there"
        )


def find_redis(settings: Settings) -> str:
    """Where Redis is.

    Raises:
        DependencyDown: nobody says so.
    """
    try:
        return redis_url(settings)
    except SettingError as error:
        raise DependencyDown(
            f"Redis is down: {error}; start `wavemill up` there, or set REDIS_URL"
        ) from None


@asynccontextmanager
async def open_records(settings: Settings) -> AsyncIterator[JobStore]:
    """The records alone."""
    check_data(settings)
    async with open_job_store(settings) as records:
        yield records


@asynccontextmanager
async def open_all(settings: Settings) -> AsyncIterator[Deps]:
    """Everything that a janitor works on."""
    check_data(settings)
    find_redis(settings)
    async with open_deps(settings) as deps:
        yield deps


@asynccontextmanager
async def open_queue(settings: Settings) -> AsyncIterator[JobQueue]:
    """The queue alone."""
    async with connect(find_redis(settings), reply_timeout=PATIENCE) as redis:
        yield JobQueue(redis)


def submission(deps: Deps, settings: Settings) -> Submission:
    """How jobs enter and leave the queue."""
    due_after = settings.timings.due_after
    return Submission(deps.jobs, deps.queue, deps.progress, deps.job_ttl, due_after, deps.now)
