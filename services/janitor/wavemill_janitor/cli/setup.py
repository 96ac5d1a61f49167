"""setup: make the bucket and the tables that wavemill keeps its data in, where they are missing."""

import argparse
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from functools import partial
from typing import Any

from wavemill_common.errors import AppError, JobStoreUnavailable, StorageUnavailable
from wavemill_common.objects.s3_calls import S3Calls
from wavemill_common.records.dynamo_calls import DynamoCalls
from wavemill_common.records.dynamo_tables import TTL, jobs_table, uploads_table
from wavemill_common.settings import Settings, Storage
from wavemill_common.stores import dynamo_config, s3_config
from wavemill_janitor.cli.actions import Step, carry_out
from wavemill_janitor.cli.output import Output

OLD_MULTIPARTS = 1  # days; a backstop for when no janitor runs
DEFAULT_REGION = "us-east-1"  # the one that CreateBucket must not name
NOTHING = "it is there"


async def setup(args: argparse.Namespace, settings: Settings, out: Output) -> int:
    """Tell what is missing; with --apply make it. What is there is left as it is."""
    if settings.storage is not Storage.AWS:
        out.line("Nothing to do: with WAVEMILL_STORAGE=disk all is made when it is first used.")
        return 0
    async with _bucket_calls(settings) as s3, DynamoCalls.open(dynamo_config(settings)) as dynamo:
        steps = [
            await _bucket(s3, settings),
            await _table(dynamo, jobs_table(settings.dynamodb_jobs_table)),
            await _table(dynamo, uploads_table(settings.dynamodb_uploads_table)),
        ]
        return await carry_out(out, "setup", steps, apply=args.apply)


async def _bucket(s3: S3Calls, settings: Settings) -> Step:
    name = f"bucket {settings.s3_bucket}"
    try:
        await s3("list_objects_v2", MaxKeys=1)
    except StorageUnavailable as error:
        if _code(error) != "NoSuchBucket":
            raise
    else:
        return Step(id=name, state="there", does="nothing", skip=NOTHING)
    return Step(id=name, state="missing", does="create it", run=partial(_make_bucket, s3, settings))


async def _make_bucket(s3: S3Calls, settings: Settings) -> None:
    region = settings.aws_region
    place: dict[str, Any] = (
        {} if region == DEFAULT_REGION
        else {"CreateBucketConfiguration": {"LocationConstraint": region}}
    )  # fmt: skip
    await s3("create_bucket", **place)
    rule = {
        "ID": "abort-old-multiparts",
        "Status": "Enabled",
        "Filter": {"Prefix": ""},
        "AbortIncompleteMultipartUpload": {"DaysAfterInitiation": OLD_MULTIPARTS},
    }
    await s3("put_bucket_lifecycle_configuration", LifecycleConfiguration={"Rules": [rule]})


async def _table(dynamo: DynamoCalls, wanted: dict[str, Any]) -> Step:
    name = wanted["TableName"]
    try:
        await dynamo.once("describe_table", TableName=name)
    except JobStoreUnavailable as error:
        if _code(error) != "ResourceNotFoundException":
            raise
    else:
        return Step(id=f"table {name}", state="there", does="nothing", skip=NOTHING)
    make = partial(_make_table, dynamo, wanted)
    return Step(id=f"table {name}", state="missing", does="create it", run=make)


async def _make_table(dynamo: DynamoCalls, wanted: dict[str, Any]) -> None:
    name = wanted["TableName"]
    await dynamo.once("create_table", **wanted)
    await dynamo.wait_for_table(name)
    ttl = {"Enabled": True, "AttributeName": TTL}
    await dynamo.once("update_time_to_live", TableName=name, TimeToLiveSpecification=ttl)


def _code(error: AppError) -> str:
    """The error code behind what the stores' adapters say."""
    response: dict[str, Any] = getattr(error.__cause__, "response", {})
    return str(response.get("Error", {}).get("Code", ""))


@asynccontextmanager
async def _bucket_calls(settings: Settings) -> AsyncIterator[S3Calls]:
    import aioboto3
    from aiobotocore.config import AioConfig

    config = s3_config(settings)
    session = aioboto3.Session(**config.session_options())
    options = AioConfig(**config.client_options())
    async with session.client("s3", endpoint_url=config.endpoint_url, config=options) as client:
        yield S3Calls(client, config.bucket)
