"""Fixtures of the fidelity tests."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from support.fidelity.bench import Bench, opened
from support.fidelity.inputs import Inputs
from support.fidelity.ledger import Ledger
from support.summaries.fidelity import LEDGER


@pytest.fixture(scope="session")
def ledger(pytestconfig: pytest.Config) -> Ledger:
    """Where all fidelity tests note what they measure."""
    return pytestconfig.stash[LEDGER]


@pytest.fixture(scope="session")
def inputs(tmp_path_factory: pytest.TempPathFactory) -> Inputs:
    """The inputs, made when they are asked for."""
    return Inputs(tmp_path_factory.mktemp("inputs"))


@pytest.fixture
async def bench(tmp_path: Path) -> AsyncIterator[Bench]:
    """Both paths over a disk store of the test's own."""
    async with opened(tmp_path) as bench:
        yield bench
