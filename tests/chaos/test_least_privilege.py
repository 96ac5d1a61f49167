"""Each service does its work with no more rights than its policy gives it."""

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from support.api_keys import holding, new_key
from support.audio import make_noise
from support.chunks import CHUNK, ChunkedFile, write_wav
from support.client import Client
from support.cluster import Cluster
from support.kept import InAws
from support.moto_server import running_moto
from support.server import eventually


@contextmanager
def strict_cluster(folder: Path, **variables: Any) -> Iterator[Cluster]:
    """One of each service; whatever its policy does not allow is refused as AWS refuses it."""
    patches = f"least_privilege={folder / 'denied'}"
    with running_moto() as url:
        cluster = Cluster(folder, kept=InAws(url), patches=patches, **variables)
        try:
            cluster.start()
            yield cluster
        finally:
            cluster.close()


@pytest.fixture
def cluster(tmp_path: Path) -> Iterator[Cluster]:
    with strict_cluster(tmp_path / "cluster") as one:
        yield one


@pytest.fixture
def forgetful(tmp_path: Path) -> Iterator[Cluster]:
    """One whose janitor deletes results after seconds."""
    with strict_cluster(tmp_path / "cluster", WAVEMILL_JOB_TTL="5") as one:
        yield one


@pytest.fixture
def guarded(tmp_path: Path) -> Iterator[Cluster]:
    """One that asks for API keys."""
    with strict_cluster(tmp_path / "cluster", WAVEMILL_API_KEYS_REQUIRED="1") as one:
        yield one


async def test_a_file_is_taken_in_converted_handed_out_and_deleted(
    forgetful: Cluster, session: aiohttp.ClientSession, tmp_path: Path
) -> None:
    client = Client(session, forgetful.gateways[0].url)
    status, ready, _ = await client.call("GET", "/readyz")
    assert (status, ready["checks"]["jobStore"], ready["checks"]["objectStore"]) == (
        200,
        "ok",
        "ok",
    )

    file = ChunkedFile(client, write_wav(tmp_path / "a.wav", 2 * CHUNK + 44))
    await file.open()
    for index in range(file.total):
        status, body, _ = await file.send_raw(index)
        assert status in {200, 201}, body
    assert body["complete"] is True
    whole = (await client.upload(file.path))["fileId"]

    jobs = [await client.convert(file_id, "wav") for file_id in (file.file_id, whole)]
    for job_id in jobs:
        assert (await client.wait(job_id))["status"] == "completed"
    await client.download(jobs[0], tmp_path / "out.wav")
    status, body, _ = await client.call("DELETE", f"/api/jobs/{jobs[0]}")
    assert status in {200, 204}, body
    status, body, _ = await client.call("DELETE", f"/api/uploads/{whole}")
    assert status == 204, body

    await eventually(lambda: not forgetful.kept.keys("conversions/"), 60)  # the janitor: it expires
    assert _denied(forgetful) == []


async def test_a_converter_follows_an_upload_that_it_may_only_read(
    cluster: Cluster, session: aiohttp.ClientSession, tmp_path: Path
) -> None:
    client = Client(session, cluster.gateways[0].url)
    file = ChunkedFile(client, write_wav(tmp_path / "a.wav", 2 * CHUNK + 44))
    await file.open()
    await file.send_raw(0)
    job_id = await client.convert(file.file_id, "flac")
    await client.wait_for_stage(job_id, "converting")
    for index in (1, 2):
        status, body, _ = await file.send_raw(index)
        assert status in {200, 201}, body
    assert (await client.wait(job_id))["status"] == "completed"
    assert _denied(cluster) == []


async def test_a_converter_goes_on_after_its_job_store_has_failed_for_a_moment(
    cluster: Cluster, session: aiohttp.ClientSession, lena: Path
) -> None:
    converter = cluster.converters[0]
    patches = converter.environ["CHAOS_PATCHES"]
    converter.kill()
    converter.start(CHAOS_PATCHES=f"{patches} out_at_first=6")
    client = Client(session, cluster.gateways[0].url)
    file_id = (await client.upload(lena / "lena.wav"))["fileId"]
    for _ in range(2):
        job_id = await client.convert(file_id, "mp3")
        assert (await client.wait(job_id))["status"] == "completed"
    assert _denied(cluster) == []


async def test_a_converter_takes_over_from_one_that_died(
    cluster: Cluster, session: aiohttp.ClientSession, tmp_path: Path
) -> None:
    client = Client(session, cluster.gateways[0].url)
    noise = await asyncio.to_thread(make_noise, tmp_path / "long.flac", 240)
    job_id = await client.convert((await client.upload(noise))["fileId"], "mp3")
    await client.wait_for_stage(job_id, "converting")
    cluster.converters[0].restart()
    ended = await client.wait(job_id, 90)
    assert (ended["status"], ended["attempt"]) == ("completed", 2)
    assert _denied(cluster) == []


async def test_a_key_is_recognised_and_its_jobs_are_listed(guarded: Cluster, lena: Path) -> None:
    async with holding(guarded.gateways[0], await new_key(guarded)) as client:
        file_id = (await client.upload(lena / "lena.mp3"))["fileId"]
        job_id = await client.convert(file_id, "opus")
        assert (await client.wait(job_id))["status"] == "completed"
        _, listed, _ = await client.call("GET", "/api/jobs")
        assert [job["jobId"] for job in listed["jobs"]] == [job_id]
    assert _denied(guarded) == []


def _denied(cluster: Cluster) -> list[str]:
    path = cluster.folder / "denied"
    return path.read_text().splitlines() if path.exists() else []
