"""Committer: one thread that writes, with one commit for all writes that wait."""

import asyncio
import queue
import sqlite3
import threading
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

from wavemill_common.records.faults import job_store_fault

MAX_BATCH = 500  # writes that share one commit

T = TypeVar("T")
Work = Callable[[sqlite3.Connection], T]


@dataclass(frozen=True)
class _Write:
    work: Work[Any]
    waiting: asyncio.Future[Any]


class Committer:
    """Owns the connection that writes.

    An fsync costs far more than a write, so those that come during one commit share the next.
    Each runs in a savepoint of its own and gets its own outcome, after the commit. They are told
    all at once: an event loop that is woken for each of them does little else.
    """

    def __init__(self, path: Path, connection: sqlite3.Connection) -> None:
        self._path = path
        self._connection = connection
        self._waiting: queue.SimpleQueue[_Write | None] = queue.SimpleQueue()
        self._thread = threading.Thread(target=self._run, name="job-store-commits", daemon=True)
        self._thread.start()

    async def write(self, work: Work[T]) -> T:
        """Run `work` in the next transaction; return once its changes are durable.

        What it raises undoes its own changes only. Cancelled before it began, it never runs.

        Raises:
            JobStoreUnavailable, InsufficientStorage: nothing was written.
        """
        waiting: asyncio.Future[T] = asyncio.get_running_loop().create_future()
        self._waiting.put(_Write(work, waiting))
        return await waiting

    def close(self) -> None:
        """Commit what waits, then close; blocks until that is done. No write may follow."""
        self._waiting.put(None)
        self._thread.join()

    def _run(self) -> None:
        open_ = True
        while open_:
            batch = [self._waiting.get()]
            while len(batch) < MAX_BATCH and not self._waiting.empty():
                batch.append(self._waiting.get())
            open_ = None not in batch
            writes = [one for one in batch if one and not one.waiting.cancelled()]
            if writes:
                _tell(writes, self._outcomes(writes))
        self._connection.close()

    def _outcomes(self, writes: Sequence[_Write]) -> list[Any]:
        try:
            return self._commit(writes)
        except Exception as error:  # noqa: BLE001 - whatever it is, somebody waits to hear it
            self._undo()
            return [self._explain(error) for _ in writes]

    def _commit(self, writes: Sequence[_Write]) -> list[Any]:
        self._connection.execute("BEGIN IMMEDIATE")
        results = [self._attempt(write.work) for write in writes]
        self._connection.execute("COMMIT")
        return results

    def _attempt(self, work: Work[T]) -> T | Exception:
        self._connection.execute("SAVEPOINT one")
        try:
            return work(self._connection)
        except Exception as error:
            if not self._connection.in_transaction:
                raise  # a full disk, for one, undoes the whole transaction
            self._connection.execute("ROLLBACK TO one")
            return self._explain(error)
        finally:
            if self._connection.in_transaction:
                self._connection.execute("RELEASE one")

    def _undo(self) -> None:
        if self._connection.in_transaction:
            self._connection.execute("ROLLBACK")

    def _explain(self, error: Exception) -> Exception:
        return job_store_fault(error, self._path) if isinstance(error, sqlite3.Error) else error


def _tell(writes: Sequence[_Write], outcomes: Sequence[Any]) -> None:
    """Hand outcomes to those who wait, each in its event loop."""
    told: dict[asyncio.AbstractEventLoop, list[tuple[asyncio.Future[Any], Any]]] = {}
    for write, outcome in zip(writes, outcomes, strict=True):
        told.setdefault(write.waiting.get_loop(), []).append((write.waiting, outcome))
    for loop, pairs in told.items():
        with suppress(RuntimeError):  # it is closed: nobody waits any more
            loop.call_soon_threadsafe(_settle, pairs)


def _settle(pairs: Sequence[tuple[asyncio.Future[Any], Any]]) -> None:
    for waiting, outcome in pairs:
        if waiting.done():  # cancelled
            continue
        if isinstance(outcome, Exception):
            waiting.set_exception(outcome)
        else:
            waiting.set_result(outcome)
