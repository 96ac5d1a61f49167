"""What only AWS itself can judge: CORS, ACLs, signatures, IAM policies, the template.

`make staging-test` runs these with the credentials that boto3 finds. They make a bucket and two
tables, and take them away.
"""

import json
import subprocess
import sys
from collections.abc import Callable
from os import environ as surroundings
from pathlib import Path
from typing import Any

import aiohttp
import boto3
import pytest
from botocore.exceptions import ClientError

from support.client import Client
from support.server import Wavemill
from wavemill_common.settings import Settings
from wavemill_janitor.policies import policies

pytestmark = pytest.mark.aws

ROOT = Path(__file__).resolve().parents[2]
ORIGIN = "https://audio.example"
EVERYTHING = [
    "s3:PutObject", "s3:DeleteObject", "s3:DeleteBucket", "s3:PutBucketPolicy",
    "dynamodb:PutItem", "dynamodb:Scan", "dynamodb:DeleteTable", "iam:CreateUser",
]  # fmt: skip


def janitor(environ: dict[str, str], *words: str) -> tuple[int, dict[str, Any]]:
    command = [sys.executable, "-m", "wavemill_janitor", *words, "--json"]
    done = subprocess.run(
        command, env={**surroundings, **environ}, capture_output=True, text=True, check=False
    )
    return done.returncode, json.loads(done.stdout)


def test_what_setup_has_made_needs_nothing_more(environ: dict[str, str]) -> None:
    code, again = janitor(environ, "setup", "--origin", ORIGIN)
    assert (code, again["counts"]["planned"]) == (0, 0), again


def test_nobody_without_a_signature_reads_or_writes(environ: dict[str, str], s3: Any) -> None:
    bucket = environ["S3_BUCKET"]
    blocked = s3.get_public_access_block(Bucket=bucket)["PublicAccessBlockConfiguration"]
    assert set(blocked.values()) == {True}
    with pytest.raises(ClientError, match=r"AccessDenied|AccessControlListNotSupported"):
        s3.put_object(Bucket=bucket, Key="uploads/public.txt", Body=b"x", ACL="public-read")


async def test_pages_of_the_origin_may_send_parts_and_others_may_not(
    environ: dict[str, str], s3: Any, session: aiohttp.ClientSession
) -> None:
    parameters = {"Bucket": environ["S3_BUCKET"], "Key": "uploads/cors.txt"}
    url = s3.generate_presigned_url("put_object", parameters, ExpiresIn=60)
    for origin, allowed in ((ORIGIN, ORIGIN), ("https://elsewhere.example", None)):
        asked = {"Origin": origin, "Access-Control-Request-Method": "PUT"}
        async with session.options(url, headers=asked) as reply:
            assert reply.headers.get("Access-Control-Allow-Origin") == allowed
    async with session.put(url, data=b"x", headers={"Origin": ORIGIN}) as reply:
        assert reply.status == 200
        assert "ETag" in reply.headers["Access-Control-Expose-Headers"]


async def test_a_signature_that_is_wrong_is_refused(
    environ: dict[str, str], s3: Any, session: aiohttp.ClientSession
) -> None:
    s3.put_object(Bucket=environ["S3_BUCKET"], Key="uploads/signed.txt", Body=b"x")
    parameters = {"Bucket": environ["S3_BUCKET"], "Key": "uploads/signed.txt"}
    url = s3.generate_presigned_url("get_object", parameters, ExpiresIn=60)
    async with session.get(url) as reply:
        assert (reply.status, await reply.read()) == (200, b"x")
    async with session.get(url.replace("signed.txt", "cors.txt")) as reply:
        assert reply.status == 403


async def test_a_file_is_converted_and_doctor_is_content(
    environ: dict[str, str],
    start_wavemill: Callable[..., Wavemill],
    session: aiohttp.ClientSession,
    lena: Path,
    tmp_path: Path,
) -> None:
    server = start_wavemill(**environ, WAVEMILL_SECRET="staging")  # noqa: S106 - of this test only
    client = Client(session, server.url)
    job_id = await client.convert((await client.upload(lena / "lena.wav"))["fileId"], "flac")
    assert (await client.wait(job_id))["status"] == "completed"
    await client.download(job_id, tmp_path / "out.flac")
    where = {**environ, "DATA_DIR": str(server.data_dir)}
    assert janitor(where, "doctor")[0] == 0


@pytest.mark.parametrize("service", ["gateway", "converter", "janitor"])
def test_iam_takes_each_policy_and_allows_by_it_what_is_meant(
    environ: dict[str, str], service: str
) -> None:
    settings = Settings.from_environ(environ)
    policy = policies(settings)[service]
    iam = boto3.client("iam", region_name=environ["AWS_REGION"])
    for statement in policy["Statement"]:
        place = statement["Resource"].replace(":*:", ":000000000000:").replace("*", "any")
        judged = iam.simulate_custom_policy(
            PolicyInputList=[json.dumps(policy)],
            ActionNames=statement["Action"],
            ResourceArns=[place],
        )["EvaluationResults"]
        assert {one["EvalDecision"] for one in judged} == {"allowed"}, judged
    judged = iam.simulate_custom_policy(
        PolicyInputList=[json.dumps(policy)], ActionNames=EVERYTHING
    )["EvaluationResults"]
    assert {one["EvalDecision"] for one in judged} == {"implicitDeny"}, judged
    iam.close()


def test_cloudformation_takes_the_template_with_its_scaling(region: str) -> None:
    stacks = boto3.client("cloudformation", region_name=region)
    text = (ROOT / "deploy" / "ecs" / "wavemill.yaml").read_text()
    told = stacks.validate_template(TemplateBody=text)
    assert told["Capabilities"] == ["CAPABILITY_IAM"]
    assert "MaxConverters" in {one["ParameterKey"] for one in told["Parameters"]}
    stacks.close()
