"""Stand-ins for AWS: moto's server, and tables of a test's own."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any
from uuid import uuid4

from msgspec import structs

from wavemill_common.records.dynamo_calls import DynamoCalls, DynamoConfig
from wavemill_common.records.dynamo_tables import jobs_table, uploads_table
from wavemill_common.records.dynamodb import DynamoJobStore

REGION = "eu-central-1"


def dynamo_config(endpoint_url: str, **changes: Any) -> DynamoConfig:
    """Tables that no other test has."""
    mark = uuid4().hex
    config = DynamoConfig(
        jobs_table=f"jobs-{mark}",
        uploads_table=f"uploads-{mark}",
        region=REGION,
        endpoint_url=endpoint_url,
        access_key="test",
        secret_key="test",  # noqa: S106 - what stand-ins take
    )
    return structs.replace(config, **changes)


async def create_tables(calls: DynamoCalls, config: DynamoConfig) -> None:
    """Make both tables."""
    tables = (jobs_table(config.jobs_table), uploads_table(config.uploads_table))
    await asyncio.gather(*(calls.once("create_table", **table) for table in tables))


@asynccontextmanager
async def dynamo_store(endpoint_url: str, now: float) -> AsyncIterator[DynamoJobStore]:
    """A store with empty tables, at a fixed time."""
    config = dynamo_config(endpoint_url)
    async with DynamoCalls.open(config) as calls:
        await create_tables(calls, config)
        yield DynamoJobStore(calls, config, lambda: now)
