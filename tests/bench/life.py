"""Life: where each millisecond of one job goes, from the POST to the event that tells its end.

A gateway and a converter run in this process, on a Redis of their own, and what they call on the
way is timed from outside: nothing of theirs is changed for it.

    PYTHONPATH=tests .venv/bin/python -m bench.life [--seconds 5] [--format mp3] [--verify decode]
"""

import argparse
import asyncio
import functools
import importlib
import inspect
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any
from unittest.mock import patch

import aiohttp
from msgspec import Struct, json

from bench.services import redis_in
from support.audio import make_sweep
from support.client import Client
from support.ports import free_port
from wavemill_common.settings import Settings
from wavemill_common.telemetry import configure_logging
from wavemill_converter.main import main as converter
from wavemill_gateway.main import main as gateway

PATIENCE = 600.0  # seconds
WARM = 3  # jobs that are not shown

# What is timed: module, attribute, what it is called in the picture. Indented by depth.
_DESK, _SUBMISSION = "wavemill_gateway.desk", "wavemill_common.submission"
_STREAMING = "wavemill_converter.convert.streaming.conversion"
_ATTEMPT = "wavemill_converter.work.attempt"
SPANS: Sequence[tuple[str, str, str]] = (
    (_DESK, "JobDesk.submit", "gateway: accept"),
    ("wavemill_gateway.access.quotas", "Quotas.room_for_job", "  quotas"),
    (_SUBMISSION, "Submission.reserve", "  reserve the upload (fsync)"),
    ("wavemill_common.records.sqlite", "SqliteJobStore.put_job", "  put the record (fsync)"),
    (_SUBMISSION, "Submission.confirm", "  confirm (fsync)"),
    (_SUBMISSION, "Submission.announce", "  queue and tell"),
    ("wavemill_converter.work.worker", "Worker._claim", "converter: claim (fsync)"),
    (_ATTEMPT, "Attempt._convert", "converter: convert"),
    (_STREAMING, "probe_input", "  probe the source"),
    ("wavemill_converter.sandbox.process", "start_child", "    start an ffmpeg"),
    (_STREAMING, "prepare", "  plan"),
    (_STREAMING, "_transcode", "  transcode"),
    (_STREAMING, "_publish", "  publish"),
    (
        "wavemill_converter.convert.streaming.follower",
        "OutputFollower.finish",
        "    upload (fsync)",
    ),
    (_STREAMING, "check_published", "    read back, verify"),
    (_STREAMING, "read_result", "    probe the result"),
    ("wavemill_converter.work.worker", "commit", "converter: commit (fsync)"),
)


class Span(Struct, frozen=True):
    """When something began and ended, in seconds since the POST."""

    name: str
    start: float
    end: float


class Life(Struct, frozen=True):
    """One job's life."""

    about: str
    total: float
    spans: Sequence[Span]


class Recorder:
    """Notes spans while it is `on`."""

    def __init__(self) -> None:
        self.spans: list[Span] = []
        self.began = 0.0

    def begin(self) -> None:
        """Forget what there was: a job begins now."""
        self.spans, self.began = [], time.perf_counter()

    def timed(self, name: str, call: Callable[..., Any]) -> Callable[..., Any]:
        """The same function or asynchronous context manager, noted."""
        if not inspect.iscoroutinefunction(call):
            return call

        @functools.wraps(call)
        async def noted(*args: Any, **kwargs: Any) -> Any:
            start = time.perf_counter()
            try:
                return await call(*args, **kwargs)
            finally:
                end = time.perf_counter()
                self.spans.append(Span(name, start - self.began, end - self.began))

        return noted


@contextmanager
def timing(recorder: Recorder) -> Iterator[None]:
    """Have everything in SPANS noted for the time of a block."""
    with ExitStack() as stack:
        for module, path, name in SPANS:
            owner: Any = importlib.import_module(module)
            *classes, attribute = path.split(".")
            for one in classes:
                owner = getattr(owner, one)
            noted = recorder.timed(name, getattr(owner, attribute))
            stack.enter_context(patch.object(owner, attribute, noted))
        yield


async def lived(settings: Settings, source: Path, wanted: dict[str, Any], about: str) -> Life:
    """Run some jobs; return the life of the last one."""
    stopping, recorder = asyncio.Event(), Recorder()
    with timing(recorder):
        async with asyncio.TaskGroup() as services, aiohttp.ClientSession() as session:
            services.create_task(gateway(settings, stopping))
            services.create_task(converter(settings, stopping))
            client = Client(session, f"http://127.0.0.1:{settings.port}")
            await _ready(client)
            file_id = (await client.upload(source))["fileId"]
            for _ in range(WARM + 1):
                recorder.begin()
                total = await _one(client, file_id, wanted, recorder)
            stopping.set()
    return Life(about, total, recorder.spans)


async def _one(client: Client, file_id: str, wanted: dict[str, Any], recorder: Recorder) -> float:
    job_id = await client.convert(file_id, **wanted)
    accepted = time.perf_counter() - recorder.began
    async with asyncio.timeout(PATIENCE):
        async for event in client.events(job_id):
            if event["event"] == "completed":
                break
    total = time.perf_counter() - recorder.began
    recorder.spans[:0] = [
        Span("POST until 202", 0.0, accepted),
        Span("event at the client", total, total),
    ]
    return total


async def _ready(client: Client) -> None:
    async with asyncio.timeout(60):
        while True:
            try:
                status, _, _ = await client.call("GET", "/readyz")
            except aiohttp.ClientConnectionError:
                status = 0
            if status == 200:
                return
            await asyncio.sleep(0.05)


def live(folder: Path, seconds: float, wanted: str, verify: str) -> Life:
    """Make a source and run jobs on it."""
    source = make_sweep(folder / "life.wav", seconds)
    data = folder / "life"
    configure_logging("bench", "error", [])
    with redis_in(data):
        settings = Settings.from_environ(
            {"DATA_DIR": str(data), "PORT": str(free_port()), "WAVEMILL_VERIFY": verify}
        )
        about = f"{seconds:g} s of WAV to {wanted}, verified by {verify}"
        return asyncio.run(lived(settings, source, {"format": wanted}, about))


def main() -> None:
    """Print a job's life."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=5)
    parser.add_argument("--format", default="mp3")
    parser.add_argument("--verify", default="structure")
    parser.add_argument("--out", type=Path, help="keep it as JSON in this file")
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        life = live(Path(folder), asked.seconds, asked.format, asked.verify)
    if asked.out:
        asked.out.parent.mkdir(parents=True, exist_ok=True)
        asked.out.write_bytes(json.format(json.encode(life), indent=1) + b"\n")
    print(f"{life.about}: {life.total * 1e3:.1f} ms")
    for span in sorted(life.spans, key=lambda one: one.start):
        took = span.end - span.start
        print(f"{span.start * 1e3:8.1f} {took * 1e3:8.1f} ms  {span.name}")


if __name__ == "__main__":
    main()
