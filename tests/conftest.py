"""Fixtures for all tests: real files, the bundled ffmpeg, running servers."""

import os
from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path

import aiohttp
import imageio_ffmpeg
import pytest

from support.client import Client
from support.kept import use_aws
from support.moto_server import running_moto
from support.server import Wavemill, running

pytest_plugins = (
    "support.alone",
    "support.summaries.faults",
    "support.summaries.fidelity",
    "support.summaries.threats",
)
STORES = ("embedded", "aws")
ASSETS = Path(__file__).parent / "assets"


def pytest_addoption(parser: pytest.Parser) -> None:
    """Let a whole run of tests use other stores."""
    parser.addoption(
        "--stores",
        choices=STORES,
        default=os.environ.get("WAVEMILL_TEST_STORES", STORES[0]),
        help="what every wavemill that a test starts keeps things in (WAVEMILL_TEST_STORES)",
    )


@pytest.fixture(scope="session", autouse=True)
def _stores(request: pytest.FixtureRequest) -> Iterator[None]:
    """Where S3 and DynamoDB are asked for, a server that speaks both."""
    if request.config.getoption("--stores") == "embedded":
        yield
        return
    with running_moto() as url:
        use_aws(url)
        yield


@pytest.fixture(scope="session")
def lena() -> Path:
    """A folder with one real 12 s clip as lena.wav, .flac, .mp3, .m4a and .ogg."""
    return ASSETS


@pytest.fixture(scope="session")
def ffmpeg() -> str:
    """The bundled ffmpeg."""
    return str(imageio_ffmpeg.get_ffmpeg_exe())


@pytest.fixture(scope="session")
def wavemill(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Wavemill]:
    """One running wavemill that tests share; none of them may harm it."""
    with running(tmp_path_factory.mktemp("shared") / "data") as server:
        yield server


@pytest.fixture
def start_wavemill(tmp_path: Path) -> Iterator[Callable[..., Wavemill]]:
    """Start a wavemill of the test's own, with settings as keyword arguments."""
    servers: list[Wavemill] = []

    def start(**variables: str) -> Wavemill:
        server = Wavemill(tmp_path / f"data{len(servers)}", **variables)
        servers.append(server)
        server.start()
        return server

    yield start
    for server in servers:
        server.close()


@pytest.fixture
async def session() -> AsyncIterator[aiohttp.ClientSession]:
    """An HTTP client."""
    async with aiohttp.ClientSession() as one:
        yield one


@pytest.fixture
def client(session: aiohttp.ClientSession, wavemill: Wavemill) -> Client:
    """A client of the shared wavemill."""
    return Client(session, wavemill.url)
