"""Fixtures of the named faults: a cluster to harm, and where each fault's cost is noted."""

from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest

from chaos.theatre import MakeTheatre, Report, Theatre
from support.audio import make_noise
from support.summaries.faults import FIGURES

FOLDER = Path(__file__).parent


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """A fault's cost is a time: nobody else's work may be in it."""
    for item in items:
        if item.path.is_relative_to(FOLDER):
            item.add_marker("alone")


@pytest.fixture
def report(request: pytest.FixtureRequest) -> Report:
    """Tell what a fault cost; it must be within its bound."""
    return Report(request.config.stash[FIGURES])


@pytest.fixture(scope="session")
def noise(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two seconds of sound: a conversion of a moment."""
    return make_noise(tmp_path_factory.mktemp("noise") / "short.wav", 2)


@pytest.fixture(scope="session")
def long_noise(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Enough sound to be caught at work on it."""
    return make_noise(tmp_path_factory.mktemp("noise") / "long.wav", 150)


@pytest.fixture(scope="session")
def shared_theatre(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Theatre]:
    """One cluster with two converters that many faults are played on, one after the other."""
    theatre = Theatre(tmp_path_factory.mktemp("theatre") / "c", gateways=2, converters=2)
    try:
        theatre.cluster.start()
        yield theatre
    finally:
        theatre.cluster.close()


@pytest.fixture
async def theatre(shared_theatre: Theatre) -> AsyncIterator[Theatre]:
    """The shared cluster, whole again after the test."""
    async with shared_theatre.performance():
        yield shared_theatre


@pytest.fixture
def own_theatre(tmp_path: Path) -> Iterator[MakeTheatre]:
    """Make a cluster of the test's own; what it mounts or starts goes with it."""
    made: list[Theatre] = []

    def make(**options: object) -> Theatre:
        made.append(Theatre(tmp_path / f"cluster{len(made)}", **options))
        return made[-1]

    yield make
    for one in made:
        one.cluster.close()
