"""Quotas: what one caller may have under way and stored; one too many leaves no trace."""

import asyncio
import json
import subprocess
import sys
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from support.client import Client
from support.cluster import Cluster
from support.problems import Reply, assert_problem

Start = Callable[..., Awaitable[Cluster]]
SMALL = {"fileName": "a.wav", "fileSize": 1000}


async def open_upload(client: Client, address: str = "203.0.113.7", **changed: Any) -> Reply:
    headers = {"X-Forwarded-For": address}
    return await client.call("POST", "/api/uploads", json=SMALL | changed, headers=headers)


def stored_uploads(cluster: Cluster) -> list[dict[str, Any]]:
    """What an operator sees."""
    command = [sys.executable, "-m", "wavemill_janitor", "uploads", "list", "--json"]
    told = subprocess.run(command, env=cluster.environ, check=True, capture_output=True)
    uploads: list[dict[str, Any]] = json.loads(told.stdout)["uploads"]
    return uploads


async def test_the_ninth_open_upload_is_refused_and_leaves_nothing(
    start_gateway: Start, session: aiohttp.ClientSession, lena: Path
) -> None:
    cluster = await start_gateway(WAVEMILL_MAX_OPEN_UPLOADS="8")
    client = Client(session, cluster.gateways[0].url)
    first, *_ = [await open_upload(client) for _ in range(8)]
    body = assert_problem(await open_upload(client), 429, "rate_limited")
    assert body["limit"] == 8
    assert body["retryAfter"] > 0
    form = aiohttp.FormData({"file": (lena / "lena.mp3").open("rb")})
    reply = await client.call("POST", "/api/upload-audio", data=form)
    assert_problem(reply, 429, "rate_limited")
    assert int(reply[2]["Retry-After"]) > 0
    chunk = {"chunkIndex": "0", **{name: str(value) for name, value in SMALL.items()}}
    raw = {"Content-Type": "application/octet-stream"}
    reply = await client.call(
        "POST", "/api/upload-audio", params=chunk, data=b"x" * 1000, headers=raw
    )
    assert_problem(reply, 429, "rate_limited")
    assert len(stored_uploads(cluster)) == 8
    assert cluster.kept.keys() == []
    await client.call("DELETE", f"/api/uploads/{first[1]['fileId']}")
    assert (await open_upload(client))[0] == 201  # there is room at once


async def test_of_twenty_uploads_opened_at_once_eight_are(
    start_gateway: Start, session: aiohttp.ClientSession
) -> None:
    cluster = await start_gateway(WAVEMILL_MAX_OPEN_UPLOADS="8")
    client = Client(session, cluster.gateways[0].url)
    replies = await asyncio.gather(*(open_upload(client) for _ in range(20)))
    assert sorted(status for status, _, _ in replies) == [201] * 8 + [429] * 12
    assert len(stored_uploads(cluster)) == 8


async def test_a_complete_upload_is_no_longer_under_way(
    start_gateway: Start, session: aiohttp.ClientSession, lena: Path
) -> None:
    cluster = await start_gateway(WAVEMILL_MAX_OPEN_UPLOADS="1")
    client = Client(session, cluster.gateways[0].url)
    for _ in range(3):
        await client.upload(lena / "lena.mp3")
    assert (await open_upload(client))[0] == 201
    assert (await open_upload(client))[0] == 429


async def test_owners_do_not_count_for_each_other(
    start_gateway: Start, session: aiohttp.ClientSession
) -> None:
    cluster = await start_gateway(WAVEMILL_MAX_OPEN_UPLOADS="1", WAVEMILL_TRUSTED_PROXIES="1")
    client = Client(session, cluster.gateways[0].url)
    assert (await open_upload(client, "203.0.113.7"))[0] == 201
    assert (await open_upload(client, "203.0.113.8"))[0] == 201
    assert (await open_upload(client, "203.0.113.7"))[0] == 429


async def test_no_record_tells_an_anonymous_caller_s_address(
    start_gateway: Start, session: aiohttp.ClientSession
) -> None:
    cluster = await start_gateway(WAVEMILL_TRUSTED_PROXIES="1")
    client = Client(session, cluster.gateways[0].url)
    for address in ("203.0.113.7", "203.0.113.7", "203.0.113.8"):
        await open_upload(client, address)
    owners = [upload["owner"] for upload in stored_uploads(cluster)]
    assert len(set(owners)) == 2
    assert all(owner.startswith("net:") and "203" not in owner[:8] for owner in owners)


@pytest.mark.parametrize("room", [3000])
async def test_announced_bytes_count_before_they_come(
    start_gateway: Start, session: aiohttp.ClientSession, room: int
) -> None:
    cluster = await start_gateway(WAVEMILL_MAX_STORED_BYTES=str(room))
    client = Client(session, cluster.gateways[0].url)
    assert [(await open_upload(client))[0] for _ in range(3)] == [201] * 3
    body = assert_problem(await open_upload(client, fileSize=1), 429, "rate_limited")
    assert body["limit"] == room
    assert len(stored_uploads(cluster)) == 3


async def test_a_job_too_many_is_refused_until_one_has_ended(
    start_gateway: Start, session: aiohttp.ClientSession, lena: Path
) -> None:
    cluster = await start_gateway(WAVEMILL_MAX_JOBS_PER_OWNER="2")
    client = Client(session, cluster.gateways[0].url)
    upload = await client.upload(lena / "lena.mp3")
    asked = {"fileId": upload["fileId"], "format": "wav"}

    async def convert() -> Reply:
        return await client.call("POST", "/api/convert-audio", json=asked)

    replies = await asyncio.gather(*(convert() for _ in range(5)))
    assert sorted(status for status, _, _ in replies) == [202] * 2 + [429] * 3
    assert_problem(await convert(), 429, "rate_limited")
    job_id = next(body["jobId"] for status, body, _ in replies if status == 202)
    await client.call("DELETE", f"/api/jobs/{job_id}")
    assert (await convert())[0] == 202
    reply = await client.call("POST", f"/api/jobs/{job_id}/retry")
    assert_problem(reply, 429, "rate_limited")


async def test_a_repeat_with_its_key_is_no_further_job(
    start_gateway: Start, session: aiohttp.ClientSession, lena: Path
) -> None:
    cluster = await start_gateway(WAVEMILL_MAX_JOBS_PER_OWNER="1")
    client = Client(session, cluster.gateways[0].url)
    upload = await client.upload(lena / "lena.mp3")
    asked = {"fileId": upload["fileId"], "format": "wav"}
    for _ in range(3):
        status, _, _ = await client.call(
            "POST", "/api/convert-audio", json=asked, headers={"Idempotency-Key": "one"}
        )
        assert status == 202
