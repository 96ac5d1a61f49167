"""What each named fault has cost: a line each, and the file that `make faults` asks for."""

import json
import os
from pathlib import Path

import pytest

from chaos.theatre import Figure
from support.summaries import Worker, tell, told

FIGURES = pytest.StashKey[list[Figure]]()
TABLE = "WAVEMILL_FAULTS_FILE"  # where `make faults` wants the figures
_NAME = "figures"


def pytest_configure(config: pytest.Config) -> None:
    config.stash[FIGURES] = []


def pytest_sessionfinish(session: pytest.Session) -> None:
    tell(session.config, _NAME, session.config.stash[FIGURES])


@pytest.hookimpl(optionalhook=True)
def pytest_testnodedown(node: Worker) -> None:
    node.config.stash[FIGURES] += told(node, _NAME, [])


def pytest_terminal_summary(
    terminalreporter: pytest.TerminalReporter, config: pytest.Config
) -> None:
    figures = config.stash[FIGURES]
    for figure in figures:
        terminalreporter.write_line(str(figure))
    if figures and (path := os.environ.get(TABLE)):
        Path(path).write_text(json.dumps([figure._asdict() for figure in figures]))
