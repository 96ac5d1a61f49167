"""docker compose up is all it takes; whatever is killed, jobs end once and uploads go on."""

import hashlib
from pathlib import Path

import aiohttp
import pytest

from support.audio import decoded
from support.chunks import ChunkedFile, write_wav
from support.client import Client
from support.compose import Compose, docker, inspect
from support.server import wait_until

OURS = ("gateway", "converter", "janitor")
RECOVERY = 150.0  # seconds: lease and sweep, and the whole conversion on a busy machine
MIB = 1024 * 1024
STORED = """
import asyncio, hashlib, os
from wavemill_common.settings import Settings
from wavemill_common.stores import open_object_store
async def main():
    digest = hashlib.sha256()
    async with open_object_store(Settings.from_environ(os.environ)) as objects:
        async for block in objects.read({key!r}):
            digest.update(block)
    print(digest.hexdigest())
asyncio.run(main())
"""


@pytest.fixture
def client(session: aiohttp.ClientSession, stack: Compose) -> Client:
    return Client(session, stack.url)


def test_every_container_is_healthy_hardened_and_bounded(stack: Compose) -> None:
    for container in stack.containers():
        seen = inspect(container)
        host, name = seen["HostConfig"], seen["Name"]
        assert seen["State"]["Health"]["Status"] == "healthy", name
        assert host["ReadonlyRootfs"] is True, name
        assert (host["CapDrop"], host["CapAdd"]) == (["ALL"], None), name
        assert "no-new-privileges:true" in host["SecurityOpt"], name
        assert host["Memory"] > 0, name
        assert host["PidsLimit"] > 0, name
        published = {port for port, places in seen["NetworkSettings"]["Ports"].items() if places}
        assert published == ({"8080/tcp"} if "gateway" in name else set()), name
    assert len(stack.containers()) == 5


def test_our_services_are_not_root_and_the_converter_reaches_nothing_outside(
    stack: Compose,
) -> None:
    for service in OURS:
        assert int(stack.python(service, "import os; print(os.getuid())")) >= 10_000
    (container,) = stack.containers("converter")
    networks = inspect(container)["NetworkSettings"]["Networks"]
    assert [inspect(one["NetworkID"])["Internal"] for one in networks.values()] == [True]


async def test_a_real_file_is_converted_through_the_gateway(
    client: Client, lena: Path, tmp_path: Path
) -> None:
    upload = await client.upload(lena / "lena.wav", "Ünïcode name.wav")
    job_id = await client.convert(upload["fileId"], "mp3")
    assert (await client.wait(job_id))["status"] == "completed"
    result = await client.download(job_id, tmp_path / "out.mp3")
    assert abs(decoded(result)[0] - decoded(lena / "lena.wav")[0]) < 0.1


async def test_a_job_survives_the_kill_of_its_converter(
    stack: Compose, client: Client, noise: Path, tmp_path: Path
) -> None:
    job_id = await client.convert((await client.upload(noise))["fileId"], "mp3")
    await client.wait_for_stage(job_id, "converting")
    stack("kill", "converter")
    stack("start", "converter")
    body = await client.wait(job_id, RECOVERY)
    assert (body["status"], body["attempt"]) == ("completed", 2)
    assert abs(decoded(await client.download(job_id, tmp_path / "out.mp3"))[0] - 600) < 0.1


async def test_a_job_survives_the_kill_of_redis(
    stack: Compose, client: Client, noise: Path
) -> None:
    job_id = await client.convert((await client.upload(noise))["fileId"], "mp3")
    await client.wait_for_stage(job_id, "converting")
    stack("kill", "redis")
    status, body, _ = await client.call("GET", f"/api/progress?jobId={job_id}")
    assert (status, body["jobId"]) == (200, job_id), "the record answers while Redis is down"
    stack("start", "redis")
    assert (await client.wait(job_id, RECOVERY))["status"] == "completed"


async def test_an_upload_goes_on_after_a_restart_of_the_gateway_and_is_stored_whole(
    stack: Compose, client: Client, tmp_path: Path
) -> None:
    file = ChunkedFile(client, write_wav(tmp_path / "cut.wav", 17 * MIB))
    await file.open()
    for index in (0, 2):
        assert (await file.send_raw(index))[0] == 200
    stack("kill", "gateway")
    stack.up("--no-recreate")

    _, state, _ = await file.state()
    assert state["received"] == "0,2"
    for index in (1, 3):
        status, body, _ = await file.send_raw(index)
        assert status in {200, 201}, body
    assert body["complete"] is True
    key = f"uploads/{file.file_id}.wav"
    stored = stack.python("gateway", STORED.format(key=key)).strip()
    assert stored == hashlib.sha256(file.bytes).hexdigest()


async def test_a_stopped_converter_hands_its_job_back_without_a_strike(
    stack: Compose, client: Client, long_audio: Path
) -> None:
    job_id = await client.convert((await client.upload(long_audio))["fileId"], "mp3")
    await client.wait_for_stage(job_id, "converting")
    container = stack.containers("converter")[0]
    docker("stop", "--time", "60", container)
    assert inspect(container)["State"]["ExitCode"] == 0
    job = stack.janitor("jobs", "show", job_id)["job"]
    assert (job["status"], job["strikes"]) == ("created", 0)
    status, _, _ = await client.call("DELETE", f"/api/jobs/{job_id}")
    assert status in {200, 202, 204}
    docker("start", container)


async def test_converters_scale_to_three_and_share_the_work(
    stack: Compose, client: Client, lena: Path
) -> None:
    stack.up("--no-recreate", "--scale", "converter=3")
    wait_until(lambda: _converters(stack) == 3, 30, every=1.0)
    file_id = (await client.upload(lena / "lena.wav"))["fileId"]
    jobs = [await client.convert(file_id, "flac") for _ in range(6)]
    for job_id in jobs:
        assert (await client.wait(job_id))["status"] == "completed"
    assert len(stack.containers("converter")) == 3


def _converters(stack: Compose) -> int:
    return len(stack.janitor("queue", "stats")["converters"])


def test_down_leaves_nothing_behind(stack: Compose) -> None:
    stack("down", "-v", "--remove-orphans", "-t", "5")
    assert stack.left_behind() == {"container": [], "volume": [], "network": []}
