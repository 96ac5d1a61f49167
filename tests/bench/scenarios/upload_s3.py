"""One file in 8 MiB chunks over four connections, to a gateway on S3, against aioboto3 alone.

S3 is moto's server, which has the load's core: what it takes is the same for both, and no CPU of
theirs. The limit is an aiohttp server that makes each PUT a part of one multipart upload; until
that is complete, nobody can read them.
"""

import json
import math
from collections.abc import Iterator
from urllib.parse import quote

from msgspec import structs

from bench.bench import Bench, interleaved
from bench.rows import Row
from bench.scenarios.upload import BARE, CHUNK, MIB, a_chunk, in_parallel, rows, upload
from bench.sending import Connection, connected
from bench.services import LOAD_CORE, SERVER_CORE, Service, bare, gateway, redis_in
from bench.usage import Usage, of_servers, pinned
from support.kept import InAws
from support.moto_server import running_moto

NAME = "upload_s3"
ABOUT = "a file in 8 MiB chunks, four at once, to S3 (moto's server)"
_KEY = "whole"
_NOTE = (
    "ours makes each chunk an object that can be read at once, with three calls to DynamoDB, and"
    " the file a list of them; moto takes long to put parts together"
)
AGAINST = "aioboto3 alone"


def run(bench: Bench) -> Iterator[Row]:
    """Measure throughput and CPU."""
    size = bench.sized(256, 1024) * MIB
    chunk, data, folder = a_chunk(), bench.folder / "upload", bench.folder / "upload-bare"
    folder.mkdir()
    with pinned(LOAD_CORE), running_moto() as moto, redis_in(data):
        kept = InAws(moto)
        with (
            gateway(data, core=SERVER_CORE, **kept.variables) as ours,
            bare("s3", folder, moto, kept.variables["S3_BUCKET"]) as theirs,
        ):
            wavemill, parts = interleaved(
                bench.times(5, 7),
                lambda: _upload(ours, kept, size, chunk),
                lambda: _put_parts(theirs, kept, size, chunk),
            )
    for row in rows(size, wavemill, parts, AGAINST, BARE):
        yield structs.replace(row, note=_NOTE)


def _upload(service: Service, kept: InAws, size: int, chunk: memoryview) -> Usage:
    used = upload(service, size, chunk)
    for key in kept.keys():  # noqa: SIM118 - no dictionary
        kept.delete(key)
    return used


def _put_parts(service: Service, kept: InAws, size: int, chunk: memoryview) -> Usage:
    """PUT the same chunks as parts, and complete the upload; delete it when it was measured."""
    tags = [""] * math.ceil(size / CHUNK)
    with connected(service.url) as connection:
        upload_id = quote(_called(connection, "POST", f"/uploads/{_KEY}"), safe="")

        def put(one: Connection, index: int) -> None:
            path = f"/uploads/{_KEY}/{index + 1}?id={upload_id}"
            tags[index] = _called(one, "PUT", path, chunk)

        def work() -> None:
            in_parallel(service, size, put)
            body = json.dumps(tags).encode()
            _called(connection, "POST", f"/uploads/{_KEY}/complete?id={upload_id}", body)

        used = of_servers(service.processes, work)
    kept.delete(_KEY)
    return used


def _called(connection: Connection, method: str, path: str, body: bytes | memoryview = b"") -> str:
    status, answer = connection.send(method, path, body)
    assert status == 200, answer
    return answer.decode()
