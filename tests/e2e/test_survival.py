"""Whatever dies, a job ends once, and nothing is left running."""

import asyncio
import io
import random
import signal
from collections.abc import Callable
from pathlib import Path
from typing import Any, Self

import aiohttp
import psutil

from support.audio import decoded, generate, make_noise
from support.client import Client
from support.server import Wavemill, eventually, wait_until

Start = Callable[..., Wavemill]
MIB = 1024 * 1024
RSS_LIMIT = 150 * MIB
RECOVERY = 25.0  # seconds from the kill to the end, conversion not counted


async def test_a_job_whose_converter_is_killed_completes_on_its_own_and_once(
    start_wavemill: Start, session: aiohttp.ClientSession, tmp_path: Path
) -> None:
    server = start_wavemill()
    client = Client(session, server.url)
    source = make_noise(tmp_path / "long.wav", 400)
    job_id = await client.convert((await client.upload(source))["fileId"], "mp3")
    await client.wait_for_stage(job_id, "converting")
    await eventually(server.ffmpegs)

    ffmpeg = server.ffmpegs()[0]
    server.service("converter").kill()
    wait_until(lambda: not ffmpeg.is_running(), 3)

    body = await client.wait(job_id, timeout=RECOVERY + 60)
    assert (body["status"], body["attempt"]) == ("completed", 2)
    result = await client.download(job_id, tmp_path / "out.mp3")
    assert abs(decoded(result)[0] - 400) < 0.05
    assert len(server.kept.keys("conversions/")) == 1
    assert scratch_of(server) == []


async def test_everything_killed_at_once_goes_on_after_a_new_start(
    start_wavemill: Start, session: aiohttp.ClientSession, tmp_path: Path
) -> None:
    server = start_wavemill()
    client = Client(session, server.url)
    source = make_noise(tmp_path / "long.wav", 400)
    file_id = (await client.upload(source))["fileId"]
    jobs = [await client.convert(file_id, "mp3") for _ in range(4)]
    await client.wait_for_stage(jobs[0], "converting")

    server.kill_all()
    server.start()

    for job_id in jobs:
        assert (await client.wait(job_id, timeout=RECOVERY + 60))["status"] == "completed"
    assert len(server.kept.keys("conversions/")) == len(jobs)


async def test_ctrl_c_ends_everything_in_seconds_though_a_client_listens(
    start_wavemill: Start, session: aiohttp.ClientSession, tmp_path: Path
) -> None:
    server = start_wavemill()
    client = Client(session, server.url)
    source = make_noise(tmp_path / "long.wav", 600)
    job_id = await client.convert((await client.upload(source))["fileId"], "mp3")
    await client.wait_for_stage(job_id, "converting")
    listening = asyncio.create_task(collect(client, job_id))
    await eventually(server.ffmpegs)
    processes = server.processes()

    seconds = await asyncio.to_thread(server.stop, signal.SIGINT)

    assert seconds < 5, f"it took {seconds:.1f} s"
    assert [one for one in processes if one.is_running()] == []
    await listening

    server.start()
    body = await client.wait(job_id, timeout=RECOVERY + 60)
    assert body["status"] == "completed"


async def test_a_killed_supervisor_takes_everything_with_it(start_wavemill: Start) -> None:
    server = start_wavemill()
    processes = server.processes()

    processes[0].kill()

    wait_until(lambda: not any(alive(one) for one in processes[1:]), 10)
    assert [one for one in processes if alive(one)] == []


async def test_a_large_file_in_shuffled_doubled_chunks_keeps_memory_small(
    start_wavemill: Start, session: aiohttp.ClientSession, tmp_path: Path
) -> None:
    server = start_wavemill()
    client = Client(session, server.url)
    seconds = 1189  # 200 MiB of 16-bit stereo at 44.1 kHz
    source = generate(
        tmp_path / "large.wav", f"sine=440:d={seconds}:r=44100,pan=stereo|c0=c0|c1=c0"
    )
    peaks = Peaks(server.service("gateway"), server.service("converter"))

    async with peaks:
        file_id = await upload_shuffled(client, source)
        job_id = await client.convert(file_id, "mp3")
        body = await client.wait(job_id, timeout=120)

    assert body["status"] == "completed", body
    result = await client.download(job_id, tmp_path / "out.mp3")
    assert abs(decoded(result)[0] - seconds) < 0.05
    assert all(peak < RSS_LIMIT for peak in peaks.values), peaks.values


async def upload_shuffled(client: Client, source: Path) -> str:
    """Send a file's chunks in random order, every third one twice."""
    size = source.stat().st_size
    asked = {"fileName": source.name, "fileSize": size}
    _, upload, _ = await client.call("POST", "/api/uploads", json=asked)
    chosen = random.Random(7)
    order = list(range(upload["totalChunks"]))
    order += order[::3]
    chosen.shuffle(order)
    body: dict[str, Any] = {}
    with source.open("rb") as file:
        for index in order:
            file.seek(index * upload["chunkSize"])
            status, body, _ = await client.call(
                "POST",
                "/api/upload-audio",
                params={"fileId": upload["fileId"], "chunkIndex": str(index)},
                data=io.BytesIO(file.read(upload["chunkSize"])),
                headers={"Content-Type": "application/octet-stream"},
            )
            assert status in {200, 201}, body
    assert body["complete"], body
    return str(upload["fileId"])


class Peaks:
    """The largest resident memory of processes, sampled while a block runs."""

    def __init__(self, *processes: psutil.Process) -> None:
        self._processes = processes
        self.values = [0] * len(processes)

    async def __aenter__(self) -> Self:
        self._task = asyncio.create_task(self._sample())
        return self

    async def __aexit__(self, *_: object) -> None:
        self._task.cancel()

    async def _sample(self) -> None:
        while True:
            now = [process.memory_info().rss for process in self._processes]
            self.values = [max(pair) for pair in zip(self.values, now, strict=True)]
            await asyncio.sleep(0.05)


async def collect(client: Client, job_id: str) -> list[dict[str, object]]:
    """All events of a job, until the stream ends."""
    try:
        return [event async for event in client.events(job_id)]
    except aiohttp.ClientError:
        return []


def scratch_of(server: Wavemill) -> list[Path]:
    """What lies in the scratch directories, but for their locks."""
    paths = server.data_dir.glob("scratch/*/*")
    return [path for path in paths if path.name != "lock"]


def alive(process: psutil.Process) -> bool:
    """Whether a process runs; a zombie that nobody has reaped yet does not."""
    try:
        return process.is_running() and process.status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False
