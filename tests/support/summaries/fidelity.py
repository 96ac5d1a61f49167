"""What the fidelity tests have measured: counts, a table, and the page where one is asked for."""

import os
import time
from pathlib import Path

import pytest

from support.fidelity.judges import ABSENT, versions
from support.fidelity.ledger import Ledger
from support.fidelity.page import page, table
from support.summaries import Worker, tell, told

LEDGER = pytest.StashKey[Ledger]()
PAGE = "FIDELITY_PAGE"  # the variable that names the page to be written
_BEGUN = pytest.StashKey[float]()
_NAME = "fidelity"


def pytest_configure(config: pytest.Config) -> None:
    config.stash[LEDGER] = Ledger(skipped=dict(ABSENT))
    config.stash[_BEGUN] = time.monotonic()


def pytest_sessionfinish(session: pytest.Session) -> None:
    tell(session.config, _NAME, session.config.stash[LEDGER])


@pytest.hookimpl(optionalhook=True)
def pytest_testnodedown(node: Worker) -> None:
    node.config.stash[LEDGER].take(told(node, _NAME, Ledger()))


def pytest_terminal_summary(
    terminalreporter: pytest.TerminalReporter, config: pytest.Config
) -> None:
    ledger = config.stash[LEDGER]
    if ledger.is_empty:
        return
    terminalreporter.section("fidelity")
    for line in (*ledger.counts(), "", table(ledger.by_format())):
        terminalreporter.write_line(line)
    if target := os.environ.get(PAGE):
        seconds = time.monotonic() - config.stash[_BEGUN]
        Path(target).write_text(page(ledger, versions(), seconds, os.cpu_count() or 1))
        terminalreporter.write_line(f"written: {target}")
