"""The way to S3 is cut at 10, 50 and 90 %: the same bytes in the end, or a named failure."""

from collections.abc import AsyncIterator
from dataclasses import replace
from math import ceil
from pathlib import Path

import pytest

from support.audio import make_noise
from support.faulty import Fault, FaultProxy, Matches, first_byte
from support.fidelity.bench import Bench, opened
from support.fidelity.references import make_reference
from wavemill_common import retry
from wavemill_common.errors import StorageUnavailable
from wavemill_common.objects.s3 import S3ObjectStore
from wavemill_common.objects.s3_config import S3Config
from wavemill_converter.convert.conversion import Converted

SECONDS = 110  # of noise: 19.4 MB
PARTS = {"streaming": 4, "files": 3}  # that such a result goes up in
FOR_EVER = 10_000  # times
SHARES = [0.1, 0.5, 0.9]
PATHS = {"streaming": Bench.stream, "files": Bench.file}


@pytest.fixture(scope="module")
def noise(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_noise(tmp_path_factory.mktemp("noise") / "noise.wav", SECONDS)


@pytest.fixture(autouse=True)
def _impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(retry, "BASE", 0.0)
    monkeypatch.setattr(retry, "CAP", 0.0)


class Way:
    """The store behind a proxy that breaks, and the same store by a way that does not."""

    def __init__(self, calm: S3ObjectStore, proxy: FaultProxy, bench: Bench) -> None:
        self.calm = calm
        self.proxy = proxy
        self.bench = bench

    async def content(self, converted: Converted) -> bytes:
        """What is stored of a result in truth."""
        key = converted.outputs[0].key
        return b"".join([block async for block in self.calm.read(key)])

    async def assert_nothing_is_left(self) -> None:
        """Neither a result nor a part of one."""
        assert [one.key async for one in self.calm.scan("conversions/")] == []
        assert [one.key async for one in self.calm.scan_multiparts("")] == []


@pytest.fixture
async def way(bucket: S3Config, tmp_path: Path) -> AsyncIterator[Way]:
    assert bucket.endpoint_url
    async with (
        FaultProxy.before(bucket.endpoint_url) as proxy,
        S3ObjectStore.open(bucket) as calm,
        S3ObjectStore.open(replace(bucket, endpoint_url=proxy.url)) as cut,
        opened(tmp_path, objects=cut) as bench,
    ):
        yield Way(calm, proxy, bench)


def source_up_to(byte: int) -> Matches:
    """Reads of the source that would come by this byte: they all go on to its end."""
    return lambda request: (
        request.method == "GET" and "/uploads/" in request.path and first_byte(request) <= byte
    )


def part(number: int) -> Matches:
    """The upload of this part of a result."""
    return lambda request: (
        request.method == "PUT" and request.query.get("partNumber") == str(number)
    )


@pytest.mark.parametrize("share", SHARES)
@pytest.mark.parametrize("path", PATHS)
async def test_a_source_whose_connection_is_cut_gives_the_same_result(
    way: Way, lena: Path, path: str, share: float
) -> None:
    source = lena / "lena.flac"
    wall = int(source.stat().st_size * share)
    calm = await PATHS[path](way.bench, await way.bench.job(source, "wav", "calm"))
    cut = Fault(source_up_to(wall), times=2, wall=wall)
    way.proxy.faults = [cut]

    converted = await PATHS[path](way.bench, await way.bench.job(source, "wav", "cut"))

    assert cut.times == 0
    assert await way.content(converted) == await way.content(calm)


@pytest.mark.parametrize("share", SHARES)
@pytest.mark.parametrize("path", PATHS)
async def test_a_source_that_never_comes_past_a_byte_fails_by_name_and_leaves_nothing(
    way: Way, lena: Path, path: str, share: float
) -> None:
    source = lena / "lena.flac"
    wall = int(source.stat().st_size * share)
    job = await way.bench.job(source, "wav", "cut")
    way.proxy.faults = [Fault(source_up_to(wall), times=FOR_EVER, wall=wall)]

    with pytest.raises(StorageUnavailable):
        await PATHS[path](way.bench, job)

    await way.assert_nothing_is_left()


@pytest.mark.parametrize("share", SHARES)
@pytest.mark.parametrize("path", PATHS)
async def test_a_result_whose_upload_is_cut_is_whole_in_the_end(
    way: Way, noise: Path, path: str, share: float
) -> None:
    job = await way.bench.job(noise, "wav", "cut")
    cut = Fault(part(ceil(PARTS[path] * share)), times=2, break_at=share)
    way.proxy.faults = [cut]

    converted = await PATHS[path](way.bench, job)

    assert cut.times == 0
    reference = make_reference(noise, "-c:a pcm_s16le -rf64 auto -f wav", noise.parent / "made")
    assert await way.content(converted) == reference.read_bytes()


@pytest.mark.parametrize("share", SHARES)
@pytest.mark.parametrize("path", PATHS)
async def test_a_result_that_cannot_be_uploaded_fails_by_name_and_leaves_nothing(
    way: Way, noise: Path, path: str, share: float
) -> None:
    job = await way.bench.job(noise, "wav", "cut")
    way.proxy.faults = [Fault(part(ceil(PARTS[path] * share)), times=FOR_EVER, break_at=share)]

    with pytest.raises(StorageUnavailable):
        await PATHS[path](way.bench, job)

    await way.assert_nothing_is_left()
