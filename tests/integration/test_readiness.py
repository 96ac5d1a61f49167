"""GET /readyz where S3, DynamoDB or Redis are not as they should be: what it says."""

from pathlib import Path
from uuid import uuid4

import pytest
from aiohttp.test_utils import TestClient, TestServer

from support.redis import TestRedis
from support.s3 import Moto
from wavemill_common.settings import Settings
from wavemill_gateway.app import create_app


@pytest.fixture
def environ(s3_server: Moto, redis_server: TestRedis, tmp_path: Path) -> dict[str, str]:
    """A gateway's settings, with a bucket and tables that nobody has made."""
    mark = uuid4().hex
    return {
        "WAVEMILL_ENV": "local",
        "DATA_DIR": str(tmp_path),
        "S3_BUCKET": f"bucket-{mark}",
        "S3_ENDPOINT_URL": s3_server.url,
        "DYNAMODB_ENDPOINT_URL": s3_server.url,
        "DYNAMODB_JOBS_TABLE": f"jobs-{mark}",
        "DYNAMODB_UPLOADS_TABLE": f"uploads-{mark}",
        "REDIS_URL": redis_server.url,
    }


async def readiness(environ: dict[str, str]) -> tuple[int, dict[str, str]]:
    app = create_app(Settings.from_environ(environ))
    async with TestClient(TestServer(app)) as client:
        reply = await client.get("/readyz")
        return reply.status, (await reply.json())["checks"]


async def test_a_bucket_and_tables_that_are_not_there_are_named(environ: dict[str, str]) -> None:
    status, checks = await readiness(environ)
    assert status == 503
    assert f"there is no bucket {environ['S3_BUCKET']}" in checks["objectStore"]
    assert f"there is no table {environ['DYNAMODB_UPLOADS_TABLE']}" in checks["jobStore"]
    assert "wavemill-janitor setup --apply" in checks["jobStore"]


async def test_servers_that_are_not_there_are_named(environ: dict[str, str]) -> None:
    nowhere = "http://127.0.0.1:1"
    status, checks = await readiness(
        environ | {"S3_ENDPOINT_URL": nowhere, "DYNAMODB_ENDPOINT_URL": nowhere}
    )
    assert status == 503
    assert "127.0.0.1:1" in checks["objectStore"]
    assert "check that it runs, and DYNAMODB_ENDPOINT_URL" in checks["jobStore"]


async def test_a_redis_without_tls_is_told_where_tls_is_asked_for(environ: dict[str, str]) -> None:
    plain = environ["REDIS_URL"]
    checks = (await readiness(environ | {"REDIS_URL": plain.replace("redis://", "rediss://")}))[1]
    assert "check that it runs and speaks TLS" in checks["redis"]
