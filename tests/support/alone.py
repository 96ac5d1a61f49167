"""Tests marked `alone` have the machine to themselves where several workers run tests.

They measure, or are about who is faster. Two locks: whoever waits for the machine holds the gate,
so that a stream of ordinary tests cannot keep it waiting for ever.
"""

import fcntl
import tempfile
from collections.abc import Generator, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest


@pytest.hookimpl(wrapper=True, tryfirst=True)  # outside of pytest-timeout: waiting is no hanging
def pytest_runtest_protocol(item: pytest.Item) -> Generator[None, object, object]:
    """Wait for this test's turn."""
    worker = getattr(item.config, "workerinput", None)
    if worker is None:
        return (yield)
    locks = Path(tempfile.gettempdir()) / f"wavemill-tests-{worker['testrunuid']}"
    with turn(locks, alone=item.get_closest_marker("alone") is not None):
        return (yield)


@contextmanager
def turn(locks: Path, *, alone: bool) -> Iterator[None]:
    """Hold the machine for the time of a block, among others or alone; `locks` is a folder."""
    locks.mkdir(exist_ok=True)
    with (locks / "gate").open("w") as gate, (locks / "machine").open("w") as machine:
        fcntl.flock(gate, fcntl.LOCK_EX)
        fcntl.flock(machine, fcntl.LOCK_EX if alone else fcntl.LOCK_SH)
        fcntl.flock(gate, fcntl.LOCK_UN)
        yield
