"""tus where gateways die, or are several: what was acknowledged is there, and nothing is twice."""

import asyncio
import hashlib
from collections.abc import Iterator
from contextlib import suppress

import aiohttp
import pytest

from support.chunks import write_wav
from support.client import Client
from support.cluster import Cluster
from support.kept import InAws
from support.moto_server import running_moto
from support.server import eventually
from support.tus import TusUpload
from wavemill_common.settings import MIB

CHUNK = 8 * MIB
SIZE = 4 * CHUNK + 1_234_567
PATIENCE = 30.0  # seconds


@pytest.fixture(scope="module")
def wav(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    return write_wav(tmp_path_factory.mktemp("wav") / "a.wav", SIZE).read_bytes()


@pytest.fixture(scope="module", params=["files", "S3 and DynamoDB"])
def cluster(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Cluster]:
    """Two gateways and Redis."""
    folder = tmp_path_factory.mktemp("cluster") / "cluster"
    if request.param == "files":
        yield from _running(Cluster(folder, gateways=2, converters=0, janitors=0))
        return
    with running_moto() as url:
        kept = InAws(url)
        yield from _running(Cluster(folder, gateways=2, converters=0, janitors=0, kept=kept))


def _running(cluster: Cluster) -> Iterator[Cluster]:
    try:
        cluster.start()
        yield cluster
    finally:
        cluster.close()


@pytest.fixture
def clients(cluster: Cluster, session: aiohttp.ClientSession) -> list[Client]:
    """One for each gateway."""
    return [Client(session, gateway.url) for gateway in cluster.gateways]


def is_kept(cluster: Cluster, upload: TusUpload, wav: bytes) -> bool:
    """Whether exactly the file is stored of an upload, and nothing else."""
    found = [cluster.kept.read(key) for key in cluster.kept.keys(upload.file_id)]
    return [hashlib.sha256(one).digest() for one in found] == [hashlib.sha256(wav).digest()]


async def test_a_gateway_killed_in_mid_patch_has_lost_no_byte_that_another_one_tells(
    cluster: Cluster, clients: list[Client], wav: bytes
) -> None:
    upload = TusUpload(clients[0])
    await upload.create(len(wav))
    other, sent = upload.at(clients[1]), 2 * CHUNK + 5 * MIB
    async with upload.begun(0, len(wav), wav[:sent]):
        await eventually(lambda: len(cluster.kept.keys(upload.file_id)) >= 2, PATIENCE)
        cluster.gateways[0].kill()
    cluster.gateways[0].start()

    offset = await other.offset()
    assert offset == 2 * CHUNK  # it dies with a chunk at most
    status, _, headers = await other.patch(offset, wav[offset:])
    assert (status, headers["Upload-Offset"]) == (204, str(len(wav)))
    assert is_kept(cluster, upload, wav)
    await asyncio.to_thread(cluster.wait_until_ready)


@pytest.mark.parametrize("tail", [0, 1, 5])
async def test_gateways_that_take_turns_make_one_file(
    cluster: Cluster, clients: list[Client], wav: bytes, tail: int
) -> None:
    uploads = [TusUpload(clients[0])]
    await uploads[0].create(len(wav))
    uploads.append(uploads[0].at(clients[1]))
    step, offset = 3 * MIB + tail, 0
    while offset < len(wav):
        upload = uploads[(offset // step) % 2]
        assert (await upload.patch(offset, wav[offset : offset + step]))[0] == 204
        offset = min(offset + step, len(wav))
        assert await upload.offset() == offset
    assert is_kept(cluster, uploads[0], wav)


async def test_a_newer_request_at_another_gateway_wins_and_the_older_one_adds_nothing(
    cluster: Cluster, clients: list[Client], wav: bytes
) -> None:
    upload = TusUpload(clients[0])
    await upload.create(len(wav))
    async with upload.begun(0, len(wav), wav[: CHUNK + MIB]) as older:
        await eventually(lambda: cluster.kept.keys(upload.file_id), PATIENCE)
        other = upload.at(clients[1])
        offset = await other.offset()
        assert (await other.patch(offset, wav[offset : 3 * CHUNK + 5]))[0] == 204
        sending = asyncio.create_task(older.send(wav[CHUNK + MIB :]))
        status, text = await older.answer()
        assert (status, "upload_interrupted" in text) == (400, True)
        await sending
        assert await other.offset() == 3 * CHUNK + 5
        assert (await other.patch(3 * CHUNK + 5, wav[3 * CHUNK + 5 :]))[0] == 204
    assert is_kept(cluster, upload, wav)


async def test_an_older_request_of_other_bytes_cannot_mix_them_in(
    cluster: Cluster, clients: list[Client], wav: bytes
) -> None:
    upload = TusUpload(clients[0])
    await upload.create(len(wav))
    other, wrong = upload.at(clients[1]), bytes(len(wav) - CHUNK)
    async with upload.begun(0, len(wav), wav[:CHUNK]) as older:
        await eventually(lambda: cluster.kept.keys(upload.file_id), PATIENCE)
        assert (await other.patch(CHUNK, wav[CHUNK : 2 * CHUNK + 7]))[0] == 204
        sending = asyncio.create_task(older.send(wrong))
        assert (await older.answer())[0] in {0, 400, 409}
        await sending
    assert (await other.patch(2 * CHUNK + 7, wav[2 * CHUNK + 7 :]))[0] == 204
    assert is_kept(cluster, upload, wav)


async def test_two_who_get_into_each_others_way_lose_and_double_nothing(
    cluster: Cluster, clients: list[Client], wav: bytes
) -> None:
    first = TusUpload(clients[0])
    await first.create(len(wav))

    async def push(client: Client, step: int) -> None:
        upload = first.at(client)
        while (offset := await upload.offset()) < len(wav):
            with suppress(aiohttp.ClientError):  # an early answer may cut what is being sent
                status, _, headers = await upload.patch(offset, wav[offset : offset + step])
                assert status in {204, 400, 409, 423}, status
                if status == 204:
                    assert int(headers["Upload-Offset"]) == min(offset + step, len(wav))

    async with asyncio.timeout(120), asyncio.TaskGroup() as pushing:
        for client, step in zip(clients, (1_700_000, 5_100_000), strict=True):
            pushing.create_task(push(client, step))
    # A request whose line was cut may still be on its way out, with a piece that came too late.
    await eventually(lambda: is_kept(cluster, first, wav), PATIENCE)


async def test_a_gateway_that_stops_keeps_what_has_arrived(
    cluster: Cluster, clients: list[Client], wav: bytes
) -> None:
    upload = TusUpload(clients[0])
    await upload.create(len(wav))
    async with upload.begun(0, len(wav), wav[: CHUNK + 3 * MIB]):
        await eventually(lambda: cluster.kept.keys(upload.file_id), PATIENCE)
        cluster.gateways[0].terminate()
        await asyncio.to_thread(cluster.gateways[0].wait)
    cluster.gateways[0].start()
    offset = await upload.at(clients[1]).offset()
    assert CHUNK < offset <= CHUNK + 3 * MIB
    await asyncio.to_thread(cluster.wait_until_ready)
    assert (await upload.patch(offset, wav[offset:]))[0] == 204
    assert is_kept(cluster, upload, wav)
