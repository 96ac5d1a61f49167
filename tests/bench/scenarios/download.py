"""A result of a gateway on disk, whole and from its middle, against FileResponse and nginx.

All of them have the kernel copy the file to the socket. A gateway also looks the job up.
"""

import asyncio
import os
import shutil
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from uuid import uuid4

from bench.bench import Bench, interleaved
from bench.rows import Goal, Row
from bench.sending import connected
from bench.services import (
    LOAD_CORE,
    SERVER_CORE,
    Service,
    bare,
    gateway,
    redis_in,
    started,
    wait_for_port,
)
from bench.usage import Usage, of_servers, pinned
from support.ports import free_port
from support.records import a_job
from wavemill_common.jobs import JobStatus, Output
from wavemill_common.records.sqlite import SqliteJobStore
from wavemill_common.settings import Settings

NAME = "download"
ABOUT = "a result from disk over one connection"
MIB = 1 << 20
_BUFFER = 4 * MIB
_NGINX = """daemon off; master_process off; pid {folder}/nginx.pid; error_log {folder}/error.log;
events {{}}
http {{ access_log off; sendfile on; client_body_temp_path {folder}/body;
 proxy_temp_path {folder}/proxy; fastcgi_temp_path {folder}/fastcgi; uwsgi_temp_path {folder}/uwsgi;
 scgi_temp_path {folder}/scgi; server {{ listen 127.0.0.1:{port}; root {folder}; }} }}
"""


def run(bench: Bench) -> Iterator[Row]:
    """Measure throughput and CPU of a whole file, and the time of small ranges."""
    size = bench.sized(512, 1024) * MIB
    data, folder = bench.folder / "download", bench.folder / "download-bare"
    (folder / "files").mkdir(parents=True)
    with ExitStack() as stack:
        stack.enter_context(pinned(LOAD_CORE))
        url = stack.enter_context(redis_in(data))
        path = f"/api/download?jobId={_result_in(data, size)}"
        os.link(next((data / "objects").rglob("*.flac")), folder / "files" / "whole")
        ours = stack.enter_context(gateway(data))
        theirs = stack.enter_context(bare("web", folder / "files", str(folder / "files"), url))
        sides = [(ours, path), (theirs, "/files/whole")]
        if shutil.which("nginx"):
            sides.append((stack.enter_context(_nginx(folder)), "/files/whole"))
        pairs = bench.times(5, 9)
        whole = interleaved(pairs, *(_fetching(one, where, {}, 1) for one, where in sides))
        middle = {"Range": f"bytes={size // 2}-{size // 2 + 65_535}"}
        ranges = interleaved(pairs, *(_fetching(one, where, middle, 300) for one, where in sides))
    for against, used in zip(("FileResponse", "nginx"), whole[1:], strict=False):
        yield from _rows(size, whole[0], used, against)
    for against, used in zip(("FileResponse", "nginx"), ranges[1:], strict=False):
        yield Row(
            name="64 KiB from the middle",
            against=against,
            unit="ms",
            ours=[one.wall / 0.3 for one in ranges[0]],
            limit=[one.wall / 0.3 for one in used],
            note="a look-up of the job's record is in it",
        )


def _rows(size: int, ours: Sequence[Usage], limit: Sequence[Usage], against: str) -> Iterator[Row]:
    yield Row(
        name="throughput",
        against=against,
        unit="MB/s",
        ours=[size / 1e6 / one.wall for one in ours],
        limit=[size / 1e6 / one.wall for one in limit],
        goal=Goal(least=0.9) if against == "FileResponse" else None,
    )
    yield Row(
        name="CPU",
        against=against,
        unit="s/GB",
        ours=[one.cpu / size * 1e9 for one in ours],
        limit=[one.cpu / size * 1e9 for one in limit],
    )


def _fetching(
    service: Service, path: str, headers: Mapping[str, str], times: int
) -> Callable[[], Usage]:
    buffer = bytearray(_BUFFER)

    def fetch() -> None:
        with connected(service.url) as connection:
            for _ in range(times):
                connection.fetch(path, buffer, headers)

    return lambda: of_servers(service.processes, fetch)


def _result_in(data_dir: Path, size: int) -> str:
    """Record a completed job with one result of that size; return its id."""
    settings = Settings.from_environ({"DATA_DIR": str(data_dir)})
    job_id, now = uuid4().hex, time.time()
    key = f"conversions/{job_id}/1-0-bench.flac"
    path = settings.objects_dir / key
    path.parent.mkdir(parents=True)
    block = os.urandom(MIB)
    with path.open("wb") as file:
        for _ in range(size // MIB):
            file.write(block)
    output = Output(
        key=key,
        format="flac",
        file_name="clip.flac",
        mime="audio/flac",
        size=size,
        sha256="0" * 64,
    )
    job = a_job(
        job_id, now=now, status=JobStatus.COMPLETED, outputs=(output,), due_at=None, ended_at=now
    )

    async def put() -> None:
        async with SqliteJobStore.open(settings.records_path) as records:
            await records.put_job(job)

    asyncio.run(put())
    return job_id


@contextmanager
def _nginx(folder: Path) -> Iterator[Service]:
    """An nginx with one process."""
    port = free_port()
    config = folder / "nginx.conf"
    config.write_text(_NGINX.format(folder=folder, port=port))
    argv = ["nginx", "-c", str(config), "-e", str(folder / "error.log")]
    with started(argv, folder, "nginx", core=SERVER_CORE) as process:
        wait_for_port(port, process, folder / "error.log")
        yield Service(f"http://127.0.0.1:{port}", [process])
