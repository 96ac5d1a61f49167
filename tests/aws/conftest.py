"""Fixtures of the tests against a real AWS account; nothing of theirs stays in it."""

import os
import subprocess
import sys
from collections.abc import Iterator
from typing import Any
from uuid import uuid4

import boto3
import pytest
from botocore.exceptions import BotoCoreError, ClientError

ORIGIN = "https://audio.example"
ENDPOINT = os.environ.get("S3_ENDPOINT_URL")  # of a stand-in, to try these tests themselves


@pytest.fixture(scope="session")
def region() -> str:
    """Where to make things; without credentials that work everything is skipped."""
    session = boto3.Session()
    region = os.environ.get("AWS_REGION") or session.region_name
    if session.get_credentials() is None:
        pytest.skip("no AWS credentials: set AWS_PROFILE, or AWS_ACCESS_KEY_ID and the secret")
    if region is None:
        pytest.skip("no region: set AWS_REGION")
    try:
        session.client("sts", region_name=region).get_caller_identity()
    except (BotoCoreError, ClientError) as error:
        pytest.skip(f"AWS does not accept these credentials: {error}")
    return str(region)


@pytest.fixture(scope="session")
def environ(region: str) -> Iterator[dict[str, str]]:
    """A bucket and tables of this run's own, made by `wavemill-janitor setup`."""
    mark = uuid4().hex[:12]
    own = {
        "WAVEMILL_ENV": "embedded",  # with a Redis of its own
        "WAVEMILL_STORAGE": "aws",
        "AWS_REGION": region,
        "S3_BUCKET": f"wavemill-staging-{mark}",
        "DYNAMODB_JOBS_TABLE": f"wavemill-staging-jobs-{mark}",
        "DYNAMODB_UPLOADS_TABLE": f"wavemill-staging-uploads-{mark}",
    }
    command = [sys.executable, "-m", "wavemill_janitor", "setup", "--apply", "--origin", ORIGIN]
    try:
        subprocess.run(command, env={**os.environ, **own}, check=True, timeout=300)
        yield own
    finally:
        _remove(own, region)


@pytest.fixture(scope="session")
def s3(environ: dict[str, str]) -> Iterator[Any]:
    """A plain client of S3."""
    client = boto3.client("s3", region_name=environ["AWS_REGION"], endpoint_url=ENDPOINT)
    yield client
    client.close()


def _remove(own: dict[str, str], region: str) -> None:
    s3 = boto3.client("s3", region_name=region, endpoint_url=ENDPOINT)
    tables = boto3.client("dynamodb", region_name=region, endpoint_url=ENDPOINT)
    bucket = own["S3_BUCKET"]
    for page in s3.get_paginator("list_objects_v2").paginate(Bucket=bucket):
        for one in page.get("Contents", ()):
            s3.delete_object(Bucket=bucket, Key=one["Key"])
    for upload in s3.list_multipart_uploads(Bucket=bucket).get("Uploads", ()):
        s3.abort_multipart_upload(Bucket=bucket, Key=upload["Key"], UploadId=upload["UploadId"])
    s3.delete_bucket(Bucket=bucket)
    for table in (own["DYNAMODB_JOBS_TABLE"], own["DYNAMODB_UPLOADS_TABLE"]):
        tables.delete_table(TableName=table)
    s3.close()
    tables.close()
