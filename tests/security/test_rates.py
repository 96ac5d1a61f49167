"""Rates: who sends too much is told to wait, and how long; nobody gets round it."""

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from pathlib import Path

import aiohttp
import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer

from support.client import Client
from support.cluster import Cluster
from support.problems import Reply, assert_problem
from support.redis import TestRedis
from wavemill_common.connections import connect
from wavemill_common.errors import RequestError
from wavemill_gateway.access.caller import SECRET
from wavemill_gateway.access.limiting import RATES, count_failures
from wavemill_gateway.access.proxies import TRUSTED_PROXIES
from wavemill_gateway.access.rates import REDIS_PATIENCE, STRICTER, Rates
from wavemill_gateway.problems import Handler, problems

Start = Callable[..., Awaitable[Cluster]]
UNKNOWN = "/api/uploads/" + "A" * 32  # counted, and needs no Redis to answer


@pytest.fixture
def own_redis(tmp_path: Path) -> Iterator[TestRedis]:
    server = TestRedis(tmp_path)
    server.start()
    yield server
    server.close()


async def burst(client: Client, count: int, **options: object) -> list[Reply]:
    return [await client.call("GET", UNKNOWN, **options) for _ in range(count)]


def statuses(replies: list[Reply]) -> list[int]:
    return [status for status, _, _ in replies]


def coming_from(address: str) -> dict[str, dict[str, str]]:
    return {"headers": {"X-Forwarded-For": address}}


async def test_a_caller_over_the_rate_waits_as_told_and_goes_on(
    start_gateway: Start, session: aiohttp.ClientSession
) -> None:
    cluster = await start_gateway(WAVEMILL_RATE_LIMIT="5/second")
    client = Client(session, cluster.gateways[0].url)
    replies = await asyncio.gather(*(client.call("GET", UNKNOWN) for _ in range(60)))
    refused = [reply for reply in replies if reply[0] != 404]
    assert 0 < len(refused) < 60
    body = assert_problem(refused[0], 429, "rate_limited")
    assert int(refused[0][2]["Retry-After"]) == body["retryAfter"] >= 1
    await asyncio.sleep(body["retryAfter"])
    assert statuses(await burst(client, 1)) == [404]


async def test_health_and_the_page_are_not_counted(
    start_gateway: Start, session: aiohttp.ClientSession
) -> None:
    cluster = await start_gateway(WAVEMILL_RATE_LIMIT="1/hour")
    client = Client(session, cluster.gateways[0].url)
    for path in ("/", "/healthz", "/readyz", "/assets/main.js"):
        replies = [await client.call("GET", path) for _ in range(3)]
        assert statuses(replies) == [200] * 3
    assert statuses(await burst(client, 2)) == [404, 429]


async def test_the_start_of_a_job_counts_for_several_requests(
    start_gateway: Start, session: aiohttp.ClientSession
) -> None:
    cluster = await start_gateway(WAVEMILL_RATE_LIMIT="12/hour")
    client = Client(session, cluster.gateways[0].url)
    replies = [await client.call("POST", "/api/convert-audio", json={}) for _ in range(3)]
    assert statuses(replies) == [400, 400, 429]


async def test_all_gateways_count_together(
    start_gateway: Start, session: aiohttp.ClientSession
) -> None:
    cluster = await start_gateway(gateways=2, WAVEMILL_RATE_LIMIT="10/hour")
    one, other = (Client(session, gateway.url) for gateway in cluster.gateways)
    assert statuses(await burst(one, 5)) == [404] * 5
    assert statuses(await burst(other, 6)) == [404] * 5 + [429]
    assert statuses(await burst(one, 1)) == [429]


async def test_a_made_up_forwarding_header_is_nobody_else_s_address(
    start_gateway: Start, session: aiohttp.ClientSession
) -> None:
    cluster = await start_gateway(WAVEMILL_RATE_LIMIT="5/hour")
    client = Client(session, cluster.gateways[0].url)
    replies = [await client.call("GET", UNKNOWN, **coming_from(f"6.6.6.{one}")) for one in range(6)]
    assert statuses(replies) == [404] * 5 + [429]


async def test_behind_a_proxy_each_client_counts_for_itself_by_what_the_proxy_wrote(
    start_gateway: Start, session: aiohttp.ClientSession
) -> None:
    cluster = await start_gateway(WAVEMILL_RATE_LIMIT="5/hour", WAVEMILL_TRUSTED_PROXIES="1")
    client = Client(session, cluster.gateways[0].url)
    for number in range(5):
        spoofed = coming_from(f"6.6.6.{number}, 203.0.113.7")
        assert statuses(await burst(client, 1, **spoofed)) == [404]
    assert statuses(await burst(client, 1, **coming_from("9.9.9.9, 203.0.113.7"))) == [429]
    assert statuses(await burst(client, 1, **coming_from("203.0.113.8"))) == [404]


async def test_the_addresses_of_one_household_count_together(
    start_gateway: Start, session: aiohttp.ClientSession
) -> None:
    cluster = await start_gateway(WAVEMILL_RATE_LIMIT="5/hour", WAVEMILL_TRUSTED_PROXIES="1")
    client = Client(session, cluster.gateways[0].url)
    for number in range(5):
        assert statuses(await burst(client, 1, **coming_from(f"2001:db8:1:2::{number}"))) == [404]
    assert statuses(await burst(client, 1, **coming_from("2001:db8:1:2:ffff::1"))) == [429]
    assert statuses(await burst(client, 1, **coming_from("2001:db8:1:3::1"))) == [404]


async def test_without_redis_a_stricter_limit_holds(
    start_gateway: Start, session: aiohttp.ClientSession
) -> None:
    limit = 40
    cluster = await start_gateway(WAVEMILL_RATE_LIMIT=f"{limit}/hour")
    client = Client(session, cluster.gateways[0].url)
    cluster.redis.kill()
    passed = limit // STRICTER
    assert statuses(await burst(client, passed + 2)) == [404] * passed + [429] * 2
    assert "rates_counted_locally" in cluster.gateways[0].log


async def test_a_hanging_redis_holds_up_no_request_for_long(
    start_gateway: Start, session: aiohttp.ClientSession
) -> None:
    cluster = await start_gateway(WAVEMILL_RATE_LIMIT="4000/hour")
    client = Client(session, cluster.gateways[0].url)
    await burst(client, 1)
    cluster.redis.pause()
    took = []
    for _ in range(20):
        began = time.monotonic()
        assert statuses(await burst(client, 1)) == [404]
        took.append(time.monotonic() - began)
    cluster.redis.resume()
    print(f"hanging Redis: {max(took):.3f} s at most, {sorted(took)[10]:.4f} s mostly")  # noqa: T201 - the figures of this test
    assert sum(one > REDIS_PATIENCE for one in took) <= 2  # the others don't ask it
    assert max(took) < REDIS_PATIENCE + 2.0  # a bound for noisy machines


async def test_an_account_may_have_a_limit_of_its_own(own_redis: TestRedis) -> None:
    async with connect(own_redis.url) as counting:
        rates = Rates("", counting.connection_pool)
        assert [await rates.take("net:a") for _ in range(3)] == [None] * 3
        waits = [await rates.take("key:a", own="2/hour") for _ in range(3)]
        assert waits[:2] == [None, None]
        assert waits[2] is not None
        assert 1 <= waits[2] <= 3600


# --- wrong keys -----------------------------------------------------------------------------------


class WrongKey(RequestError):
    status, code = 401, "unauthorized"


@web.middleware
async def ask_for_a_key(request: web.Request, handler: Handler) -> web.StreamResponse:
    if request.headers.get("Authorization") != "Bearer right":
        raise WrongKey("no such key")
    return await handler(request)


@pytest.fixture
async def keyed(own_redis: TestRedis) -> AsyncIterator[str]:
    async def answer(_: web.Request) -> web.Response:
        return web.json_response({})

    app = web.Application(middlewares=[problems, count_failures, ask_for_a_key])
    app[TRUSTED_PROXIES] = 1
    app[SECRET] = b"secret"
    app.router.add_get("/api/formats", answer)
    async with connect(own_redis.url) as counting:
        app[RATES] = Rates("10/hour", counting.connection_pool)
        async with TestServer(app) as server:
            yield str(server.make_url("")).rstrip("/")


async def test_wrong_keys_count_by_network_and_spare_the_right_ones(
    keyed: str, session: aiohttp.ClientSession
) -> None:
    client = Client(session, keyed)

    async def try_key(key: str, address: str = "203.0.113.7") -> int:
        headers = {"Authorization": f"Bearer {key}", "X-Forwarded-For": address}
        return (await client.call("GET", "/api/formats", headers=headers))[0]

    assert [await try_key(f"guess-{number}") for number in range(4)] == [401, 401, 429, 429]
    assert await try_key("right") == 200  # who shares the network is not shut out
    assert await try_key("guess", "203.0.113.8") == 401
