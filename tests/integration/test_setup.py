"""setup: makes what AWS lacks, and only that; and tells what each service must be allowed."""

import json
import os
import subprocess
import sys
from typing import Any
from uuid import uuid4

import boto3
import pytest

from support.s3 import raw_client
from wavemill_common.settings import Settings
from wavemill_janitor.policies import policies

REGION = "eu-central-1"


@pytest.fixture
def environ(moto: str) -> dict[str, str]:
    """A bucket and tables that nobody has made yet."""
    mark = uuid4().hex
    return {
        "WAVEMILL_ENV": "ecs",
        "AWS_REGION": REGION,
        "AWS_ACCESS_KEY_ID": "test",
        "AWS_SECRET_ACCESS_KEY": "test",
        "S3_BUCKET": f"bucket-{mark}",
        "S3_ENDPOINT_URL": moto,
        "S3_ADDRESSING": "path",
        "DYNAMODB_ENDPOINT_URL": moto,
        "DYNAMODB_JOBS_TABLE": f"jobs-{mark}",
        "DYNAMODB_UPLOADS_TABLE": f"uploads-{mark}",
    }


def janitor(environ: dict[str, str], *words: str) -> tuple[int, dict[str, Any]]:
    command = [sys.executable, "-m", "wavemill_janitor", *words, "--json"]
    done = subprocess.run(
        command, env={**os.environ, **environ}, capture_output=True, text=True, check=False
    )
    assert done.stdout, done.stderr
    return done.returncode, json.loads(done.stdout)


def dynamo_client(url: str) -> Any:
    return boto3.client(
        "dynamodb",
        endpoint_url=url,
        region_name=REGION,
        aws_access_key_id="test",
        aws_secret_access_key="test",  # noqa: S106 - a stand-in's
    )


def test_setup_makes_everything_once_and_only_when_told_to(
    environ: dict[str, str], moto: str
) -> None:
    code, planned = janitor(environ, "setup")
    assert (code, planned["counts"]["planned"]) == (0, 7)
    assert janitor(environ, "setup")[1]["items"] == planned["items"]  # nothing was done

    code, done = janitor(environ, "setup", "--apply", "--origin", "https://audio.example")
    assert (code, done["counts"]["done"]) == (0, 7), done
    code, again = janitor(environ, "setup", "--apply", "--origin", "https://audio.example")
    assert (code, again["counts"]["skipped"], again["counts"]["done"]) == (0, 7, 0), again

    s3, bucket = raw_client(moto), environ["S3_BUCKET"]
    rules = s3.get_bucket_lifecycle_configuration(Bucket=bucket)["Rules"]
    abort = [one["AbortIncompleteMultipartUpload"] for one in rules if "abort" in one["ID"]]
    assert abort == [{"DaysAfterInitiation": 1}]
    expire = {
        one["Filter"]["Prefix"]: one["Expiration"]["Days"] for one in rules if "Expiration" in one
    }
    assert expire == {"uploads/": 30, "conversions/": 30}
    (cors,) = s3.get_bucket_cors(Bucket=bucket)["CORSRules"]
    assert cors["AllowedOrigins"] == ["https://audio.example"]
    assert "ETag" in cors["ExposeHeaders"]
    s3.close()
    dynamo = dynamo_client(moto)
    ttl = dynamo.describe_time_to_live(TableName=environ["DYNAMODB_JOBS_TABLE"])
    assert ttl["TimeToLiveDescription"]["AttributeName"] == "ttl"
    table = dynamo.describe_table(TableName=environ["DYNAMODB_JOBS_TABLE"])["Table"]
    names = {index["IndexName"] for index in table["GlobalSecondaryIndexes"]}
    assert names == {"due", "expires", "owner"}
    dynamo.close()


def test_rules_of_others_are_left_alone(environ: dict[str, str], moto: str) -> None:
    s3, bucket = raw_client(moto), environ["S3_BUCKET"]
    place = {"LocationConstraint": REGION}
    s3.create_bucket(Bucket=bucket, CreateBucketConfiguration=place)
    foreign = {
        "ID": "logs",
        "Status": "Enabled",
        "Filter": {"Prefix": "logs/"},
        "Expiration": {"Days": 3},
    }
    s3.put_bucket_lifecycle_configuration(
        Bucket=bucket, LifecycleConfiguration={"Rules": [foreign]}
    )
    assert janitor(environ, "setup", "--apply")[0] == 0
    rules = s3.get_bucket_lifecycle_configuration(Bucket=bucket)["Rules"]
    assert {"logs", "wavemill-abort"} < {one["ID"] for one in rules}
    assert janitor(environ, "setup")[1]["counts"]["planned"] == 0
    s3.close()


def test_a_table_that_lacks_an_index_gets_it(environ: dict[str, str], moto: str) -> None:
    dynamo = dynamo_client(moto)
    dynamo.create_table(
        TableName=environ["DYNAMODB_UPLOADS_TABLE"],
        BillingMode="PAY_PER_REQUEST",
        KeySchema=[{"AttributeName": "fileId", "KeyType": "HASH"}],
        AttributeDefinitions=[{"AttributeName": "fileId", "AttributeType": "S"}],
    )
    dynamo.create_table(
        TableName=environ["DYNAMODB_JOBS_TABLE"],
        BillingMode="PAY_PER_REQUEST",
        KeySchema=[{"AttributeName": "id", "KeyType": "HASH"}],
        AttributeDefinitions=[{"AttributeName": "id", "AttributeType": "S"}],
    )
    code, told = janitor(environ, "setup", "--apply")
    outcomes = {item["id"].split("-")[0]: item for item in told["items"]}
    assert code == 1
    assert "another key" in outcomes["table jobs"]["reason"]
    assert outcomes["table uploads"]["does"] == "add the index expires, owner"
    table = dynamo.describe_table(TableName=environ["DYNAMODB_UPLOADS_TABLE"])["Table"]
    assert [index["IndexName"] for index in table["GlobalSecondaryIndexes"]] == ["expires"]
    dynamo.close()


@pytest.mark.parametrize(
    ("changes", "code", "told"),
    [
        ({"S3_BUCKET": ""}, 2, "S3_BUCKET is not set"),
        ({"WAVEMILL_STORAGE": "disk", "WAVEMILL_ENV": "docker"}, 2, "WAVEMILL_STORAGE=aws"),
        ({"S3_ENDPOINT_URL": "http://127.0.0.1:1"}, 4, "check the credentials, AWS_REGION"),
    ],
)
def test_what_keeps_setup_from_working_is_named(
    environ: dict[str, str], changes: dict[str, str], code: int, told: str
) -> None:
    exit_code, answer = janitor(environ | changes, "setup")
    assert exit_code == code
    assert told in answer["error"]["message"]


def test_doctor_names_a_bucket_and_tables_that_are_not_there(environ: dict[str, str]) -> None:
    told = janitor(environ | {"REDIS_URL": "rediss://127.0.0.1:1"}, "doctor")[1]
    checks = {check["name"]: f"{check['message']} {check['advice']}" for check in told["checks"]}
    assert "there is no bucket" in checks["object store"]
    assert f"there is no table {environ['DYNAMODB_UPLOADS_TABLE']}" in checks["job store"]
    assert "setup --apply" in checks["job store"]
    assert "disk" not in checks["job store"]


def allowed(environ: dict[str, str], service: str) -> dict[str, set[str]]:
    """Resource, shortened → actions."""
    policy = policies(Settings.read(environ))[service]
    return {one["Resource"].split(":::")[-1]: set(one["Action"]) for one in policy["Statement"]}


def test_only_the_janitor_looks_through_tables(environ: dict[str, str]) -> None:
    for service in ("gateway", "converter"):
        may = allowed(environ, service)
        for place, actions in may.items():
            assert "dynamodb:Scan" not in actions
            assert "dynamodb:Query" not in actions or place.endswith("/index/owner")
    janitor_may = allowed(environ, "janitor")
    index = f"table/{environ['DYNAMODB_JOBS_TABLE']}/index/due"
    assert {"dynamodb:Query", "dynamodb:Scan"} in [
        actions for place, actions in janitor_may.items() if place.endswith(index)
    ]


def test_a_converter_writes_results_only_and_looks_at_uploads(environ: dict[str, str]) -> None:
    bucket = environ["S3_BUCKET"]
    may = allowed(environ, "converter")
    assert may[f"{bucket}/uploads/*"] == {"s3:GetObject"}
    assert "s3:PutObject" in may[f"{bucket}/conversions/*"]
    assert "s3:PutObject" not in allowed(environ, "gateway")[f"{bucket}/conversions/*"]
    looks = [may[place] for place in may if environ["DYNAMODB_UPLOADS_TABLE"] in place]
    assert looks == [{"dynamodb:GetItem"}]


def test_no_policy_allows_more_than_it_names(environ: dict[str, str]) -> None:
    for policy in policies(Settings.read(environ)).values():
        for statement in policy["Statement"]:
            assert not any("*" in action for action in statement["Action"])
            name = environ["S3_BUCKET"], environ["DYNAMODB_JOBS_TABLE"][5:]
            assert any(one in statement["Resource"] for one in name)
