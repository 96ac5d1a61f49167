"""Held: what idle event streams hold in a gateway's memory, by the file that allocated it.

    PYTHONPATH=tests .venv/bin/python -m bench.held [STREAMS]

Python's own allocations only: a socket's buffers are the kernel's.
"""

import asyncio
import resource
import signal
import sys
import tempfile
import tracemalloc
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from bench.jobs import running_jobs
from bench.scenarios.sse import Crowd
from bench.services import Service, redis_in, settle, started, wait_for_port
from support.ports import free_port
from support.server import wait_until
from wavemill_common.service import run_service
from wavemill_gateway.main import main as gateway

SHOWN = 25  # files


def main() -> None:
    """Open streams at a gateway that traces what it allocates; print what they hold."""
    count = int(sys.argv[1]) if len(sys.argv) > 1 else 1000
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    with tempfile.TemporaryDirectory(prefix="bench-held-") as folder:
        data, port = Path(folder), free_port()
        own: dict[str, Any] = {
            "PORT": str(port),
            "DATA_DIR": folder,
            "WAVEMILL_MAX_SSE": "0",
            "WAVEMILL_MAX_SSE_PER_CLIENT": "0",
        }
        argv = [sys.executable, "-X", "tracemalloc", "-m", "bench.held", "serve", folder]
        with redis_in(data):
            (job,) = running_jobs(data, 1)
            with started(argv, data, "gateway", **own) as process:
                wait_for_port(port, process, data / "gateway.log")
                service = Service(f"http://127.0.0.1:{port}", [process])
                asyncio.run(_held(service, job.job_id, count, data))
        print((data / "held").read_text(), end="")


async def _held(service: Service, job_id: str, count: int, data: Path) -> None:
    service.processes[0].send_signal(signal.SIGUSR1)
    wait_until((data / "before").exists, 60)
    crowd = Crowd(service, job_id)
    await crowd.join(count)
    settle()
    (data / "count").write_text(str(count))
    service.processes[0].send_signal(signal.SIGUSR1)
    await asyncio.to_thread(wait_until, (data / "held").exists, 60)
    crowd.leave()


def serve(data: Path) -> None:
    """Be a gateway that looks at its memory on SIGUSR1: before, and while streams are open."""
    before: list[tracemalloc.Snapshot] = []

    def look(*_: object) -> None:
        now = tracemalloc.take_snapshot()
        if not before:
            before.append(now)
            (data / "before").touch()
            return
        count = int((data / "count").read_text())
        part = data / "part"
        part.write_text("\n".join(_lines(now.compare_to(before[0], "filename"), count)) + "\n")
        part.rename(data / "held")

    signal.signal(signal.SIGUSR1, look)
    run_service("gateway", gateway)


def _lines(found: Iterable[tracemalloc.StatisticDiff], count: int) -> Iterator[str]:
    """What grew: bytes for each stream, of a file."""
    grown = sorted(found, key=lambda one: one.size_diff, reverse=True)
    yield f"{sum(one.size_diff for one in grown) / count:8.0f} B  all"
    for one in grown[:SHOWN]:
        place = "/".join(Path(one.traceback[0].filename).parts[-3:])
        yield f"{one.size_diff / count:8.0f} B  {place}"


if __name__ == "__main__":
    if sys.argv[1:2] == ["serve"]:
        serve(Path(sys.argv[2]))
    else:
        main()
