"""Fixtures of the fidelity tests; their summary; and the page, where one is asked for."""

import os
import time
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from support.fidelity.bench import Bench, opened
from support.fidelity.inputs import Inputs
from support.fidelity.judges import ABSENT, versions
from support.fidelity.ledger import Ledger
from support.fidelity.page import page, table

PAGE = "FIDELITY_PAGE"  # the variable that names the page to be written
_LEDGER = pytest.StashKey[Ledger]()
_BEGUN = pytest.StashKey[float]()


def pytest_configure(config: pytest.Config) -> None:
    _stashed(config)
    config.stash[_BEGUN] = time.monotonic()


def _stashed(config: pytest.Config) -> Ledger:
    return config.stash.setdefault(_LEDGER, Ledger(skipped=dict(ABSENT)))


@pytest.fixture(scope="session")
def ledger(pytestconfig: pytest.Config) -> Ledger:
    """Where all fidelity tests note what they measure."""
    return _stashed(pytestconfig)


@pytest.fixture(scope="session")
def inputs(tmp_path_factory: pytest.TempPathFactory) -> Inputs:
    """The inputs, made when they are asked for."""
    return Inputs(tmp_path_factory.mktemp("inputs"))


@pytest.fixture
async def bench(tmp_path: Path) -> AsyncIterator[Bench]:
    """Both paths over a disk store of the test's own."""
    async with opened(tmp_path) as bench:
        yield bench


def pytest_terminal_summary(
    terminalreporter: pytest.TerminalReporter, config: pytest.Config
) -> None:
    ledger = _stashed(config)
    if ledger.is_empty:
        return
    terminalreporter.section("fidelity")
    for line in (*ledger.counts(), "", table(ledger.by_format())):
        terminalreporter.write_line(line)
    if target := os.environ.get(PAGE):
        seconds = time.monotonic() - config.stash[_BEGUN]
        Path(target).write_text(page(ledger, versions(), seconds, os.cpu_count() or 1))
        terminalreporter.write_line(f"written: {target}")
