"""Logs: one line an event, and none tells a secret, a file's name or a tag."""

import asyncio
import json
import subprocess
from collections.abc import Callable
from pathlib import Path

import aiohttp

from support.client import Client
from support.raw_http import Rude
from support.server import Wavemill

CANARIES = {
    "setting": "CANARYwavemillsecret",
    "webhook": "CANARYwebhooksecret",
    "key": "CANARYapikey",
    "signature": "CANARYsignature",
    "name": "CANARYfilename",
    "tag": "CANARYtag",
    "cookie": "CANARYcookie",
}


def tagged(ffmpeg: str, lena: Path, folder: Path) -> Path:
    path = folder / f"{CANARIES['name']}.mp3"
    tags = [
        "-metadata",
        f"title={CANARIES['tag']}\r\nforged",
        "-metadata",
        f"artist={CANARIES['tag']}",
    ]
    command = [ffmpeg, "-v", "error", "-i", str(lena / "lena.mp3"), "-c", "copy", *tags, str(path)]
    subprocess.run(command, check=True)
    return path


async def test_no_log_of_any_service_tells_what_it_must_not(
    start_wavemill: Callable[..., Wavemill],
    session: aiohttp.ClientSession,
    ffmpeg: str,
    lena: Path,
    tmp_path: Path,
) -> None:
    server = start_wavemill(
        WAVEMILL_SECRET=CANARIES["setting"],
        WAVEMILL_WEBHOOK_SECRET=CANARIES["webhook"],
        WAVEMILL_WEBHOOK_PRIVATE="1",
        WAVEMILL_LOG_LEVEL="debug",
        WAVEMILL_MAX_DURATION="60",
    )
    session.headers["Authorization"] = f"Bearer {CANARIES['key']}"
    session.headers["Cookie"] = f"session={CANARIES['cookie']}"
    client = Client(session, server.url)
    song = tagged(ffmpeg, lena, tmp_path)
    await _succeed(client, song)
    await _fail(client, song, tmp_path)
    await _send_nonsense(client, server.port)
    server.stop()
    lines = server.log.splitlines()
    printed = [line for line in lines if not line.startswith("{")]
    assert all(line.startswith("wavemill ") for line in printed), printed
    events = [json.loads(line) for line in lines if line.startswith("{")]
    assert {"gateway", "converter", "janitor"} <= {event.get("service") for event in events}
    assert "attempt_ended" in {event["event"] for event in events}
    found = {name for name, canary in CANARIES.items() if canary.lower() in server.log.lower()}
    assert found == set()
    assert "forged" not in server.log


async def _succeed(client: Client, song: Path) -> None:
    """A whole job, with a webhook that nobody answers."""
    upload = await client.upload(song)
    asked = {
        "options": {"metadata": {"album": CANARIES["tag"]}},
        "webhookUrl": f"http://127.0.0.1:1/hook?token={CANARIES['signature']}",
    }
    job_id = await client.convert(upload["fileId"], "m4a", **asked)
    assert (await client.wait(job_id))["status"] == "completed"
    async with client.session.get(f"{client.url}/api/download?jobId={job_id}") as response:
        assert response.status == 200
        await response.read()
    await client.call("DELETE", f"/api/jobs/{job_id}")


async def _fail(client: Client, song: Path, folder: Path) -> None:
    """Jobs that end badly: noise, a file that is too long, a torn one."""
    noise = folder / f"{CANARIES['name']}-noise.mp3"
    noise.write_bytes(bytes(range(256)) * 40)
    long = folder / f"{CANARIES['name']}-long.mp3"
    long.write_bytes(song.read_bytes() * 10)
    torn = folder / f"{CANARIES['name']}-torn.mp3"
    torn.write_bytes(song.read_bytes()[:2000] + b"\0" * 50_000)
    for path in (noise, long, torn):
        upload = await client.upload(path)
        job_id = await client.convert(upload["fileId"], "flac")
        ended = await client.wait(job_id)
        assert ended["status"] in {"failed", "completed"}
    cancelled = await client.upload(song)
    job_id = await client.convert(cancelled["fileId"], "opus")
    await client.call("DELETE", f"/api/jobs/{job_id}")


async def _send_nonsense(client: Client, port: int) -> None:
    """Requests that are refused, with secrets wherever one may stand."""
    name, signature = CANARIES["name"], CANARIES["signature"]
    for path in (
        f"/api/download?jobId=x&token={signature}",
        f"/api/uploads/{'A' * 20}?X-Amz-Signature={signature}",
        f"/nothing/?key={signature}",
    ):
        await client.call("GET", path)
    await client.call("POST", "/api/uploads", json={"fileName": f"{name}\r\nforged", "fileSize": 0})
    await client.call("POST", "/api/uploads", json={"fileName": name, "fileSize": "forged"})
    async with await Rude.connect(port) as rude:
        rude.writer.write(
            f"GET /{signature}\0 HTTP/1.1\r\nAuthorization: Bearer {signature}\r\n\r\n".encode()
        )
        async with asyncio.timeout(20):
            assert (await rude.reply())[0] == 400
