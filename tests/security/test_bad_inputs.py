"""Hundreds of bad inputs, many at once, into one running wavemill: nothing breaks, all is named.

Each is answered as declared; a job made of it completes, or fails by a name that the interface
tells. Afterwards the same processes run, and nothing is left of any of it.
"""

import asyncio
import json
import time
from collections import Counter
from collections.abc import AsyncIterator, Iterable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import aiohttp
import psutil
import pytest

from support.bad_inputs import BadInput, bad_inputs
from support.bad_inputs.names import bad_names
from support.bad_inputs.parameters import QUERIES, bad_bodies
from support.bad_inputs.sources import make_sources
from support.client import Client
from support.server import Wavemill, eventually, running
from wavemill_gateway.openapi.failures import job_failures

AT_ONCE = 12
SLOTS = 3
POOLS = (
    80  # descriptors: connections that are kept for the next call; a leak has one for each input
)
TARGETS = ("mp3", "wav", "flac")
PATIENCE = 120.0  # seconds for one input
SERVICES = ("gateway", "converter", "janitor", "redis")
JOB_CODES = {code for _, code in job_failures()} - {"conversion_failed", "poison", "ffmpeg_missing"}
A_THIRD = 3


@pytest.fixture(scope="module")
def wavemill(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Wavemill]:
    """One of this module's own, with small limits: what is huge is to be refused soon."""
    limits = {"WAVEMILL_MAX_OUTPUT_BYTES": str(64 * 2**20), "WAVEMILL_JOB_TIMEOUT": "60"}
    folder = tmp_path_factory.mktemp("bad")
    with running(folder / "data", WAVEMILL_CONVERTER_SLOTS=str(SLOTS), **limits) as server:
        yield server


@pytest.fixture(scope="module")
def inputs(tmp_path_factory: pytest.TempPathFactory, lena: Path) -> list[BadInput]:
    return bad_inputs(tmp_path_factory.mktemp("inputs"), lena)


@pytest.fixture
async def client(wavemill: Wavemill) -> AsyncIterator[Client]:
    async with aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(PATIENCE)) as session:
        yield Client(session, wavemill.url)


@pytest.fixture
async def watched(client: Client, wavemill: Wavemill) -> AsyncIterator["Watch"]:
    """What must be as before once a test has sent its inputs."""
    watch = Watch(client, wavemill)
    await watch.begin()
    yield watch
    await watch.end()


class Watch:
    """The processes, the log and the data directory, before and after."""

    def __init__(self, client: Client, server: Wavemill) -> None:
        self.client = client
        self.server = server
        self.printed = len(server.log)
        self.pids = self._pids()
        self.held: dict[str, int] = {}

    async def begin(self) -> None:
        """Take stock of a server that has worked before."""
        await self._convert_a_good_one()
        await self.quiet()
        self.held = {name: self._held(name) for name in SERVICES}

    async def end(self) -> None:
        """Judge what is left."""
        await self._convert_a_good_one()
        await self.quiet()
        assert self._pids() == self.pids, "a service was started again"
        log = self.server.log[self.printed :]
        for word in ("Traceback", "request_crashed", "job_crashed", "never retrieved"):
            assert word not in log, log[max(0, log.index(word) - 2000) :][:4000]
        grown = {name: self._held(name) - held for name, held in self.held.items()}
        assert max(grown.values()) < POOLS, f"descriptors are left open: {grown}"

    async def quiet(self) -> None:
        """Nothing is kept, begun or running any more."""
        scratch = self.server.data_dir / "scratch"
        await eventually(lambda: not self.server.kept.keys(), 30)
        await eventually(lambda: not self.server.kept.unfinished(), 30)
        await eventually(lambda: not [*scratch.glob("*/*/*")], 30)
        await eventually(lambda: not self.server.ffmpegs(), 30)
        await eventually(lambda: not self._memory_files(), 30)

    async def _convert_a_good_one(self) -> None:
        file = Path(__file__).parents[1] / "assets" / "lena.mp3"
        assert await judge(self.client, BadInput("good", "lena.mp3", file.read_bytes()), "wav") == (
            "completed"
        )

    def _pids(self) -> dict[str, int]:
        return {name: self.server.service(name).pid for name in SERVICES}

    def _held(self, name: str) -> int:
        return int(self.server.service(name).num_fds())

    def _memory_files(self) -> list[str]:
        """Files in memory that a converter holds."""
        folder = Path(f"/proc/{self.pids['converter']}/fd")
        found = []
        for link in folder.iterdir():
            with suppress(OSError):
                found.append(str(link.readlink()))
        return [one for one in found if "memfd:" in one]


async def judge(client: Client, one: BadInput, target: str) -> str:
    """Upload and convert it; say how that ended, and leave nothing of it."""
    form = aiohttp.FormData(quote_fields=False)
    form.add_field("file", one.content, filename=one.file_name)
    status, body, _ = await client.call("POST", "/api/upload-audio", data=form)
    if status != 201:
        assert (status, body["code"]) == (400, "invalid_format"), body
        return "refused"
    return await convert(client, {"fileId": body["fileId"], "format": target})


async def convert(client: Client, asked: dict[str, Any]) -> str:
    """Convert an upload; say how that ended, and leave nothing of it."""
    status, body, _ = await client.call("POST", "/api/convert-audio", json=asked)
    if status != 202:
        assert 400 <= status < 500, body
        return str(body["code"])
    job_id = str(body["jobId"])
    ended = await end_of(client, job_id)
    if ended["status"] == "failed":
        assert ended["error"]["code"] in JOB_CODES, ended["error"]
        assert ended["error"]["message"]
    else:
        assert ended["status"] == "completed", ended
        status, _, _ = await client.call("HEAD", f"/api/download?jobId={job_id}")
        assert status == 200
    assert (await client.call("DELETE", f"/api/jobs/{job_id}"))[0] == 204
    return str(ended["error"]["code"] if ended["error"] else ended["status"])


async def end_of(client: Client, job_id: str) -> dict[str, Any]:
    """Wait for a job's end by few calls."""
    async with asyncio.timeout(PATIENCE):
        while True:
            _, body, _ = await client.call("GET", f"/api/progress?jobId={job_id}&wait=20")
            if body["status"] in {"completed", "failed", "cancelled"}:
                return body


async def judge_all(client: Client, inputs: Iterable[BadInput]) -> Counter[str]:
    """Send them, many at once; count the ends. Fail with all that went wrong."""
    gate, ends, wrong = asyncio.Semaphore(AT_ONCE), Counter[str](), list[str]()

    async def send(number: int, one: BadInput) -> None:
        async with gate:
            try:
                ends[await judge(client, one, TARGETS[number % len(TARGETS)])] += 1
            except (AssertionError, TimeoutError, aiohttp.ClientError) as error:
                wrong.append(f"{one.name}: {error!r}"[:500])

    await asyncio.gather(*(send(number, one) for number, one in enumerate(inputs)))
    assert wrong == []
    return ends


async def test_a_third_of_all_broken_files_ends_well(
    watched: Watch, inputs: list[BadInput]
) -> None:
    ends = await judge_all(watched.client, inputs[::A_THIRD])
    assert {"completed", "refused", "invalid_format"} <= set(ends)


@pytest.mark.slow
async def test_every_broken_file_ends_well(
    watched: Watch, inputs: list[BadInput], capsys: pytest.CaptureFixture[str]
) -> None:
    began = time.monotonic()
    ends = await judge_all(watched.client, inputs)
    with capsys.disabled():
        taken = time.monotonic() - began
        print(f"\n{ends.total()} inputs in {taken:.0f} s: {dict(ends.most_common())}")  # noqa: T201
    assert ends.total() == len(inputs) >= 600


@pytest.fixture(scope="module")
def wav(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    return make_sources(tmp_path_factory.mktemp("good"))["wav"]


async def open_with_name(client: Client, name: str, size: int) -> tuple[int, dict[str, Any]]:
    """Open an upload; the name may hold what no form can."""
    asked = json.dumps({"fileName": name, "fileSize": size})
    headers = {"Content-Type": "application/json"}
    status, body, _ = await client.call("POST", "/api/uploads", data=asked, headers=headers)
    return status, body


async def test_a_hundred_bad_names_harm_nobody(watched: Watch, wav: bytes) -> None:
    client, gate = watched.client, asyncio.Semaphore(AT_ONCE)
    assert len(bad_names()) >= 100

    async def send(number: int, name: str) -> None:
        async with gate:
            status, upload = await open_with_name(client, name, len(wav))
            assert status == 201, (name, upload)
            file_id = upload["fileId"]
            assert_harmless(upload["fileName"])
            status, _, _ = await client.call(
                "POST",
                f"/api/upload-audio?fileId={file_id}&chunkIndex=0",
                data=wav,
                headers={"Content-Type": "application/octet-stream"},
            )
            assert status == 201
            if number % 5 == 0:
                await follow_to_its_download(client, file_id)
            else:
                assert (await client.call("DELETE", f"/api/uploads/{file_id}"))[0] == 204

    await asyncio.gather(*(send(number, name) for number, name in enumerate(bad_names())))


def assert_harmless(name: str) -> None:
    assert name
    assert len(name.encode()) <= 255
    assert not set(name) & set("/\\\0\r\n\x1b\x7f\x85\u202e\u2066")


async def follow_to_its_download(client: Client, file_id: str) -> None:
    job_id = await client.convert(file_id, "flac")
    assert (await end_of(client, job_id))["status"] == "completed"
    status, _, headers = await client.call("HEAD", f"/api/download?jobId={job_id}")
    assert status == 200
    assert "Set-Cookie" not in headers
    assert headers["Content-Disposition"].isascii()
    assert headers["Content-Disposition"].count('"') == 2
    assert (await client.call("DELETE", f"/api/jobs/{job_id}"))[0] == 204


async def test_a_hundred_bad_parameters_are_refused_or_served(watched: Watch, wav: bytes) -> None:
    client = watched.client
    status, upload = await open_with_name(client, "a.wav", len(wav))
    query = f"fileId={upload['fileId']}&chunkIndex=0"
    raw = {"Content-Type": "application/octet-stream"}
    await client.call("POST", f"/api/upload-audio?{query}", data=wav, headers=raw)
    keeper = await client.convert(upload["fileId"], "wav")
    await end_of(client, keeper)
    bodies = bad_bodies(upload["fileId"])
    assert len(bodies) + len(QUERIES) >= 100
    wrong, jobs = [], [keeper]
    for body in bodies:
        try:
            jobs += await submit(client, body)
        except AssertionError as error:
            wrong.append(f"{body}: {error}"[:300])
    for query in QUERIES:
        for path in ("/api/download", "/api/progress", "/api/events"):
            status, _, _ = await client.call("GET", f"{path}?{query}&jobId={keeper}")
            if status >= 500:
                wrong.append(f"{path}?{query}: {status}")
    assert wrong == []
    for job_id in jobs:
        assert (await client.call("DELETE", f"/api/jobs/{job_id}"))[0] == 204


async def submit(client: Client, body: dict[str, Any]) -> list[str]:
    """A body is refused; or it makes a job, which ends by a name."""
    status, reply, _ = await client.call("POST", "/api/convert-audio", json=body)
    if status != 202:
        assert 400 <= status < 500, reply
        return []
    ended = await end_of(client, reply["jobId"])
    assert ended["error"] is None or ended["error"]["code"] in JOB_CODES | {"invalid_option"}
    return [str(reply["jobId"])]


def test_the_log_has_one_line_for_each_event(wavemill: Wavemill) -> None:
    lines = [line for line in wavemill.log.splitlines() if line.startswith("{")]
    assert all(json.loads(line)["event"] for line in lines)
    assert psutil.pid_exists(wavemill.service("gateway").pid)
