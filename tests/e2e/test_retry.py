"""A failed or cancelled job is run again on request, and its owner's server hears of each end."""

import asyncio
import json
from collections.abc import Callable
from pathlib import Path

import aiohttp
from aiohttp import web

from support.audio import make_noise
from support.client import Client
from support.ports import free_port
from support.server import Wavemill, eventually

Start = Callable[..., Wavemill]


async def test_a_cancelled_job_is_run_again_and_completes(client: Client, tmp_path: Path) -> None:
    source = make_noise(tmp_path / "long.wav", 300)
    job_id = await client.convert((await client.upload(source))["fileId"], "mp3")
    await client.wait_for_stage(job_id, "converting")
    await client.call("DELETE", f"/api/jobs/{job_id}")
    assert (await client.progress(job_id))["progress"] == -1

    status, body, _ = await client.call("POST", f"/api/jobs/{job_id}/retry")

    assert (status, body["jobId"]) == (202, job_id)
    assert (await client.wait(job_id))["status"] == "completed"
    status, body, _ = await client.call("POST", f"/api/jobs/{job_id}/retry")
    assert (status, body["code"]) == (409, "conflict")


async def test_a_job_that_runs_is_not_disturbed_by_a_retry(client: Client, tmp_path: Path) -> None:
    source = make_noise(tmp_path / "long.wav", 120)
    job_id = await client.convert((await client.upload(source))["fileId"], "mp3")

    status, _, _ = await client.call("POST", f"/api/jobs/{job_id}/retry")

    assert status == 202
    assert (await client.wait(job_id))["attempt"] == 1


async def test_the_owner_s_server_is_told_of_the_end(
    start_wavemill: Start, session: aiohttp.ClientSession, lena: Path
) -> None:
    told: list[dict[str, object]] = []

    async def receive(request: web.Request) -> web.Response:
        told.append(json.loads(await request.read()) | {"id": request.headers["Wavemill-Id"]})
        return web.Response()

    app = web.Application()
    app.router.add_post("/hook", receive)
    runner = web.AppRunner(app)
    await runner.setup()
    port = free_port()
    await web.TCPSite(runner, "127.0.0.1", port).start()
    server = await asyncio.to_thread(start_wavemill, WAVEMILL_WEBHOOK_PRIVATE="1")
    client = Client(session, server.url)

    file_id = (await client.upload(lena / "lena.wav"))["fileId"]
    job_id = await client.convert(file_id, "mp3", webhookUrl=f"http://127.0.0.1:{port}/hook")
    await eventually(lambda: told)

    assert told[0]["status"] == "completed"
    assert told[0]["id"] == f"{job_id}:terminal"
    await runner.cleanup()


async def test_a_webhook_into_our_own_network_is_refused_at_once(
    client: Client, lena: Path
) -> None:
    file_id = (await client.upload(lena / "lena.wav"))["fileId"]
    asked = {"fileId": file_id, "format": "mp3", "webhookUrl": "http://169.254.169.254/latest"}

    status, body, _ = await client.call("POST", "/api/convert-audio", json=asked)

    assert (status, body["code"]) == (400, "invalid_webhook")
