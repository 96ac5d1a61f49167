"""DynamoCalls: every call to DynamoDB, under the one retry policy, with its failures translated."""

import asyncio
import random
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager
from typing import Any, Self

import aiohttp
from msgspec import Struct

from wavemill_common.errors import JobStoreUnavailable, Throttled, Unavailable
from wavemill_common.records.dynamo_faults import ConditionFailed, no_answer, refusal
from wavemill_common.retry import retried
from wavemill_common.user_agent import USER_AGENT

Item = dict[str, Any]  # attribute → typed value, as on the wire: {"jobId": {"S": "k7…"}}

CONNECT_TIMEOUT, READ_TIMEOUT = 2.0, 5.0  # seconds
CONNECTIONS = 64
BATCH = 100  # keys that one BatchGetItem takes
UNPROCESSED_PAUSE = 0.05  # seconds; full jitter, doubled for every round


class DynamoConfig(Struct, frozen=True, kw_only=True):
    """Which tables where. Without keys, the credentials are those of the role."""

    jobs_table: str
    uploads_table: str
    region: str
    endpoint_url: str | None = None
    access_key: str | None = None
    secret_key: str | None = None
    session_token: str | None = None

    def __repr__(self) -> str:  # a secret must not get into a log by way of a traceback
        return f"DynamoConfig({self.jobs_table}, {self.uploads_table}, {self.region})"


class Outcome(Struct, frozen=True):
    """How a conditional write went.

    `found` is what is stored where the condition did not hold. `repeated` tells that an earlier
    try was not answered: it may have been this very write that the condition failed on.
    """

    written: bool
    found: Item | None = None
    repeated: bool = False


class DynamoCalls:
    """A client of DynamoDB, open. botocore's own retries are off: ours know what may repeat."""

    def __init__(self, client: Any, endpoint: str) -> None:
        self._client = client
        self._endpoint = endpoint
        self._closed = False

    @classmethod
    @asynccontextmanager
    async def open(cls, config: DynamoConfig) -> AsyncIterator[Self]:
        """Make the client; it connects when it is first used."""
        import aioboto3
        from aiobotocore.config import AioConfig

        session = aioboto3.Session(
            aws_access_key_id=config.access_key,
            aws_secret_access_key=config.secret_key,
            aws_session_token=config.session_token,
            region_name=config.region,
        )
        options = AioConfig(
            user_agent=USER_AGENT,
            connect_timeout=CONNECT_TIMEOUT,
            read_timeout=READ_TIMEOUT,
            max_pool_connections=CONNECTIONS,
            retries={"mode": "standard", "total_max_attempts": 1},
        )
        endpoint = config.endpoint_url or None
        async with session.client("dynamodb", endpoint_url=endpoint, config=options) as client:
            calls = cls(client, client.meta.endpoint_url)
            try:
                yield calls
            finally:
                calls.close()

    def close(self) -> None:
        """Take no more calls."""
        self._closed = True

    async def call(self, operation: str, **parameters: Any) -> Item:
        """Read, or write what may be written twice; tried again as the policy says."""
        return await retried(self.once, operation, **parameters)

    async def write(self, operation: str, **parameters: Any) -> Outcome:
        """Write under a condition; tried again as the policy says."""
        repeated = False

        async def attempt() -> Outcome:
            nonlocal repeated
            try:
                await self.once(operation, **parameters)
            except ConditionFailed as failed:
                return Outcome(written=False, found=failed.item, repeated=repeated)
            except Throttled:
                raise  # refused before anything was done
            except Unavailable:
                repeated = True
                raise
            return Outcome(written=True)

        return await retried(attempt)

    async def get_many(
        self, table: str, key: str, ids: Iterable[str], **projection: Any
    ) -> list[Item]:
        """Read those items of several that are there, consistently, in no promised order.

        Each is as it was at some moment of the call, not all at the same.
        """
        wanted = list(dict.fromkeys(ids))  # a batch must not name a key twice
        found: list[Item] = []
        for start in range(0, len(wanted), BATCH):
            keys = [{key: {"S": one}} for one in wanted[start : start + BATCH]]
            request: Item = {table: {"Keys": keys, "ConsistentRead": True, **projection}}
            pause = UNPROCESSED_PAUSE
            while request:
                reply = await self.call("batch_get_item", RequestItems=request)
                found += reply["Responses"].get(table, [])
                request = reply.get("UnprocessedKeys") or {}
                if request:
                    await asyncio.sleep(random.uniform(0, pause))
                    pause *= 2
        return found

    async def scan(self, table: str, **parameters: Any) -> AsyncIterator[Item]:
        """Read a whole table, page by page."""
        place: Item = {}
        while True:
            reply = await self.call("scan", TableName=table, **parameters, **place)
            for item in reply["Items"]:
                yield item
            if "LastEvaluatedKey" not in reply:
                return
            place = {"ExclusiveStartKey": reply["LastEvaluatedKey"]}

    async def once(self, operation: str, **parameters: Any) -> Item:
        """Send one request, once."""
        from botocore.exceptions import BotoCoreError, ClientError

        if self._closed:
            raise JobStoreUnavailable("the job store is closed")
        try:
            reply: Item = await getattr(self._client, operation)(**parameters)
        except ClientError as error:
            raise refusal(error, operation, _table(parameters)) from error
        except (BotoCoreError, aiohttp.ClientError, OSError, TimeoutError) as error:
            raise no_answer(error, self._endpoint) from error
        return reply


def _table(parameters: Item) -> str:
    """The table that a request is about."""
    if "RequestItems" in parameters:
        return ", ".join(parameters["RequestItems"])
    if "TransactItems" in parameters:
        (operation,) = parameters["TransactItems"][0].values()
        return str(operation["TableName"])
    return str(parameters.get("TableName"))
