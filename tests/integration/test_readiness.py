"""GET /readyz where S3, DynamoDB or Redis are not as they should be: what it says."""

import asyncio
import json
import os
import subprocess
import sys
from pathlib import Path
from uuid import uuid4

import pytest
from aiohttp import web
from aiohttp.test_utils import TestClient, TestServer

from support.faulty import Fault, FaultProxy
from support.redis import TestRedis
from support.s3 import Moto
from wavemill_common.settings import Settings
from wavemill_gateway.app import create_app
from wavemill_janitor.cli import exits


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


def of_dynamo(request: web.Request) -> bool:
    return request.headers.get("X-Amz-Target", "").startswith("DynamoDB")


def of_s3(request: web.Request) -> bool:
    return not of_dynamo(request)


def s3_says(code: str, status: int = 403) -> Fault:
    body = f"<Error><Code>{code}</Code><Message>no</Message></Error>"
    where = {"x-amz-bucket-region": "eu-north-1"}  # as AWS always says
    return Fault(of_s3, times=99, answer=(status, body), headers=where)


def dynamo_says(code: str, message: str = "no") -> Fault:
    body = json.dumps({"__type": f"com.amazon.coral.service#{code}", "message": message})
    return Fault(of_dynamo, times=99, answer=(400, body))


def doctor(environ: dict[str, str]) -> tuple[int, dict[str, str]]:
    """What an operator is told: the exit code, and check → message and advice."""
    command = [sys.executable, "-m", "wavemill_janitor", "doctor", "--json"]
    done = subprocess.run(
        command, env={**os.environ, **environ}, capture_output=True, text=True, check=False
    )
    assert done.stdout, done.stderr
    checks = json.loads(done.stdout)["checks"]
    return done.returncode, {one["name"]: f"{one['message']} {one['advice']}" for one in checks}


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


@pytest.mark.parametrize(
    ("of_objects", "to_do", "of_records", "to_do_there"),
    [
        (
            s3_says("PermanentRedirect", 301), "AWS_REGION=eu-north-1",
            dynamo_says("ResourceNotFoundException"), "check AWS_REGION",
        ),
        (
            s3_says("InvalidAccessKeyId"), "AWS_ACCESS_KEY_ID",
            dynamo_says("UnrecognizedClientException"), "AWS_ACCESS_KEY_ID",
        ),
        (
            s3_says("AccessDenied"), "lacks the permission s3:",
            dynamo_says("AccessDeniedException"), "dynamodb:GetItem on table uploads-",
        ),
    ],
    ids=["wrong region", "wrong key", "no permission"],
)  # fmt: skip
async def test_a_wrong_region_or_key_is_told_by_readyz_and_doctor_with_what_to_do(
    environ: dict[str, str], of_objects: Fault, to_do: str, of_records: Fault, to_do_there: str
) -> None:
    async with FaultProxy.before(environ["S3_ENDPOINT_URL"]) as proxy:
        proxy.faults = [of_objects, of_records]
        environ |= {"S3_ENDPOINT_URL": proxy.url, "DYNAMODB_ENDPOINT_URL": proxy.url}
        status, checks = await readiness(environ)
        code, told = await asyncio.to_thread(doctor, environ)
    assert (status, code) == (503, exits.DEPENDENCY_DOWN)
    assert to_do in checks["objectStore"]
    assert to_do in told["object store"]
    assert to_do_there in checks["jobStore"]
    assert to_do_there in told["job store"]


async def test_doctor_says_what_to_do_about_a_redis_without_tls(environ: dict[str, str]) -> None:
    plain = environ["REDIS_URL"]
    tls = environ | {"REDIS_URL": plain.replace("redis://", "rediss://")}
    code, told = await asyncio.to_thread(doctor, tls)
    assert code == exits.DEPENDENCY_DOWN
    assert "REDIS_TLS" in told["redis"]


@pytest.mark.parametrize("service", ["gateway", "converter", "janitor"])
def test_a_service_that_lacks_settings_does_not_start_and_names_them(service: str) -> None:
    lacking = {
        "WAVEMILL_ENV": "ecs",
        "AWS_REGION": "eu-central-1",
        "REDIS_URL": "redis://somewhere:6379/0",
        "WAVEMILL_SECRET": "secret",
    }
    done = subprocess.run(
        [sys.executable, "-m", f"wavemill_{service}", *(["run"] if service == "janitor" else [])],
        env={**os.environ, **lacking}, capture_output=True, text=True, check=False, timeout=60,
    )  # fmt: skip
    assert done.returncode != 0
    assert "S3_BUCKET" in done.stderr
    assert "REDIS_TLS=0 allows a plain connection" in done.stderr
    assert "Traceback" not in done.stderr
