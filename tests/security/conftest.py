"""A contained Python in place of ffmpeg, and what no child of ours may reach."""

import shutil
import tempfile
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from pathlib import Path

import pytest
from msgspec import structs

from support.audio import FFMPEG
from support.cluster import Cluster
from support.contained import Inside, python_for_all
from support.known import known_ffmpeg
from wavemill_common.objects.disk import DiskObjectStore
from wavemill_converter.ffmpeg.installation import Ffmpeg
from wavemill_converter.probe.limits import Limits
from wavemill_converter.sandbox import Layer, Program, find_layers
from wavemill_converter.sandbox.launching import launching
from wavemill_converter.store.proxy import RangeProxy
from wavemill_converter.tools import Tools
from wavemill_converter.transcode.outcome import Timeouts

INSIDE = Path(__file__).with_name("inside.py")


@pytest.fixture(scope="session")
def open_folder() -> Iterator[Path]:
    """A folder that everybody may enter, unlike pytest's own."""
    folder = Path(tempfile.mkdtemp(prefix="wavemill-open-"))
    folder.chmod(0o755)
    yield folder
    shutil.rmtree(folder)


@pytest.fixture(params=["launched", "forked"])
async def inside(open_folder: Path, request: pytest.FixtureRequest) -> AsyncIterator[Inside]:
    """A Python in the very sandbox that ffmpeg gets; it may also read its own library."""
    script = open_folder / INSIDE.name
    shutil.copy(INSIDE, script)
    script.chmod(0o644)
    path = python_for_all()
    if path is None:
        pytest.skip("no Python here that other users may run")
    prefix = str(Path(path).resolve().parent.parent / "lib")
    found = await find_layers(FFMPEG)
    missing = {
        layer: why for layer, why in found.missing.items() if layer is not Layer.UNPRIVILEGED
    }
    if found.sandbox is None or missing:
        pytest.skip(f"not every layer works here: {found.missing}")
    program = Program.of(path, (prefix, str(script)))
    sandbox = structs.replace(found.sandbox, program=program)
    if request.param == "forked":
        yield Inside(sandbox, script)
        return
    async with launching([path, "-V"]) as launcher:
        assert launcher is not None
        yield Inside(sandbox, script, launcher)


@pytest.fixture
async def contained() -> Ffmpeg:
    """The bundled ffmpeg, contained as far as this machine can do it."""
    return await known_ffmpeg(contained=True)


@pytest.fixture
async def tools(tmp_path: Path, contained: Ffmpeg) -> AsyncIterator[Tools]:
    """What a converter works with, but for the queue."""
    store = tmp_path / "objects"
    store.mkdir()
    async with RangeProxy() as proxy:
        yield Tools(
            objects=DiskObjectStore(store),
            ffmpeg=contained,
            proxy=proxy,
            limits=Limits(),
            timeouts=Timeouts(stall=60, total=240),
        )


@pytest.fixture
async def start_gateway(tmp_path: Path) -> AsyncIterator[Callable[..., Awaitable[Cluster]]]:
    """Start gateways and a Redis, no converter, with settings as keyword arguments."""
    clusters: list[Cluster] = []

    async def start(gateways: int = 1, **variables: str) -> Cluster:
        folder = tmp_path / f"cluster{len(clusters)}"
        counts = {"gateways": gateways, "converters": 0, "janitors": 0}
        cluster = Cluster(folder, **counts, **variables)  # type: ignore[arg-type]  # settings
        clusters.append(cluster)
        await cluster.start_async()
        return cluster

    yield start
    for cluster in clusters:
        cluster.close()
