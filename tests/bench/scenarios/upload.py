"""One file in 8 MiB chunks over four connections, to a gateway on disk, against bare aiohttp.

A gateway answers for what it has taken: each chunk is synced when it is acknowledged, and in the
end all of them are one file. So the limit is the shortest program that leaves the same behind; a
PUT that writes and forgets is shown beside it.
"""

import json
import math
import os
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import NamedTuple

from bench.bench import Bench, interleaved
from bench.rows import Goal, Row
from bench.sending import Connection, connected
from bench.services import LOAD_CORE, Service, bare, gateway, redis_in
from bench.usage import Usage, of_servers, pinned

NAME = "upload"
ABOUT = "a file in 8 MiB chunks, four at once, to disk"
MIB = 1 << 20
CHUNK = 8 * MIB
AT_ONCE = 4
_JSON = {"Content-Type": "application/json"}
_RAW = {"Content-Type": "application/octet-stream"}


class Goals(NamedTuple):
    """Where the ratios of throughput and of CPU should lie."""

    throughput: Goal | None = None
    cpu: Goal | None = None


BARE = Goals(Goal(least=0.8), Goal(most=1.3))
NONE = Goals()


def run(bench: Bench) -> Iterator[Row]:
    """Measure throughput and CPU."""
    size = 1024 * MIB
    chunk, data, folder = a_chunk(), bench.folder / "upload", bench.folder / "upload-bare"
    folder.mkdir()
    with (
        pinned(LOAD_CORE),
        redis_in(data) as url,
        gateway(data) as ours,
        bare("web", folder, str(folder), url) as theirs,
    ):
        wavemill, same, plain = interleaved(
            bench.times(5, 7),
            lambda: upload(ours, size, chunk),
            lambda: put_synced(theirs, folder, size, chunk),
            lambda: put_all(theirs, folder, size, chunk),
        )
    yield from rows(size, wavemill, same, "aiohttp PUT, synced", BARE)
    yield from rows(size, wavemill, plain, "aiohttp PUT, not synced", NONE)


def a_chunk() -> memoryview:
    """What is sent, again and again: it begins like a WAV."""
    return memoryview(b"RIFF\0\0\0\0WAVE" + os.urandom(CHUNK))[:CHUNK]


def rows(
    size: int,
    ours: Sequence[Usage],
    limit: Sequence[Usage],
    against: str,
    goals: Goals,
) -> Iterator[Row]:
    """Throughput and CPU of both."""
    yield Row(
        name="throughput",
        against=against,
        unit="MB/s",
        ours=[size / 1e6 / one.wall for one in ours],
        limit=[size / 1e6 / one.wall for one in limit],
        goal=goals.throughput,
    )
    yield Row(
        name="CPU",
        against=against,
        unit="s/GB",
        ours=[one.cpu / size * 1e9 for one in ours],
        limit=[one.cpu / size * 1e9 for one in limit],
        goal=goals.cpu,
    )


def upload(service: Service, size: int, chunk: memoryview) -> Usage:
    """Send a file in chunks to a gateway; remove it when it was measured."""
    with connected(service.url) as connection:
        file_id = _open(connection, size)

        def send(one: Connection, index: int) -> None:
            path = f"/api/upload-audio?fileId={file_id}&chunkIndex={index}"
            status, answer = one.send("POST", path, chunk, _RAW)
            assert status in {200, 201}, answer

        used = of_servers(service.processes, lambda: in_parallel(service, size, send), size)
        _, answer = connection.send("GET", f"/api/uploads/{file_id}")
        assert json.loads(answer)["complete"], answer
        connection.send("DELETE", f"/api/uploads/{file_id}")
    return used


def put_synced(service: Service, folder: Path, size: int, chunk: memoryview) -> Usage:
    """PUT the same chunks to their places in one file, each synced."""

    def put(one: Connection, index: int) -> None:
        _put(one, f"whole?at={index * CHUNK}", chunk)

    used = of_servers(service.processes, lambda: in_parallel(service, size, put), size)
    (folder / "whole").unlink()
    return used


def put_all(service: Service, folder: Path, size: int, chunk: memoryview) -> Usage:
    """PUT the same chunks, and be content with that."""

    def work() -> None:
        in_parallel(service, size, lambda one, index: _put(one, str(index), chunk))

    used = of_servers(service.processes, work, size)
    for index in range(math.ceil(size / CHUNK)):
        (folder / str(index)).unlink()
    return used


def in_parallel(service: Service, size: int, send: Callable[[Connection, int], None]) -> None:
    """Send all chunks over some connections."""
    indexes = iter(range(math.ceil(size / CHUNK)))

    def work() -> None:
        with connected(service.url) as connection:
            for index in indexes:  # shared: each takes the next
                send(connection, index)

    with ThreadPoolExecutor(AT_ONCE) as threads:
        for done in [threads.submit(work) for _ in range(AT_ONCE)]:
            done.result()


def _put(connection: Connection, name: str, chunk: memoryview) -> None:
    status, answer = connection.send("PUT", f"/files/{name}", chunk)
    assert status == 200, answer


def _open(connection: Connection, size: int) -> str:
    body = json.dumps({"fileName": "long.wav", "fileSize": size, "chunkSize": CHUNK}).encode()
    status, answer = connection.send("POST", "/api/uploads", body, _JSON)
    assert status == 201, answer
    return str(json.loads(answer)["fileId"])
