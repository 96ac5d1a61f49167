"""How the tests of each threat ended: the table of tests/security/threats.py."""

import pytest

from security.threat_table import NOT_RUN, outcome, table
from security.threats import THREATS
from support.summaries import Worker, tell, told

A_FEW = 3  # rows; a run of so few tests prints no table
_MARKED = pytest.StashKey[dict[str, list[str]]]()
_NAME = "threats"


def pytest_configure(config: pytest.Config) -> None:
    config.stash[_MARKED] = {}


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Find the tests that say themselves which threat they are about."""
    marked = config.stash[_MARKED]
    for item in items:
        for mark in item.iter_markers("threat"):
            marked.setdefault(str(mark.args[0]), []).append(item.nodeid)


def pytest_sessionfinish(session: pytest.Session) -> None:
    tell(session.config, _NAME, session.config.stash[_MARKED])


@pytest.hookimpl(optionalhook=True)
def pytest_testnodedown(node: Worker) -> None:
    """Each worker has collected all tests."""
    node.config.stash[_MARKED].update(told(node, _NAME, {}))


def pytest_terminal_summary(
    terminalreporter: pytest.TerminalReporter, config: pytest.Config
) -> None:
    reports = terminalreporter.stats
    ran = {
        str(one.nodeid): "failed" if name == "error" else name
        for name in ("passed", "skipped", "failed", "error")
        for one in reports.get(name, ())
        if hasattr(one, "nodeid")
    }
    marked = config.stash[_MARKED]
    rows = [
        (one.name, outcome((*one.tests, *marked.get(one.name, ())), ran), one.defence)
        for one in THREATS
    ]
    if sum(proof != NOT_RUN for _, proof, _ in rows) > A_FEW:
        terminalreporter.section("threats")
        for line in table(rows):
            terminalreporter.write_line(line)
